// Sparse counts, as of words in a letter, whose class follows from a weighted sum of the counts and from nothing else: the
// plain, linear counterpart of a law.

import { Rng } from "../../core/rng.ts";
import { requireAtLeast } from "../_options.ts";
import { requireBetween } from "./_options.ts";

export interface WordCountsOptions {
  /** At least 1; 256 by default. */
  rows?: number;
  /** At least 2; 48 by default. */
  words?: number;
  /** Words that tell the class, 1..words; 12 by default. Half of them, rounded up, speak for class 1. */
  telling?: number;
  /** Mean count of the commonest word, above 0; the word of rank r is r times rarer. 2 by default. */
  rate?: number;
  /** Log-odds that one count of a telling word is worth, above 0; 1.5 by default. */
  strength?: number;
  /** Which vocabulary: its telling words and rates, an integer in 0..2^32-1; 0 by default. */
  vocabulary?: number;
}

/** Rows of counts with what decides their classes. */
export interface WordCounts {
  /** [row, word]: whole numbers, most of them 0. */
  readonly counts: Float32Array;
  /** [row]: 0 or 1, drawn with the probability that `logOdds` says. */
  readonly labels: Int32Array;
  /** [row]: log-odds of class 1, in nats. */
  readonly logOdds: Float32Array;
  /** [word]: log-odds that one count is worth, in nats; 0 for a word that tells nothing. */
  readonly weights: Float32Array;
  /** [word]: the mean count. */
  readonly rates: Float32Array;
  /** Log-odds of a row without any word, in nats; it makes the classes about equally common. */
  readonly bias: number;
}

/**
 * Draws rows of Poisson counts and classes whose log-odds are linear in them.
 *
 * @param rng - advances by one word; the same state gives the same rows
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 */
export function wordCounts(rng: Rng, options: WordCountsOptions = {}): WordCounts {
  const {
    rows = 256,
    words = 48,
    telling = 12,
    rate = 2,
    strength = 1.5,
    vocabulary = 0,
  } = options;
  requireAtLeast("wordCounts", "rows", rows, 1);
  requireAtLeast("wordCounts", "words", words, 2);
  requireAtLeast("wordCounts", "telling", telling, 1);
  requireBetween("wordCounts", "telling", telling, [1, words]);
  requireBetween("wordCounts", "rate", rate, [1e-6, 100]);
  requireBetween("wordCounts", "strength", strength, [1e-6, Infinity]);

  const fixed = new Rng(vocabulary);
  const rank = fixed.permutation(words);
  const rates = Float32Array.from(rank, (r) => rate / (r + 1));
  const weights = new Float32Array(words);
  Array.from(fixed.permutation(words).subarray(0, telling)).forEach((word, i) => {
    weights[word] = i % 2 === 0 ? strength : -strength;
  });
  const bias = -weights.reduce((total, weight, word) => total + weight * rates[word]!, 0);

  const own = new Rng(rng.word());
  const counts = Float32Array.from({ length: rows * words }, (_, i) =>
    poisson(own, rates[i % words]!),
  );
  const logOdds = Float32Array.from({ length: rows }, (_, row) =>
    weights.reduce((total, weight, word) => total + weight * counts[row * words + word]!, bias),
  );
  const labels = Int32Array.from(logOdds, (l) => (own.uniform() < 1 / (1 + Math.exp(-l)) ? 1 : 0));
  return { counts, labels, logOdds, weights, rates, bias };
}

/** A Poisson count: how many uniform numbers can be multiplied before the product falls below exp(-mean). */
function poisson(rng: Rng, mean: number): number {
  const least = Math.exp(-mean);
  let count = 0;
  for (let left = rng.uniform(); left > least; left *= rng.uniform()) count++;
  return count;
}
