// Picks the next token from logits: what is added and taken off, what is left to draw from, and the draw.

import { PatchClampError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import { candidates } from "./sampling/cuts.ts";
import { argmax } from "./sampling/largest.ts";
import { isPenalised, penalise } from "./sampling/penalties.ts";
import type { TextSoFar } from "./sampling/penalties.ts";

/**
 * How the next token is picked. Biases and penalties come first, then temperature, `topK`, `topP`, `minP` and `typicalP`, each of
 * which sees what the one before it left: the order of `transformers`.
 */
export interface SamplingOptions {
  /** Divides the logits; 0 picks the likeliest token, whatever the cuts. At least 0. Default 0. */
  temperature?: number | undefined;
  /** Keep the k likeliest tokens only. At least 1. Default: all. */
  topK?: number | undefined;
  /** Keep the likeliest tokens whose probabilities add up to this. In (0, 1]. Default 1. */
  topP?: number | undefined;
  /** Keep tokens at least this likely, as a share of the likeliest one's probability. In [0, 1]. Default 0. */
  minP?: number | undefined;
  /** Keep the tokens whose surprise is nearest to the expected one and whose probabilities add up to this. In (0, 1]. Default 1. */
  typicalP?: number | undefined;
  /** Divides positive and multiplies negative logits of tokens in the prompt or written since. Above 0. Default 1. */
  repetitionPenalty?: number | undefined;
  /** Taken off a token's logit for each time it was written, in nats. Default 0. */
  frequencyPenalty?: number | undefined;
  /** Taken off the logits of tokens that were written at all, in nats. Default 0. */
  presencePenalty?: number | undefined;
  /** Added to the logits of single tokens, in nats; each is an id, or a token as the vocabulary or as a text writes it. Default: none. */
  logitBias?: Iterable<readonly [token: number | string, bias: number]> | undefined;
  /** Stream of random numbers, an integer in 0..2^32-1. Default 0. */
  seed?: number | undefined;
  /**
   * Which part of the stream each row draws from: rows of one number draw with the same luck, so that what differs between them is
   * not chance. Default: row i from part i.
   */
  streams?: readonly number[] | undefined;
}

/** Options whose biases are of ids. */
export interface IdSamplingOptions extends SamplingOptions {
  logitBias?: ReadonlyMap<number, number> | undefined;
}

/** The row that a token is picked for; its number and length pick the place in the random stream. */
export interface SampledRow extends TextSoFar {
  readonly row: number;
}

/** Picks an id for one row of logits, [dVocab], which it leaves as they are. */
export type Sampler = (logits: Float32Array, row: SampledRow) => number;

/**
 * Makes a sampler.
 *
 * @throws PatchClampError `BAD_OPTION` when an option is outside its range
 */
export function sampler(options: IdSamplingOptions = {}): Sampler {
  checkOptions(options);
  const { temperature = 0, seed = 0, streams } = options;
  const root = new Rng(seed);
  const hasPenalties = isPenalised(options);
  return (given, text) => {
    const logits = hasPenalties ? given.slice() : given;
    if (hasPenalties) penalise(logits, text, options);
    const best = argmax(logits);
    if (temperature === 0) return best;
    const { ids, weights } = candidates(logits, { best, temperature, cuts: options });
    const stream = root.split(streams?.[text.row] ?? text.row);
    return ids[stream.split(text.written.length).categorical(weights)]!;
  };
}

function checkOptions(options: IdSamplingOptions): void {
  const { temperature = 0, topK = Infinity, topP = 1, minP = 0, typicalP = 1 } = options;
  const { repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = options;
  inRange("temperature", temperature, temperature >= 0, "a number of at least 0");
  const isCount = Number.isInteger(topK) || topK === Infinity;
  inRange("topK", topK, isCount && topK >= 1, "a whole number of at least 1");
  inRange("topP", topP, topP > 0 && topP <= 1, "a number above 0 and at most 1");
  inRange("minP", minP, minP >= 0 && minP <= 1, "a number of at least 0 and at most 1");
  inRange("typicalP", typicalP, typicalP > 0 && typicalP <= 1, "a number above 0 and at most 1");
  const isPenalty = repetitionPenalty > 0 && repetitionPenalty < Infinity;
  inRange("repetitionPenalty", repetitionPenalty, isPenalty, "a finite number above 0");
  inRange(
    "frequencyPenalty",
    frequencyPenalty,
    Number.isFinite(frequencyPenalty),
    "a finite number",
  );
  inRange("presencePenalty", presencePenalty, Number.isFinite(presencePenalty), "a finite number");
}

/**
 * Checks an option of `generate`.
 *
 * @param expected - what a right value would be
 * @throws PatchClampError `BAD_OPTION` when it does not hold
 */
export function inRange(name: string, value: number, holds: boolean, expected: string): void {
  if (holds) return;
  throw new PatchClampError("BAD_OPTION", {
    where: "generate",
    problem: `${name} is ${value}, not ${expected}.`,
  });
}
