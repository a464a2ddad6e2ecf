// Networks of a few thousand random weights, saved and opened like any checkpoint.

import type { DecoderFamily } from "../src/architectures/family.ts";
import { gpt2Family } from "../src/architectures/gpt2.ts";
import { llamaFamily } from "../src/architectures/llama.ts";
import { saveCheckpoint } from "../src/checkpoints/save.ts";
import {
  wordTokenizerConfig,
  wordTokenizerJson,
} from "../src/checkpoints/tokenizer/word-tokenizer.ts";
import { memoryFiles, type Files } from "../src/core/files.ts";
import { Rng } from "../src/core/rng.ts";
import { openNetwork } from "../src/index.ts";
import type { LanguageNetwork } from "../src/network/language.ts";

export type TinyFamily = "gpt2" | "llama";

/** config.json of a two-layer GPT-2 with 2 heads, width 16, 23 tokens and a context of 96. */
export const tinyGpt2Config = {
  architectures: ["GPT2LMHeadModel"],
  n_layer: 2,
  n_head: 2,
  n_embd: 16,
  n_inner: 24,
  n_positions: 96,
  vocab_size: 23,
};

/** config.json of a two-layer Llama with 4 heads that share 2 key heads, width 16, 23 tokens and a context of 96. */
export const tinyLlamaConfig = {
  architectures: ["LlamaForCausalLM"],
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 6,
  hidden_size: 16,
  intermediate_size: 20,
  max_position_embeddings: 96,
  vocab_size: 23,
};

const tiny: Record<TinyFamily, [DecoderFamily, Readonly<Record<string, unknown>>]> = {
  gpt2: [gpt2Family as unknown as DecoderFamily, tinyGpt2Config],
  llama: [llamaFamily as unknown as DecoderFamily, tinyLlamaConfig],
};

export interface TinyOptions {
  /** Keys of config.json to change. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Default 1. */
  readonly seed?: number;
  /** Words of a tokenizer, which gets four special tokens before them. Default: no tokenizer. */
  readonly words?: readonly string[];
}

/** A folder in memory with a tiny checkpoint. */
export async function tinyFiles(name: TinyFamily, options: TinyOptions = {}): Promise<Files> {
  const { seed = 1, words } = options;
  const [family, base] = tiny[name];
  const config = { ...base, ...options.config };
  const rng = new Rng(seed);
  const tensors: Record<string, { shape: number[]; data: Float32Array }> = {};
  for (const entry of family.layout(family.config(config))) {
    const whole = entry.shape.with(0, entry.part?.total ?? entry.shape[0]!);
    const shape = entry.isTransposed === true ? whole.toReversed() : whole;
    const centre = /ln_?\w*\.weight$|norm\.weight$/.test(entry.name) ? 1 : 0;
    const data = rng.normals(shape.reduce((product, size) => product * size, 1));
    tensors[entry.name] ??= { shape, data: data.map((x) => centre + 0.35 * x) };
  }
  const files = memoryFiles({}, `tiny-${name}`);
  const tokenizer =
    words === undefined
      ? {}
      : { tokenizerJson: wordTokenizerJson(words), tokenizerConfig: wordTokenizerConfig() };
  await saveCheckpoint(files, { config, tensors, ...tokenizer });
  return files;
}

/** A tiny network. Its invariants are not checked. */
export async function tinyNetwork(
  name: TinyFamily,
  options: TinyOptions = {},
): Promise<LanguageNetwork> {
  return openNetwork(await tinyFiles(name, options), { check: false });
}

/** Largest absolute difference of two arrays of one length; Infinity when their lengths differ. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}
