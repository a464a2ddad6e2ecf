// How likely the network thought a token: softmax of its logits as they came, whatever was done to them before the draw.

import { largest } from "./largest.ts";

/** A token that might have come, and how likely it was. */
export interface Alternative {
  readonly id: number;
  /** In nats, at most 0. */
  readonly logProbability: number;
}

/** How likely a token was. */
export interface Likelihood {
  readonly probability: number;
  /** In nats, at most 0. */
  readonly logProbability: number;
  /** The likeliest tokens, likeliest first; the token itself is among them where it is one of these. */
  readonly alternatives: readonly Alternative[];
}

/**
 * Measures how likely a token was: log p = l - log(sum(exp(l'))).
 *
 * @param logits - [dVocab]
 * @param logTotal - log(sum(exp(logits))), in nats
 * @param count - how many alternatives, at least 0; more than dVocab gives all
 */
export function likelihood(
  logits: Float32Array,
  {
    id,
    logTotal,
    count,
  }: { readonly id: number; readonly logTotal: number; readonly count: number },
): Likelihood {
  const logProbability = logits[id]! - logTotal;
  const others = count === 0 ? [] : Array.from(largest(logits, count));
  return {
    probability: Math.exp(logProbability),
    logProbability,
    alternatives: others.map((other) => ({
      id: other,
      logProbability: logits[other]! - logTotal,
    })),
  };
}
