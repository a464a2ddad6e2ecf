// The file forms of values, told apart by their names and contents: our own, JSON, control vectors, pyvene's
// JSON, and the folders of PEFT and SAELens.

import { stat } from "node:fs/promises";
import { basename, dirname, extname } from "node:path";

import { readSafetensors } from "../checkpoints/safetensors.ts";
import {
  fromPyvene,
  interventionSet,
  readAdapter,
  readControlVector,
  readDictionary,
  readInterventions,
  readPeft,
  readProbe,
  readSaeLens,
} from "../checkpoints/values/index.ts";
import type { Adapter, Dictionary, InterventionSet, Probe } from "../checkpoints/values/index.ts";
import { PatchClampError } from "../core/errors.ts";
import { memoryFiles } from "../core/files.ts";
import { nodeFiles } from "../runtime/node-files.ts";

/** The forms that a value may be stored in. */
export const valueFormats = [
  "patchclamp",
  "json",
  "control-vector",
  "pyvene",
  "peft",
  "saelens",
] as const;

/** One of them. */
export type ValueFormat = (typeof valueFormats)[number];

/** What a file holds. */
export type StoredValue = {
  readonly format: ValueFormat;
  /** The kind of network it was made for, where a control vector says it. */
  readonly modelHint?: string | undefined;
} & (
  | { readonly kind: "interventions"; readonly set: InterventionSet }
  | { readonly kind: "probe"; readonly probe: Probe }
  | { readonly kind: "adapter"; readonly adapter: Adapter }
  | { readonly kind: "dictionary"; readonly dictionary: Dictionary }
);

/** What the help says of a file of values. */
export const valueHelp =
  "a PatchClamp file, JSON, a GGUF control vector, or a folder of PEFT or SAELens";

/** What a file is called in a sentence. */
export const formatNames: Readonly<Record<ValueFormat, string>> = {
  patchclamp: "a PatchClamp file",
  json: "JSON",
  "control-vector": "a GGUF control vector",
  pyvene: "JSON of pyvene",
  peft: "a PEFT folder",
  saelens: "a SAELens folder",
};

/**
 * Reads the interventions of a file in any of the forms.
 *
 * @throws PatchClampError `BAD_INPUT` when it holds something else, and what `readStored` throws
 */
export async function readSet(path: string): Promise<InterventionSet> {
  const stored = await readStored(path);
  if (stored.kind === "interventions") return stored.set;
  throw new PatchClampError("BAD_INPUT", {
    where: "interventions",
    problem: `${path} holds ${stored.kind === "adapter" ? "an" : "a"} ${stored.kind}, not interventions.`,
    fix: "give a file of interventions; `patchclamp steer describe FILE` says what a file holds.",
    facts: { path, kind: stored.kind },
  });
}

/**
 * Reads a value in any of the forms.
 *
 * @param path - a folder is one of PEFT or SAELens, `.gguf` for a control vector, `.json` for our JSON or pyvene's, by what stands in it;
 * anything else for a PatchClamp file
 * @throws PatchClampError `BAD_FILE` when the file is missing or damaged, `UNSUPPORTED` when it holds what has no equal here
 */
export async function readStored(path: string): Promise<StoredValue> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    throw new PatchClampError("BAD_FILE", {
      where: "interventions",
      problem: `there is no file ${path}.`,
      facts: { path },
    });
  }
  if (found.isDirectory()) return readFolder(path);
  const bytes = await nodeFiles(dirname(path)).read(basename(path));
  switch (extname(path)) {
    case ".gguf": {
      const { set, modelHint } = await readControlVector(bytes, path);
      return { format: "control-vector", kind: "interventions", set, modelHint };
    }
    case ".json":
      return readJsonValue(bytes, path);
    default:
      return readOwn(bytes, path);
  }
}

async function readFolder(path: string): Promise<StoredValue> {
  const files = nodeFiles(path);
  if (await files.exists("adapter_config.json")) {
    return { format: "peft", kind: "adapter", adapter: await readPeft(files) };
  }
  if (await files.exists("cfg.json")) {
    return { format: "saelens", kind: "dictionary", dictionary: await readSaeLens(files) };
  }
  throw new PatchClampError("BAD_FILE", {
    where: "interventions",
    problem: `${path} is a folder without adapter_config.json and cfg.json, so it is neither of PEFT nor of SAELens.`,
    fix: "name a file, or the folder of an adapter or a dictionary.",
    facts: { path },
  });
}

function readJsonValue(bytes: Uint8Array, path: string): StoredValue {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new PatchClampError("BAD_FILE", {
      where: "interventions",
      problem: `${path} is not JSON.`,
      facts: { path },
      cause,
    });
  }
  const isPyvene = typeof json === "object" && json !== null && "representations" in json;
  return isPyvene
    ? { format: "pyvene", kind: "interventions", set: fromPyvene(json) }
    : { format: "json", kind: "interventions", set: interventionSet(json as never) };
}

async function readOwn(bytes: Uint8Array, path: string): Promise<StoredValue> {
  const name = basename(path);
  const { metadata } = await readSafetensors(memoryFiles({ [name]: bytes }), name);
  const holds = (key: string): boolean => Object.hasOwn(metadata, key);
  const format = "patchclamp";
  if (holds("patchclamp.probe")) {
    return { format, kind: "probe", probe: await readProbe(bytes, path) };
  }
  if (holds("patchclamp.adapter")) {
    return { format, kind: "adapter", adapter: await readAdapter(bytes, path) };
  }
  if (holds("patchclamp.dictionary")) {
    const { dictionary } = await readDictionary(bytes, { name: path });
    return { format, kind: "dictionary", dictionary };
  }
  const { set } = await readInterventions(bytes, { name: path });
  return { format, kind: "interventions", set };
}

/** The form that a name asks for: `.gguf`, `.pyvene.json`, `.json`, `.safetensors`, or a folder of the kind that suits. */
export function formatOf(path: string, kind: StoredValue["kind"]): ValueFormat | undefined {
  if (path.endsWith(".pyvene.json")) return "pyvene";
  const byExtension: Readonly<Record<string, ValueFormat>> = {
    ".safetensors": "patchclamp",
    ".json": "json",
    ".gguf": "control-vector",
    "": kind === "dictionary" ? "saelens" : "peft",
  };
  return byExtension[extname(path)];
}
