// From a folder to an encoder-decoder.

import type { Seq2SeqFamily } from "../architectures/family.ts";
import type { Files } from "../core/files.ts";
import { readJson } from "../core/files.ts";
import type { Tree } from "../core/tree.ts";
import { checkSeq2SeqInvariants } from "../network/invariants.ts";
import type { Seq2SeqConfig } from "../network/seq2seq-input.ts";
import { Seq2SeqNetwork } from "../network/seq2seq.ts";
import type { Tokenizer } from "../network/tokenizer.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { CheckpointSource, LoadOptions } from "./load.ts";
import { familyParts, openSource } from "./load.ts";

/**
 * Opens an encoder-decoder, such as T5 or BART: a folder in Hugging Face layout.
 *
 * @throws PatchClampError what `openSource` and `familyParts` throw, and `INVARIANT_BROKEN` when the network's own numbers contradict
 * each other
 */
export async function openSeq2Seq(
  files: Files,
  options: LoadOptions = {},
): Promise<Seq2SeqNetwork> {
  const { name = files.name, check = true } = options;
  const source = await openSource(files);
  const config = await withStart(files, source);
  const parts = await familyParts("loadSeq2Seq", { ...source, config }, "seq2seq");
  const network = buildSeq2Seq({ name, ...parts, tokenizer: source.tokenizer });
  if (check) await checkSeq2SeqInvariants(network);
  return network;
}

const START = "decoder_start_token_id";

/** The config with the token that a target begins with, which some checkpoints keep beside it. */
async function withStart(files: Files, { config }: CheckpointSource): Promise<unknown> {
  const file = "generation_config.json";
  if (!isRecord(config) || !(await files.exists(file))) return config;
  const generation = await readJson("loadSeq2Seq", files, file);
  if (!isRecord(generation) || typeof generation[START] !== "number") return config;
  return { ...config, [START]: generation[START] };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An encoder-decoder of a family. */
export interface Seq2SeqParts<Config extends Seq2SeqConfig> {
  readonly name: string;
  readonly family: Seq2SeqFamily<Config>;
  readonly config: Config;
  readonly params: Tree<Tensor>;
  readonly tokenizer?: Tokenizer | undefined;
}

/** Makes an encoder-decoder of a family from its parts, for parameters that come from elsewhere than a folder. */
function buildSeq2Seq<Config extends Seq2SeqConfig>(parts: Seq2SeqParts<Config>): Seq2SeqNetwork {
  const { name, family, config, params, tokenizer } = parts;
  const { absent, meanings } = family;
  return new Seq2SeqNetwork({
    name,
    config,
    params,
    encode: (p, inputs, tap) => family.encode(p, inputs, tap, config),
    decode: (p, inputs, tap) => family.decode(p, inputs, tap, config),
    tokenizer,
    absent,
    ...(meanings === undefined ? {} : { meanings }),
  });
}
