// Which tokens are drawn from. Every cut sees what the cuts before it left, in the order in which `transformers` applies them.

import { largest } from "./largest.ts";

/** Cuts that are on; one that is absent keeps every token. */
export interface Cuts {
  /** At least 1. */
  readonly topK?: number | undefined;
  /** In (0, 1]. */
  readonly topP?: number | undefined;
  /** In [0, 1]. */
  readonly minP?: number | undefined;
  /** In (0, 1]. */
  readonly typicalP?: number | undefined;
}

/** Tokens to draw from, and how likely each is against the likeliest of all, which weighs 1. */
export interface Candidates {
  readonly ids: Int32Array;
  readonly weights: Float64Array;
}

/**
 * Finds the tokens to draw from, at least one.
 *
 * @param logits - [dVocab]
 * @param best - the likeliest token
 * @param temperature - divides the logits; above 0
 * @returns tokens by id, or by what the last cut that ranks them ranks by
 * @source top-p: Holtzman et al. 2020, arXiv:1904.09751; typical: Meister et al. 2022, arXiv:2202.00666; min-p: Nguyen et al. 2024,
 * arXiv:2407.01082
 */
export function candidates(
  logits: Float32Array,
  { best, temperature, cuts }: { best: number; temperature: number; cuts: Cuts },
): Candidates {
  const { topK = Infinity, topP = 1, minP = 0, typicalP = 1 } = cuts;
  const ids = topK < logits.length ? largest(logits, topK) : new Int32Array(logits.length);
  if (topK >= logits.length) for (let i = 0; i < ids.length; i++) ids[i] = i;
  const weights = new Float64Array(ids.length);
  for (let i = 0; i < ids.length; i++) {
    weights[i] = Math.exp((logits[ids[i]!]! - logits[best]!) / temperature);
  }
  let left: Candidates = { ids, weights };
  if (topP < 1) left = only(left, reaching(topP, left.weights, left.weights));
  if (minP > 0) left = only(left, atLeast(minP, left.weights));
  if (typicalP < 1) left = only(left, reaching(typicalP, left.weights, typicality(left.weights)));
  return left;
}

function only({ ids, weights }: Candidates, kept: Int32Array): Candidates {
  return {
    ids: kept.map((i) => ids[i]!),
    weights: Float64Array.from(kept, (i) => weights[i]!),
  };
}

/** How many of the best are looked at first; more are only where these do not reach the share. */
const FIRST_LOOK = 64;

/** The fewest places, best rank first, whose weights reach a share of their sum. */
function reaching(share: number, weights: Float64Array, ranks: Float64Array): Int32Array {
  const wanted = share * sum(weights);
  for (let looked = FIRST_LOOK; ; looked *= 8) {
    const order = largest(ranks, looked);
    let reached = 0;
    const last = order.findIndex((i) => (reached += weights[i]!) >= wanted);
    if (last !== -1) return order.subarray(0, last + 1);
    if (order.length === weights.length) return order; // rounding left the sum just short of a share near 1
  }
}

function atLeast(least: number, weights: Float64Array): Int32Array {
  const kept: number[] = [];
  for (let i = 0; i < weights.length; i++) if (weights[i]! >= least) kept.push(i);
  return Int32Array.from(kept);
}

/** Minus the distance between a token's surprise and the surprise to be expected: -|-log p - H|, with H = -sum(p log p), in nats. */
function typicality(weights: Float64Array): Float64Array {
  const total = sum(weights);
  let entropy = 0;
  for (const weight of weights) {
    if (weight > 0) entropy -= (weight / total) * Math.log(weight / total);
  }
  return weights.map((weight) => -Math.abs(-Math.log(weight / total) - entropy));
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
