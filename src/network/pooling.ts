// From the hidden states of a text to one vector, in the ways of sentence-transformers.

import { NEVER } from "../nn/masks.ts";
import { arange, concat } from "../runtime/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { EncoderInputs } from "./encoder-input.ts";

/** A way to pool, by its name in sentence-transformers. */
export type Pooling =
  /** the first token */
  | "cls"
  /** each number's largest value */
  | "max"
  | "mean"
  /** the sum, divided by the square root of how many tokens there are */
  | "mean_sqrt_len_tokens"
  /** a mean in which the nth token counts n times */
  | "weightedmean"
  | "lasttoken";

/** The hidden states of a batch, [batch, pos, dModel], and which of them count. */
interface States {
  readonly hidden: Tensor;
  /** 1 at tokens, 0 at padding, [batch or 1, pos] */
  readonly isReal: Tensor;
  /** How many tokens every row has, [batch or 1, 1]. */
  readonly count: Tensor;
  /** 1 at the first position, 2 at the second ..., [1, pos] */
  readonly place: Tensor;
}

/** Sums hidden states, each times its weight, [batch or 1, pos]. */
const total = ({ hidden }: States, weights: Tensor): Tensor =>
  hidden.mul(weights.unsqueeze(-1)).sum({ axis: 1 });

const POOLS: Readonly<Record<Pooling, (states: States) => Tensor>> = {
  cls: ({ hidden }) => firstToken(hidden),
  max: ({ hidden, isReal }) =>
    isReal.unsqueeze(-1).greater(0).where(hidden, NEVER).max({ axis: 1 }),
  mean: (states) => total(states, states.isReal).div(states.count),
  mean_sqrt_len_tokens: (states) => total(states, states.isReal).div(states.count.sqrt()),
  weightedmean: (states) => {
    const weights = states.isReal.mul(states.place);
    return total(states, weights).div(weights.sum({ axis: 1, keepDims: true }));
  },
  lasttoken: (states) => total(states, states.place.equal(states.count).cast("float32")),
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
  inputs: Pick<EncoderInputs, "isReal">,
  poolings: readonly Pooling[],
): Tensor {
  const pos = hidden.shape[1]!;
  const place = arange(pos, { start: 1 }).cast("float32").unsqueeze(0);
  const { isReal = place.onesLike() } = inputs;
  const states = { hidden, isReal, count: isReal.sum({ axis: 1, keepDims: true }), place };
  const vectors = poolings.map((pooling) => POOLS[pooling](states));
  return vectors.length === 1 ? vectors[0]! : concat(vectors, { axis: -1 });
}

/** Brings the rows of [batch, size] to length 1; a row of zeros stays. */
export function unitLength(vectors: Tensor): Tensor {
  const length = vectors.square().sum({ axis: -1, keepDims: true }).sqrt();
  return vectors.div(length.maximum(1e-12));
}
