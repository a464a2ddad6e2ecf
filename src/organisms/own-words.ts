// Heads that begin by looking for their own word, wherever it stands.

import { concat } from "../runtime/index.ts";
import { tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Which heads, and how. */
export interface OwnWordsOptions {
  /** The rows of the first of these heads begin here; all before it stay as drawn. */
  readonly from: number;
  /** What stands on the diagonal: the scores of a word with itself are those of queries times those of keys times the size of a head. */
  readonly scale: number;
}

/**
 * Queries or keys that begin as the identity: where both do, a word sees itself and its like, and nothing else is as near.
 *
 * @param drawn - weights of queries or keys, [dModel, dModel]
 * @source Trockman and Kolter 2023, "Mimetic Initialization of Self-Attention Layers", arXiv:2305.09828; theirs is of every head and has
 * noise
 */
export function ownWordsFirst(drawn: Tensor, { from, scale }: OwnWordsOptions): Tensor {
  const dModel = drawn.shape[1]!;
  const rows = dModel - from;
  const own = Float32Array.from({ length: rows * dModel }, (_, i) =>
    Math.floor(i / dModel) + from === i % dModel ? scale : 0,
  );
  return concat([drawn.slice({ axis: 0, end: from }), tensor(own, { shape: [rows, dModel] })], {
    axis: 0,
  });
}
