import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { recall } from "./recall.ts";

const draws = (pairs: number, backwards: number, count: number) =>
  Array.from({ length: count }, (_, seed) => recall.draw(new Rng(seed), { pairs, backwards }));

const anyDraws = [0, 50, 100].flatMap((backwards) =>
  [3, 7, 12].flatMap((pairs) => draws(pairs, backwards, 30)),
);

test("the first text stays what it is", () => {
  expect(draws(3, 50, 1)[0]!.words.join(" ")).toBe(
    "Ivy noodles , Vera baker , Noah Paul . Noah ? Paul . Vera ? baker . Ivy ? noodles .",
  );
});

/** Reads a text as a person would: what is listed before the first full stop, and what is asked after it. */
function read(words: readonly string[]): { pairs: string[][]; asked: [string, string][] } {
  const text = words.join(" ");
  const [list = "", ...questions] = text.split(/ \. | \.$/).filter((part) => part !== "");
  return {
    pairs: list.split(" , ").map((pair) => pair.split(" ")),
    asked: questions.map((question) => question.split(" ? ") as [string, string]),
  };
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
      const said = [words[position - 2], words[position]];
      expect(said).toEqual(way === "forwards" ? pair : pair.toReversed());
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
    expect(counterfactual![last - 2]).toBe(words[last - 2]);
    expect(counterfactual).toHaveLength(words.length);
  }
});

test("knobs set how many pairs there are, and which way they are asked about", () => {
  for (const pairs of [3, 12]) {
    expect(draws(pairs, 0, 1)[0]!.label.asked.map(({ way }) => way)).toEqual(
      Array.from({ length: pairs }, () => "forwards"),
    );
    expect(draws(pairs, 100, 1)[0]!.label.asked.every(({ way }) => way === "backwards")).toBe(true);
  }
  const ways = draws(12, 25, 100).flatMap(({ label }) => label.asked.map(({ way }) => way));
  const share = ways.filter((way) => way === "backwards").length / ways.length;
  // five standard deviations of 1200 draws
  expect(Math.abs(share - 0.25)).toBeLessThan(0.0625);
});

test("a text and its counterfactual share a key", () => {
  for (const { key, counterfactual } of anyDraws) {
    expect(read(counterfactual!).pairs.flat().toSorted().join(" ")).toBe(key);
  }
});
