// Rows in which a few random words go round and round: the second time round, only the first tells what comes next.

import type { Rng } from "../../core/rng.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { repeats } from "../language/repeats.ts";
import { drawWithin, splits } from "../split.ts";
import type { Split } from "../split.ts";
import { requireCount } from "./_options.ts";

export { listWords as repeatedVocabulary } from "../language/repeats.ts";

/** Options of `repeatedWords`. */
export interface RepeatedWordsOptions {
  /** Words in a row, at least 9. Default 39. */
  length?: number;
  /** After how many words they come again, 4 to 20, and at most `length` - 2. Default: drawn for every row. */
  period?: number;
  /** Which half of all rounds, `train` by default. */
  split?: Split;
}

/** A row of words with what is true of it. */
export interface RepeatedWords {
  readonly words: readonly string[];
  /** After how many words they come again; until then no two are alike. */
  readonly period: number;
  /** Places of the words that follow from those before: all from the second of the second round. */
  readonly predictable: readonly number[];
  /** What decides its half of the world: the words of a round. */
  readonly key: string;
}

/**
 * Draws a row.
 *
 * @param rng - advances; the same state gives the same row
 * @throws PatchClampError `BAD_OPTION` when a number is out of its range or `split` is none of the two
 * @source Olsson et al. 2022, "In-context Learning and Induction Heads", arXiv:2209.11895
 */
export function repeatedWords(rng: Rng, options: RepeatedWordsOptions = {}): RepeatedWords {
  const { length = 39, split = "train", period: given } = options;
  requireAtLeast("repeatedWords", "length", length, 9);
  requireOneOf("repeatedWords", "split", split, splits);
  // a longer one would leave nothing to predict
  const [least, most] = [4, Math.min(20, length - 2)];
  if (given !== undefined) requireCount("repeatedWords", "period", given, [least, most]);

  const period = given ?? least + rng.below(most - least + 1);
  const { words: round, key } = drawWithin(split, () => repeats.draw(rng, { period, rounds: 2 }));
  const places = Array.from({ length }, (_, i) => i);
  return {
    words: places.map((i) => round[i % period]!),
    period,
    predictable: places.slice(period + 1),
    key,
  };
}
