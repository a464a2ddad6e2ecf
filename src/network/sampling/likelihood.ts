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
 * @param count - how many alternatives, at least 0; more than dVocab gives all
 */
export function likelihood(logits: Float32Array, id: number, count: number): Likelihood {
  const logTotal = logSumExp(logits, id);
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

/** log(sum(exp(l))), computed against a logit near the largest. */
function logSumExp(logits: Float32Array, near: number): number {
  const sum = sumExp(logits, logits[near]!);
  if (Number.isFinite(sum)) return logits[near]! + Math.log(sum);
  const most = logits[largest(logits, 1)[0]!]!;
  return most + Math.log(sumExp(logits, most));
}

function sumExp(logits: Float32Array, from: number): number {
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - from);
  return sum;
}
