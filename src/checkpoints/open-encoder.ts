// From a folder to a text encoder: its network, and how sentence-transformers makes one vector of a text with it.

import type { Files } from "../core/files.ts";
import type { EncoderNetwork } from "../network/encoder.ts";
import { checkEncoderInvariants } from "../network/invariants.ts";
import { buildEncoder } from "./build.ts";
import { familyParts, openSource } from "./load.ts";
import type { LoadOptions } from "./load.ts";
import { readSentenceForm } from "./sentence-form.ts";

/**
 * Opens a text encoder: a folder in Hugging Face layout, with the files of sentence-transformers or without.
 *
 * @throws PatchClampError what `openSource` and `familyParts` throw, `UNSUPPORTED` for a step of sentence-transformers that is not computed
 * here, and `INVARIANT_BROKEN` when the network's own numbers contradict each other
 */
export async function openEncoder(
  files: Files,
  options: LoadOptions = {},
): Promise<EncoderNetwork> {
  const { name = files.name, check = true } = options;
  const source = await openSource(files);
  const sentences = await readSentenceForm(files);
  const parts = await familyParts("loadEncoder", source, "encoder");
  const network = buildEncoder({ name, ...parts, tokenizer: source.tokenizer, sentences });
  if (check) await checkEncoderInvariants(network);
  return network;
}
