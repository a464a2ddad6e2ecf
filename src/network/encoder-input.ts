// What text encoders are given: texts, pairs of texts or token ids, and the tensors made of them. Shorter rows are padded on the
// right, and the padding is hidden, so that every row gives the numbers it gives alone.

import { PatchClampError } from "../core/errors.ts";
import { hiddenKeys } from "../nn/masks.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Two texts that are read together, such as a question and a passage. */
export interface TextPair {
  readonly text: string;
  readonly pair: string;
}

/** Token ids, and which of the two texts of a pair each belongs to. */
export interface TypedIds {
  readonly ids: readonly number[];
  /** 0 in the first text, 1 in the second; as long as `ids`. */
  readonly types: readonly number[];
}

/** One row of a batch: a text, a pair of texts, or token ids with all that the tokenizer puts around a text. */
export type EncoderRow = string | TextPair | readonly number[] | TypedIds;

/** What text encoders take: one row or several. */
export type EncoderInput = EncoderRow | readonly EncoderRow[];

/** What the function of a text encoder takes. */
export interface EncoderInputs {
  /** int32, [batch, pos] */
  readonly tokens: Tensor;
  /** int32, [batch, pos]: which text of a pair a token belongs to */
  readonly types: Tensor;
  /** int32, [1, pos]: 0, 1, 2 ... */
  readonly positions: Tensor;
  /** Added to attention scores, [batch, 1, 1, pos]. Absent when there is no padding. */
  readonly mask?: Tensor;
  /** float32, [batch, pos]: 1 at tokens, 0 at padding. Absent when there is no padding. */
  readonly isReal?: Tensor;
}

/** What an encoder's function computes beyond hidden states. */
export type EncoderHead =
  /** nothing, or what the checkpoint's pooler makes of the first token */
  | "none"
  /** scores of the token at every position */
  | "masked"
  /** scores of the text's class */
  | "classes"
  /** scores of every token's class */
  | "tags";

/** Sizes every text encoder has. */
export interface EncoderConfig {
  readonly nLayers: number;
  readonly nHeads: number;
  readonly dModel: number;
  readonly dHead: number;
  readonly dVocab: number;
  /** Longest sequence. */
  readonly nCtx: number;
  /** Kinds of texts that a pair's tokens are told apart by; 0 where an encoder does not tell them apart. */
  readonly nTypes: number;
  readonly head: EncoderHead;
  /** Names of classes, in the order of their scores; empty where there are none. */
  readonly labels: readonly string[];
}

/** Token ids of a batch. */
export interface EncoderBatch {
  /** [batch][pos], padded on the right to one length. */
  readonly ids: readonly (readonly number[])[];
  /** [batch][pos] */
  readonly types: readonly (readonly number[])[];
  /** Number of real tokens in each row. */
  readonly lengths: readonly number[];
}

/**
 * The rows of what users give.
 *
 * @throws PatchClampError `BAD_INPUT` when there are none
 */
export function encoderRows(given: EncoderInput): readonly EncoderRow[] {
  if (!isList(given)) return [given];
  if (given.length === 0) {
    throw new PatchClampError("BAD_INPUT", { where: "encoder", problem: "the list is empty." });
  }
  return given;
}

function isList(given: EncoderInput): given is readonly EncoderRow[] {
  return Array.isArray(given) && typeof given[0] !== "number";
}

/** Rows of token ids, padded to one length. */
export function encoderBatch(rows: readonly TypedIds[], filler: number): EncoderBatch {
  const pos = Math.max(...rows.map(({ ids }) => ids.length));
  const padded = (row: readonly number[], pad: number): number[] => [
    ...row,
    ...Array.from({ length: pos - row.length }, () => pad),
  ];
  return {
    ids: rows.map(({ ids }) => padded(ids, filler)),
    types: rows.map(({ types }) => padded(types, 0)),
    lengths: rows.map(({ ids }) => ids.length),
  };
}

/** What an encoder's function takes for a padded batch. */
export function encoderInputs({ ids, types, lengths }: EncoderBatch): EncoderInputs {
  const shape = [ids.length, ids[0]!.length] as const;
  const pos = shape[1];
  const int32 = (rows: readonly (readonly number[])[], name?: string): Tensor =>
    fromHost(Int32Array.from(rows.flat()), { shape: [rows.length, pos], dtype: "int32" }, name);
  const row = Array.from({ length: pos }, (_, i) => i);
  const inputs = {
    tokens: int32(ids, "tokens"),
    types: int32(types),
    positions: int32([row]),
  };
  if (lengths.every((length) => length === pos)) return inputs;
  const isReal = lengths.map((length) => row.map((i) => i < length));
  return {
    ...inputs,
    mask: hiddenKeys(isReal),
    isReal: fromHost(Float32Array.from(isReal.flat(), Number), { shape, dtype: "float32" }),
  };
}
