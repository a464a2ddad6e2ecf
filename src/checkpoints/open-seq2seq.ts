// From a folder to an encoder-decoder.

import type { Files } from "../core/files.ts";
import { readJson } from "../core/files.ts";
import { checkSeq2SeqInvariants } from "../network/invariants.ts";
import type { Seq2SeqNetwork } from "../network/seq2seq.ts";
import type { CheckpointSource, LoadOptions } from "./load.ts";
import { buildSeq2Seq } from "./build.ts";
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
  const json = await withStart(files, source);
  const parts = await familyParts("loadSeq2Seq", { ...source, config: json }, "seq2seq");
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
