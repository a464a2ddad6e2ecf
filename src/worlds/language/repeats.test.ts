import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { listWords, repeats } from "./repeats.ts";

const draws = (period: number, rounds: number, count: number) =>
  Array.from({ length: count }, (_, seed) => repeats.draw(new Rng(seed), { period, rounds }));

const anyDraws = Array.from({ length: 300 }, (_, seed) =>
  repeats.draw(new Rng(seed), { period: 4 + (seed % 17), rounds: 2 + (seed % 2) }),
);

test("the first texts stay what they are", () => {
  const [two, three] = [draws(6, 2, 1)[0]!, draws(4, 3, 1)[0]!];
  expect(
    [two, three].map(({ words, answers, label }) => ({ text: words.join(" "), answers, label })),
  ).toMatchInlineSnapshot(`
    [
      {
        "answers": [
          {
            "end": 11,
            "start": 7,
          },
          {
            "end": 12,
            "start": 11,
          },
        ],
        "label": {
          "period": 6,
          "repeatsFrom": 6,
        },
        "text": "noodles Vera baker Noah Paul lake noodles Vera baker Noah Paul lake",
      },
      {
        "answers": [
          {
            "end": 8,
            "start": 5,
          },
          {
            "end": 11,
            "start": 9,
          },
          {
            "end": 12,
            "start": 11,
          },
        ],
        "label": {
          "period": 4,
          "repeatsFrom": 4,
        },
        "text": "noodles Vera baker Noah noodles Vera baker Noah noodles Vera baker Noah",
      },
    ]
  `);
});

test("every answer follows what followed the word before it when that was last said", () => {
  for (const { words, answers } of anyDraws) {
    for (const { start, end } of answers) {
      for (let i = start; i < end; i++) {
        const previous = words.lastIndexOf(words[i - 1]!, i - 2);
        expect(previous).toBeGreaterThanOrEqual(0);
        expect(words[previous + 1]).toBe(words[i]);
      }
    }
  }
});

test("all words after the first round are answers but the first one of each round", () => {
  for (const { words, answers, label } of anyDraws) {
    const { period, repeatsFrom } = label;
    const answered = answers.flatMap(({ start, end }) => words.map((_, i) => i).slice(start, end));
    const expected = words.flatMap((_, i) => (i >= period && i % period !== 0 ? [i] : []));
    expect(answered).toEqual(expected);
    expect(words.indexOf(words[0]!, 1)).toBe(repeatsFrom);
    expect(new Set(words).size).toBe(period);
  }
});

test("a counterfactual has another word for the last one, in every round", () => {
  for (const { words, answers, counterfactual, label } of anyDraws) {
    const last = answers.at(-1)!;
    const differs = words.flatMap((word, i) => (word === counterfactual![i] ? [] : [i]));
    expect(last).toEqual({ start: words.length - 1, end: words.length });
    expect(differs).toEqual(
      words.flatMap((_, i) => (i % label.period === label.period - 1 ? [i] : [])),
    );
    expect(new Set(differs.map((i) => counterfactual![i])).size).toBe(1);
    expect(new Set(counterfactual).size).toBe(label.period);
  }
});

test("knobs set the period and the number of rounds", () => {
  for (const period of [4, 11, 20]) {
    for (const rounds of [2, 3]) {
      const { words, answers, label } = draws(period, rounds, 1)[0]!;
      expect(words).toHaveLength(period * rounds);
      expect(answers).toHaveLength(rounds);
      expect(label.period).toBe(period);
    }
  }
});

test("there are about 120 words, each once, and all are used", () => {
  expect(new Set(listWords).size).toBe(listWords.length);
  expect(listWords.length).toBeGreaterThan(110);
  expect(listWords.length).toBeLessThan(130);
  expect(new Set(draws(20, 2, 200).flatMap(({ words }) => words))).toEqual(
    new Set(repeats.vocabulary),
  );
});

test("rounds do not come again, and about one in eight is held out", () => {
  const keys = draws(4, 2, 1500).map(({ key }) => key);
  const share = keys.filter((key) => splitOf(key) === "heldOut").length / keys.length;
  expect(new Set(keys).size).toBe(1500);
  expect(share).toBeGreaterThan(0.1);
  expect(share).toBeLessThan(0.15);
});
