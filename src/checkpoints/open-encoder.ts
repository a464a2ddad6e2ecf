// From a folder to a text encoder: its network, and how sentence-transformers makes one vector of a text with it.

import type { EncoderFamily } from "../architectures/family.ts";
import type { Files } from "../core/files.ts";
import type { Tree } from "../core/tree.ts";
import type { EncoderConfig } from "../network/encoder-input.ts";
import type { SentenceForm } from "../network/encoder.ts";
import { EncoderNetwork } from "../network/encoder.ts";
import { checkEncoderInvariants } from "../network/invariants.ts";
import type { Tokenizer } from "../network/tokenizer.ts";
import type { Tensor } from "../tensor/tensor.ts";
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

/** A text encoder of a family. */
export interface EncoderParts<Config extends EncoderConfig> {
  readonly name: string;
  readonly family: EncoderFamily<Config>;
  readonly config: Config;
  readonly params: Tree<Tensor>;
  readonly tokenizer?: Tokenizer | undefined;
  /** Default: the mean of the hidden states, as it is. */
  readonly sentences?: SentenceForm | undefined;
}

/** Makes a text encoder of a family from its parts, for parameters that come from elsewhere than a folder. */
function buildEncoder<Config extends EncoderConfig>(parts: EncoderParts<Config>): EncoderNetwork {
  const { name, family, config, params, tokenizer, sentences } = parts;
  const { absent, meanings } = family;
  return new EncoderNetwork({
    name,
    config,
    params,
    forward: (p, inputs, tap) => family.forward(p, inputs, tap, config),
    tokenizer,
    absent,
    ...(meanings === undefined ? {} : { meanings }),
    ...(sentences === undefined ? {} : { sentences }),
  });
}
