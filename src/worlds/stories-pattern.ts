// Repeated patterns: random words, said again and again. Nothing but the words before tells what comes next, which is
// the test that induction heads pass.

import type { Rng } from "../core/rng.ts";
import { colours, names, objects } from "./stories-vocabulary.ts";

/** What is true of a pattern; positions count words from the beginning of the text. */
export interface PatternLabel {
  /** After how many words it repeats, 4..8. */
  readonly period: number;
  /** Where the word follows from those before: after the first word of the second round, up to the last word. */
  readonly predictable: readonly number[];
}

/** A drawn pattern. */
export interface Pattern {
  readonly words: readonly string[];
  readonly label: PatternLabel;
  /** Its content: the words of one round, wherever the round is begun. */
  readonly key: string;
}

const pool = [...names, ...colours, ...objects];

/** After every word from the end of the second round the pattern may stop, with this chance. */
const stopChance = 0.1;

/** Draws 4 to 8 different words said 2 to 4 times; the last round may be cut short. */
export function drawPattern(rng: Rng): Pattern {
  const period = 4 + rng.below(5);
  const round = rng.shuffle(pool).slice(0, period);

  let length = 2 * period;
  while (length < 4 * period && rng.uniform() >= stopChance) length++;
  const said = Array.from({ length }, (_, i) => round[i % period]!);

  const start = round.indexOf(round.toSorted()[0]!);
  return {
    words: [...said, "."],
    label: { period, predictable: said.map((_, i) => i).slice(period + 1) },
    key: ["pattern", ...round.slice(start), ...round.slice(0, start)].join("|"),
  };
}
