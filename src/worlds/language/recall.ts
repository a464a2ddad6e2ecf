// Recall: pairs of random words, and then one word of each pair after another, which the other one answers or follows.

import { listWords } from "./repeats.ts";
import type { LanguageSkill, Span, Text } from "./skill.ts";

/** One pair, and which of its words is asked about. */
export interface RecalledPair {
  readonly pair: readonly [string, string];
  /** The first word is `forwards` given and the second one to be told, as an induction head does; `backwards` is the other way round. */
  readonly way: "forwards" | "backwards";
  /** Where the answer stands, in words from the beginning. */
  readonly position: number;
}

/** What is true of a text. */
export interface RecallLabel {
  /** As they are listed. */
  readonly pairs: readonly (readonly [string, string])[];
  /** As they are asked about. */
  readonly asked: readonly RecalledPair[];
}

const [between, ends] = [",", "."];
const question = ["?"];

/** What can stand between the words of a pair, shortest first. */
const joins = ["", "=", "is", "and", "goes with", "has the", "is like a", "and then the"].map(
  (text) => text.split(" ").filter((word) => word !== ""),
);

/** Everything of a text but the pairs. */
interface Plan {
  /** What stands between the words of each pair. */
  readonly joined: readonly (readonly string[])[];
  /** Indices of pairs, as they are asked about. */
  readonly order: readonly number[];
  readonly ways: readonly RecalledPair["way"][];
  /** What stands between the word that is given and its answer. */
  readonly asks: readonly (readonly string[])[];
}

function write(
  pairs: readonly (readonly [string, string])[],
  { joined, order, ways, asks }: Plan,
): Pick<Text<RecallLabel>, "words" | "label"> {
  const words = pairs.flatMap(([one, two], i) => [
    one,
    ...joined[i]!,
    two,
    i < pairs.length - 1 ? between : ends,
  ]);
  const asked = order.map((index, i): RecalledPair => {
    const [pair, way] = [pairs[index]!, ways[i]!];
    const [one, two] = pair;
    const [given, answer] = way === "forwards" ? [one, two] : [two, one];
    words.push(given, ...asks[i]!);
    const position = words.push(answer) - 1;
    words.push(ends);
    return { pair, way, position };
  });
  return { words, label: { pairs, asked } };
}

/**
 * Associative recall with many queries, in both directions.
 *
 * @source Arora et al. 2023, "Zoology: Measuring and Improving Recall in Efficient Language Models", arXiv:2312.04927; theirs asks
 * forwards only
 */
export const recall: LanguageSkill<RecallLabel> = {
  name: "recall",
  summary: "Tells which random word was paired with another one, the first or the second.",
  vocabulary: [...new Set([...listWords, ...joins.flat(), ...question, between, ends])],
  knobs: {
    pairs: { meaning: "how many pairs are listed", least: 3, most: 9 },
    backwards: {
      meaning: "percent of the questions that give the second word",
      least: 0,
      most: 100,
    },
    apart: { meaning: "how many words stand between the two of a pair at most", least: 0, most: 3 },
  },

  draw: (rng, { pairs: count, backwards, apart }): Text<RecallLabel> => {
    const shuffled = rng.shuffle(listWords);
    const pairs = Array.from({ length: count! }, (_, i): readonly [string, string] => [
      shuffled[2 * i]!,
      shuffled[2 * i + 1]!,
    ]);
    const short = joins.filter(({ length }) => length <= apart!);
    const ways = pairs.map((): RecalledPair["way"] =>
      100 * rng.uniform() < backwards! ? "backwards" : "forwards",
    );
    const plan: Plan = {
      joined: pairs.map(() => rng.pick(short)),
      order: rng.shuffle(pairs.map((_, i) => i)),
      ways,
      // What is said again may be said in other words.
      asks: ways.map((way) =>
        way === "forwards" && rng.uniform() < 0.5 ? rng.pick(short) : question,
      ),
    };
    const { words, label } = write(pairs, plan);
    return {
      words,
      answers: label.asked.map(({ position }): Span => ({ start: position, end: position + 1 })),
      label,
      // in no order: a text and its counterfactual are in the same half
      key: pairs.flat().toSorted().join(" "),
      counterfactual: write(exchanged(pairs, plan), plan).words,
    };
  },
};

/** The pairs with the answers of the first and the last question exchanged. */
function exchanged(
  pairs: readonly (readonly [string, string])[],
  { order, ways }: Plan,
): (readonly [string, string])[] {
  const [first, last] = [order[0]!, order.at(-1)!];
  const answerOf = (index: number, way: RecalledPair["way"]): string =>
    pairs[index]![way === "forwards" ? 1 : 0];
  const [firstAnswer, lastAnswer] = [answerOf(first, ways[0]!), answerOf(last, ways.at(-1)!)];
  const other = (word: string): string => {
    if (word === firstAnswer) return lastAnswer;
    return word === lastAnswer ? firstAnswer : word;
  };
  return pairs.map(([one, two]) => [other(one), other(two)]);
}
