// Dictionaries as files.

import type { Dictionary, DictionaryInput } from "../../values/dictionary.ts";
import { dictionary, dictionarySchema } from "../../values/dictionary.ts";
import type { Origin } from "../../values/intervention-set.ts";
import { originOf } from "../../values/intervention-set.ts";
import type { ReadValueOptions } from "./intervention-file.ts";
import { identityFrom } from "./intervention-file.ts";
import type { ValueForm } from "./value-file.ts";
import { readValueFile, writeValue } from "./value-file.ts";

const dictionaryForm = {
  key: "patchclamp.dictionary",
  what: "the dictionary",
  schema: dictionarySchema,
} as const satisfies ValueForm<typeof dictionarySchema>;

/** A dictionary of a file. */
export interface ReadDictionary {
  readonly dictionary: Dictionary;
  /** Whether the network at hand is the one that it was made for. */
  readonly origin: Origin;
}

/**
 * Writes a dictionary as one file: safetensors with `patchclamp.dictionary` in its metadata.
 *
 * @returns the whole file; the same dictionary gives the same bytes
 * @throws PatchClampError what `dictionary` throws
 */
export function writeDictionary(given: DictionaryInput): Uint8Array {
  return writeValue(dictionaryForm, dictionary(given));
}

/**
 * Reads a dictionary from a file, and compares the network that it was made for with the one at hand.
 *
 * @param bytes - the whole file
 * @throws PatchClampError as `readInterventions`
 */
export async function readDictionary(
  bytes: Uint8Array,
  options: ReadValueOptions = {},
): Promise<ReadDictionary> {
  const { network, name = "the file" } = options;
  const where = "readDictionary";
  const read = await readValueFile(where, dictionaryForm, { bytes, name });
  return {
    dictionary: read,
    origin: originOf(where, read.madeFor, await identityFrom(network)),
  };
}
