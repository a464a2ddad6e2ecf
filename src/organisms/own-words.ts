// Heads that begin by looking for their own word, wherever it stands.

import { concat } from "../runtime/index.ts";
import { tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What whoever studies a network that begins so must know of it. */
export const giftedHeads =
  "Its heads began by looking beside them or for their own word: that such heads are in it tells nothing of how networks come by them.";

/**
 * Queries or keys that begin as the identity: where both do, a word sees itself and its like, and nothing else is as near.
 *
 * @param others - weights of the heads before, [row, dModel], which stay as they are
 * @param options - `scale`: what stands on the diagonal, by which the score of a word with itself is multiplied. Default 1
 * @returns weights of all heads, [dModel, dModel]
 * @source Trockman and Kolter 2023, "Mimetic Initialization of Self-Attention Layers", arXiv:2305.09828; theirs is of every head and has
 * noise
 */
export function ownWordsBehind(others: Tensor, { scale = 1 }: { scale?: number } = {}): Tensor {
  const [from, dModel] = others.shape as [number, number];
  const rows = dModel - from;
  const own = Float32Array.from({ length: rows * dModel }, (_, i) =>
    Math.floor(i / dModel) + from === i % dModel ? scale : 0,
  );
  return concat([others, tensor(own, { shape: [rows, dModel] })], { axis: 0 });
}
