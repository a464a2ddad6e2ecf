// What language networks are given: prompts in their several forms, and the tensors made of them. Rows of unequal length
// are padded, and the padding is masked so that every row gives the numbers it gives alone.

import { PatchClampError } from "../core/errors.ts";
import { causalBias, paddedCausalBias } from "../nn/layers.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What a decoder takes: a text, token ids, or several of either. */
export type Prompt =
  | string
  | readonly number[]
  | readonly string[]
  | readonly (readonly number[])[];

/** A prompt with a choice of where shorter rows are padded. */
export interface PaddedPrompt {
  readonly prompts: readonly string[] | readonly (readonly number[])[];
  /** Where the padding of shorter rows goes. `left` keeps the last token of all rows at one position. Default `left`. */
  readonly padding?: "left" | "right";
}

/** What language networks take. */
export type LanguageInput = Prompt | PaddedPrompt;

/** Keys and values of earlier positions for every layer, and where new ones go. */
export interface KvCache {
  /** What is known of earlier positions in a layer, each [batch, kvHead, capacity, dHead]. */
  readonly past: (layer: number) => { readonly k: Tensor; readonly v: Tensor } | undefined;
  /** Takes the keys and values of the new positions, each [batch, kvHead, pos, dHead]. */
  readonly store: (layer: number, k: Tensor, v: Tensor) => void;
}

/** What the function of a language network takes. */
export interface DecoderInputs {
  /** int32, [batch, pos] */
  readonly tokens: Tensor;
  /** int32, [batch or 1, pos] */
  readonly positions: Tensor;
  /** Added to attention scores, [batch or 1, 1, pos, capacity + pos] */
  readonly mask: Tensor;
  readonly cache?: KvCache;
}

/** Sizes every decoder has. */
export interface DecoderConfig {
  readonly nLayers: number;
  readonly nHeads: number;
  readonly nKvHeads?: number;
  readonly dModel: number;
  readonly dHead: number;
  readonly dVocab: number;
  /** Longest sequence. */
  readonly nCtx: number;
}

/** Token ids of a batch, and which positions hold them. */
export interface TokenBatch {
  /** [batch][pos], padded to one length. */
  readonly ids: readonly (readonly number[])[];
  /** Number of real tokens in each row. */
  readonly lengths: readonly number[];
  readonly padding: "left" | "right";
}

/**
 * The rows of what users give, with the choice of padding.
 *
 * @throws PatchClampError `BAD_INPUT` when there are none
 */
export function rowsOf(given: LanguageInput): Required<PaddedPrompt> {
  const { prompts, padding = "left" } = padded(given);
  if (prompts.length > 0) return { prompts, padding };
  throw new PatchClampError("BAD_INPUT", {
    where: "prompt",
    problem: "the list of prompts is empty.",
  });
}

function padded(given: LanguageInput): PaddedPrompt {
  if (typeof given === "string") return { prompts: [given] };
  if ("prompts" in given) return given;
  if (typeof given[0] === "number") return { prompts: [given as readonly number[]] };
  return { prompts: given as PaddedPrompt["prompts"] };
}

/** Tokens, positions and mask of a padded batch. */
export function batchInputs({ ids, lengths, padding }: TokenBatch): {
  tokens: Tensor;
  positions: Tensor;
  mask: Tensor;
} {
  const batch = ids.length;
  const pos = ids[0]!.length;
  const tokens = fromHost(
    Int32Array.from(ids.flat()),
    { shape: [batch, pos], dtype: "int32" },
    "tokens",
  );
  if (lengths.every((length) => length === pos)) {
    const positions = fromHost(
      Int32Array.from({ length: pos }, (_, i) => i),
      { shape: [1, pos], dtype: "int32" },
    );
    return { tokens, positions, mask: causalBias(pos) };
  }
  const isReal = lengths.map((length) =>
    Array.from({ length: pos }, (_, i) => (padding === "left" ? i >= pos - length : i < length)),
  );
  const positions = Int32Array.from(
    lengths.flatMap((length) =>
      Array.from({ length: pos }, (_, i) =>
        Math.max(0, padding === "left" ? i - (pos - length) : Math.min(i, length - 1)),
      ),
    ),
  );
  return {
    tokens,
    positions: fromHost(positions, { shape: [batch, pos], dtype: "int32" }),
    mask: paddedCausalBias(isReal),
  };
}
