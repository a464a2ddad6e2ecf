// What language networks are given: prompts in their several forms, and the tensors made of them. Rows of unequal length
// are padded, and the padding is masked so that every row gives the numbers it gives alone.

import { PatchClampError } from "../core/errors.ts";
import type { KeyValues } from "../nn/attention.ts";
import { causalBias, paddedCausalBias } from "../nn/masks.ts";
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

/** What a decoder keeps of earlier positions, layer by layer. */
export interface DecoderCache {
  /** Keys and values of earlier positions, each [batch, kvHead, capacity, dHead]. */
  readonly past: (layer: number) => { readonly k: Tensor; readonly v: Tensor } | undefined;
  /**
   * Takes the keys and values of the new positions, each [batch, kvHead, pos, dHead]; may give those of all positions, which are then
   * looked at instead of `past` and the new ones side by side.
   */
  readonly store: (layer: number, k: Tensor, v: Tensor) => KeyValues | undefined;
  /** What a recurrent layer kept after the last position, in the layer's own order and shapes, [batch, ...]. */
  readonly state: (layer: number) => readonly Tensor[] | undefined;
  /** Takes what a recurrent layer wants back at the next position. */
  readonly keep: (layer: number, state: readonly Tensor[]) => void;
  /** Takes when nothing of earlier positions can be kept. Never called where it always can. */
  readonly revise: (revision: Revision) => void;
}

/** When a token more changes what a network computes for the tokens before it, as some rotary scalings do. */
export interface Revision {
  /** Longer texts than this, in tokens, are computed otherwise than shorter ones ... */
  readonly beyond: number;
  /** ... and each of them otherwise than the one before. */
  readonly isEvery: boolean;
}

/** What the function of a language network takes. */
export interface DecoderInputs {
  /** int32, [batch, pos] */
  readonly tokens: Tensor;
  /** int32, [batch or 1, pos]: positions of the tokens in their row, padding not counted */
  readonly positions: Tensor;
  /** int32, [batch or 1, capacity + pos]: positions of everything that can be looked at; of no meaning where `mask` hides it */
  readonly keyPositions: Tensor;
  /** Added to attention scores, [batch or 1, 1, pos, capacity + pos] */
  readonly mask: Tensor;
  /** float32, [batch, pos]: 1 at tokens, 0 at padding. Absent when there is no padding. */
  readonly isReal?: Tensor;
  /** What enters the stream in place of the tokens' embeddings, [batch, pos, dModel]. Default: these. */
  readonly embedded?: Tensor;
  readonly cache?: DecoderCache;
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

/** Rows of token ids, padded to one length. */
export function tokenBatch(
  rows: readonly (readonly number[])[],
  padding: TokenBatch["padding"],
  filler: number,
): TokenBatch {
  const pos = Math.max(...rows.map((row) => row.length));
  const ids = rows.map((row) => {
    const pads = Array.from({ length: pos - row.length }, () => filler);
    return padding === "left" ? [...pads, ...row] : [...row, ...pads];
  });
  return { ids, lengths: rows.map((row) => row.length), padding };
}

/** What a decoder's function takes for a padded batch. */
export function batchInputs({ ids, lengths, padding }: TokenBatch): Omit<DecoderInputs, "cache"> {
  const batch = ids.length;
  const pos = ids[0]!.length;
  const int32 = (numbers: readonly number[], rows: number, name?: string): Tensor =>
    fromHost(Int32Array.from(numbers), { shape: [rows, pos], dtype: "int32" }, name);
  const tokens = int32(ids.flat(), batch, "tokens");
  const row = Array.from({ length: pos }, (_, i) => i);
  if (lengths.every((length) => length === pos)) {
    const positions = int32(row, 1);
    return { tokens, positions, keyPositions: positions, mask: causalBias(pos) };
  }
  const isReal = lengths.map((length) =>
    row.map((i) => (padding === "left" ? i >= pos - length : i < length)),
  );
  const places = lengths.flatMap((length) =>
    row.map((i) => Math.max(0, padding === "left" ? i - (pos - length) : Math.min(i, length - 1))),
  );
  const positions = int32(places, batch);
  return {
    tokens,
    positions,
    keyPositions: positions,
    mask: paddedCausalBias(isReal),
    isReal: fromHost(Float32Array.from(isReal.flat(), Number), {
      shape: [batch, pos],
      dtype: "float32",
    }),
  };
}
