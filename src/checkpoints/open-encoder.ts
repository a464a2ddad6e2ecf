// From a folder to a text encoder: its network, and how sentence-transformers makes one vector of a text with it.

import type { Files } from "../core/files.ts";
import { EncoderNetwork } from "../network/encoder.ts";
import { checkEncoderInvariants } from "../network/invariants.ts";
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
  const { family, config, params } = await familyParts("loadEncoder", source, "encoder");
  const { absent, meanings } = family;
  const network = new EncoderNetwork({
    name,
    config,
    params,
    forward: (p, inputs, tap) => family.forward(p, inputs, tap, config),
    tokenizer: source.tokenizer,
    absent,
    ...(meanings === undefined ? {} : { meanings }),
    ...(sentences === undefined ? {} : { sentences }),
  });
  if (check) await checkEncoderInvariants(network);
  return network;
}
