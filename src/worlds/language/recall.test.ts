import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { recall } from "./recall.ts";

const draws = (pairs: number, backwards: number, count: number, apart = 3) =>
  Array.from({ length: count }, (_, seed) =>
    recall.draw(new Rng(seed), { pairs, backwards, apart }),
  );

const anyDraws = [0, 50, 100].flatMap((backwards) =>
  [3, 6, 9].flatMap((pairs) => draws(pairs, backwards, 30)),
);

test("the first text stays what it is", () => {
  expect(draws(3, 50, 1)[0]!.words.join(" ")).toBe(
    "Ivy and then the noodles , Vera has the baker , Noah and then the Paul . noodles ? Ivy . Noah goes with Paul . Vera baker .",
  );
});

/** Reads a text as a person would: what is listed before the first full stop, and what is asked after it. */
function read(words: readonly string[]): { pairs: string[][]; asked: [string, string][] } {
  const text = words.join(" ");
  const [list = "", ...questions] = text.split(/ \. | \.$/).filter((part) => part !== "");
  return {
    pairs: list.split(" , ").map(ends),
    asked: questions.map(ends),
  };
}

/** The first and the last word. */
function ends(text: string): [string, string] {
  const words = text.split(" ");
  return [words[0]!, words.at(-1)!];
}

test("every question is answered by the other word of its pair, and every pair is asked about once", () => {
  for (const { words, label, answers } of anyDraws) {
    const { pairs, asked } = read(words);
    expect(pairs).toEqual(label.pairs);
    expect(new Set(pairs.flat()).size).toBe(2 * pairs.length);
    const found = asked.map(([given, answer]) => {
      const index = pairs.findIndex((pair) => pair.includes(given));
      expect(pairs[index]!.find((word) => word !== given)).toBe(answer);
      return index;
    });
    expect(found.toSorted((a, b) => a - b)).toEqual(pairs.map((_, i) => i));
    expect(answers.map(({ start, end }) => words.slice(start, end))).toEqual(
      asked.map(([, answer]) => [answer]),
    );
  }
});

test("labels say which way each question goes", () => {
  for (const { words, label } of anyDraws) {
    for (const { pair, way, position } of label.asked) {
      const [given, answer] = way === "forwards" ? pair : pair.toReversed();
      expect(words[position]).toBe(answer);
      expect(words.lastIndexOf(given)).toBeLessThan(position);
      expect(words.lastIndexOf(".", position)).toBe(words.lastIndexOf(given) - 1);
      expect(way === "forwards" || words[position - 1] === "?").toBe(true);
    }
  }
});

test("a counterfactual has another last answer, and asks the same", () => {
  for (const { words, answers, counterfactual } of anyDraws) {
    const { pairs, asked } = read(counterfactual!);
    for (const [given, answer] of asked) {
      const pair = pairs.find((words) => words.includes(given))!;
      expect(pair.find((word) => word !== given)).toBe(answer);
    }
    const last = answers.at(-1)!.start;
    expect(counterfactual![last]).not.toBe(words[last]);
    expect(counterfactual!.slice(words.lastIndexOf(".", last), last)).toEqual(
      words.slice(words.lastIndexOf(".", last), last),
    );
    expect(counterfactual).toHaveLength(words.length);
  }
});

test("knobs set how many pairs there are, and which way they are asked about", () => {
  for (const pairs of [3, 9]) {
    expect(draws(pairs, 0, 1)[0]!.label.asked.map(({ way }) => way)).toEqual(
      Array.from({ length: pairs }, () => "forwards"),
    );
    expect(draws(pairs, 100, 1)[0]!.label.asked.every(({ way }) => way === "backwards")).toBe(true);
  }
  const ways = draws(9, 25, 134).flatMap(({ label }) => label.asked.map(({ way }) => way));
  const share = ways.filter((way) => way === "backwards").length / ways.length;
  // five standard deviations of 1200 draws
  expect(Math.abs(share - 0.25)).toBeLessThan(0.0625);
});

test("the two words of a pair stand as far apart as the knob allows, and no farther", () => {
  const distances = (apart: number): Set<number> =>
    new Set(
      draws(9, 50, 40, apart).flatMap(({ words, label }) =>
        label.pairs.map(([one, two]) => words.indexOf(two) - words.indexOf(one) - 1),
      ),
    );
  expect([0, 1, 2, 3].map((apart) => [...distances(apart)].toSorted((a, b) => a - b))).toEqual([
    [0],
    [0, 1],
    [0, 1, 2],
    [0, 1, 2, 3],
  ]);
});

test("a text and its counterfactual share a key", () => {
  for (const { key, counterfactual } of anyDraws) {
    expect(read(counterfactual!).pairs.flat().toSorted().join(" ")).toBe(key);
  }
});
