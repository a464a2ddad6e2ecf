// Picks the next token from logits.

import { PatchClampError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";

/** How the next token is picked. */
export interface SamplingOptions {
  /** Divides the logits; 0 picks the likeliest token. At least 0. Default 0. */
  temperature?: number;
  /** Keep the k likeliest tokens only. At least 1. Default: all. */
  topK?: number;
  /** Keep the likeliest tokens whose probabilities add up to this. In (0, 1]. Default 1. */
  topP?: number;
  /** Stream of random numbers, an integer in 0..2^32-1. Default 0. */
  seed?: number;
}

/** Picks an id for one row of logits; `step` and `row` pick the place in the random stream. */
export type Sampler = (
  logits: Float32Array,
  row: number,
  step: number,
) => { id: number; probability: number };

/**
 * Makes a sampler.
 *
 * @throws PatchClampError `BAD_OPTION` when an option is outside its range
 */
export function sampler(options: SamplingOptions = {}): Sampler {
  const { temperature = 0, topK = Infinity, topP = 1, seed = 0 } = options;
  inRange("temperature", temperature, temperature >= 0, "a number of at least 0");
  const isCount = Number.isInteger(topK) || topK === Infinity;
  inRange("topK", topK, isCount && topK >= 1, "a whole number of at least 1");
  inRange("topP", topP, topP > 0 && topP <= 1, "a number above 0 and at most 1");
  const root = new Rng(seed);
  return (logits, row, step) => {
    const best = argmax(logits);
    if (temperature === 0) return { id: best, probability: probabilityOf(logits, best, 1) };
    const order = Array.from(logits.keys());
    if (topK < logits.length || topP < 1) order.sort((a, b) => logits[b]! - logits[a]! || a - b);
    const kept = order.slice(0, Math.min(topK, logits.length));
    const weights = kept.map((id) => Math.exp((logits[id]! - logits[best]!) / temperature));
    const count = topP < 1 ? nucleus(weights, topP) : weights.length;
    const id = kept[root.split(row).split(step).categorical(weights.slice(0, count))]!;
    return { id, probability: probabilityOf(logits, id, 1) };
  };
}

function inRange(name: string, value: number, holds: boolean, expected: string): void {
  if (holds) return;
  throw new PatchClampError("BAD_OPTION", {
    where: "generate",
    problem: `${name} is ${value}, not ${expected}.`,
  });
}

/** How many of the descending weights reach the share `topP` of their sum. */
function nucleus(weights: readonly number[], topP: number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  const reached = weights.findIndex((weight) => (sum += weight) >= topP * total);
  return reached === -1 ? weights.length : reached + 1;
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

function probabilityOf(logits: Float32Array, id: number, temperature: number): number {
  let sum = 0;
  for (const logit of logits) sum += Math.exp((logit - logits[id]!) / temperature);
  return 1 / sum;
}
