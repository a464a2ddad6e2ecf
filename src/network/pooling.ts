// From the hidden states of a text to one vector, in the ways of sentence-transformers.

import { NEVER } from "../nn/masks.ts";
import { concat } from "../runtime/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { EncoderInputs } from "./encoder-input.ts";

/** A way to pool. */
export type Pooling =
  /** the first token */
  | "cls"
  /** each number's largest value */
  | "max"
  | "mean"
  /** the sum, divided by the square root of how many there are */
  | "mean_sqrt_len";

type Pool = (hidden: Tensor, isReal: Tensor | undefined) => Tensor;

/** [batch, 1]: tokens of every row; a number where all rows are full. */
function counts(hidden: Tensor, isReal: Tensor | undefined): Tensor | number {
  return isReal?.sum({ axis: 1, keepDims: true }) ?? hidden.shape[1]!;
}

const total: Pool = (hidden, isReal) =>
  (isReal === undefined ? hidden : hidden.mul(isReal.unsqueeze(-1))).sum({ axis: 1 });

const POOLS: Readonly<Record<Pooling, Pool>> = {
  cls: (hidden) => firstToken(hidden),
  max: (hidden, isReal) =>
    (isReal === undefined ? hidden : isReal.unsqueeze(-1).greater(0).where(hidden, NEVER)).max({
      axis: 1,
    }),
  mean: (hidden, isReal) => total(hidden, isReal).div(counts(hidden, isReal)),
  mean_sqrt_len: (hidden, isReal) => {
    const count = counts(hidden, isReal);
    return total(hidden, isReal).div(typeof count === "number" ? Math.sqrt(count) : count.sqrt());
  },
};

/** The first position of every row: [batch, pos, dModel] to [batch, dModel]. */
export function firstToken(hidden: Tensor): Tensor {
  return hidden.slice({ axis: 1, end: 1 }).squeeze(1);
}

/**
 * One vector for every row; those of several ways lie behind one another.
 *
 * @param hidden - [batch, pos, dModel]
 * @param inputs - whose padding does not count
 * @returns [batch, dModel * poolings.length]
 * @source Reimers & Gurevych 2019, arXiv:1908.10084
 */
export function pool(
  hidden: Tensor,
  { isReal }: Pick<EncoderInputs, "isReal">,
  poolings: readonly Pooling[],
): Tensor {
  const vectors = poolings.map((pooling) => POOLS[pooling](hidden, isReal));
  return vectors.length === 1 ? vectors[0]! : concat(vectors, { axis: -1 });
}

/** Brings the rows of [batch, size] to length 1; a row of zeros stays. */
export function unitLength(vectors: Tensor): Tensor {
  const length = vectors.square().sum({ axis: -1, keepDims: true }).sqrt();
  return vectors.div(length.maximum(1e-12));
}
