// Repeats: random words that are said again in the same order. Nothing but the words before tells what comes next, which
// is the test that induction heads pass.

import { animals, colours, firstNames, foods, jobs, objects, places } from "./lexicon.ts";
import type { LanguageSkill, Span, Text } from "./skill.ts";

/** What is true of a repeated sequence. */
export interface RepeatsLabel {
  /** After how many words it repeats. */
  readonly period: number;
  /** Where it begins to repeat: the first word of the second round. */
  readonly repeatsFrom: number;
}

/** Words that mean nothing where they stand: a list of them can go on with any other. */
export const listWords: readonly string[] = [
  ...firstNames,
  ...colours,
  ...objects,
  ...places,
  ...animals,
  ...foods,
  ...jobs,
];

/**
 * Random words, said again and again.
 *
 * @source Olsson et al. 2022, "In-context Learning and Induction Heads", arXiv:2209.11895
 */
export const repeats: LanguageSkill<RepeatsLabel> = {
  name: "repeats",
  summary: "Goes on with a sequence of random words that is being repeated.",
  vocabulary: listWords,
  knobs: {
    period: { meaning: "how many words are said before they repeat", least: 4, most: 20 },
    rounds: { meaning: "how often they are said in all", least: 2, most: 3 },
  },

  draw: (rng, { period, rounds }): Text<RepeatsLabel> => {
    const [spare, ...shuffled] = rng.shuffle(listWords);
    const round = shuffled.slice(0, period);
    const words = Array.from({ length: rounds! }, () => round).flat();

    // Nothing says that a round begins, so its first word is no answer.
    const answers = Array.from({ length: rounds! - 1 }, (_, i): Span => {
      const start = (i + 1) * period!;
      return { start: start + 1, end: start + period! };
    });
    const last = words.length - 1;
    const long = answers.pop()!;

    return {
      words,
      // The last word is a span of its own: the one that the counterfactual changes.
      answers: [...answers, { start: long.start, end: last }, { start: last, end: last + 1 }],
      label: { period: period!, repeatsFrom: period! },
      key: round.join(" "),
      counterfactual: words.map((word) => (word === words[last] ? spare! : word)),
    };
  },
};
