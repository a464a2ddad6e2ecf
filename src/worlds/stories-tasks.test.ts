import { expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import { moodOf, moodWords } from "./stories-mood.ts";
import {
  giftPrompts,
  moodPairs,
  moodPrompts,
  neutralPrompts,
  patternPrompts,
} from "./stories-tasks.ts";
import { names } from "./stories-vocabulary.ts";
import { toText, toWords } from "./words.ts";

test("the prompts of seed 1 stay what they are", () => {
  expect(giftPrompts(new Rng(1), 2)).toMatchInlineSnapshot(`
    [
      {
        "answer": "Sara",
        "counterfactual": "Sara and Ravi were at the school. Sara brought the yellow scarf to",
        "distractor": "Ravi",
        "order": "ABBA",
        "positions": {
          "first": 0,
          "second": 2,
          "subject": 8,
        },
        "prompt": "Sara and Ravi were at the school. Ravi brought the yellow scarf to",
      },
      {
        "answer": "Ivy",
        "counterfactual": "Before Mira and Ivy left the river, Ivy gave the blue whistle to",
        "distractor": "Mira",
        "order": "BABA",
        "positions": {
          "first": 1,
          "second": 3,
          "subject": 8,
        },
        "prompt": "Before Mira and Ivy left the river, Mira gave the blue whistle to",
      },
    ]
  `);
  expect(moodPrompts(new Rng(1), 2)).toMatchInlineSnapshot(`
    [
      {
        "mood": "happy",
        "prompt": "Ivy and Ali were at the park. Ivy was happy about the game with Ali. She smiled at Ali. She sat on a bench.",
      },
      {
        "mood": "sad",
        "prompt": "Ben lived near the zoo. Everyone disliked the doll that Ben made. He frowned at Ivy.",
      },
    ]
  `);
  expect(neutralPrompts(new Rng(1), 2)).toMatchInlineSnapshot(`
    [
      "Ivy and Ali were at the park. Ivy talked to Ali about a kite. Some birds sat in a tree.",
      "On Friday, Noah was at the station. Noah waited for Olga with a drum. He sat on a bench. Then it was time to go home.",
    ]
  `);
  expect(moodPairs(new Rng(1), 2)).toMatchInlineSnapshot(`
    [
      {
        "happy": "Ivy and Ali were at the park. Ivy won a pink kite. That was a lovely surprise. Ali smiled too.",
        "sad": "Ivy and Ali were at the park. Ivy ruined a pink kite. That was a nasty surprise. Ali frowned too.",
      },
      {
        "happy": "On Monday, Sam walked to the castle. Sam found his pink doll. Vera helped Sam. He told Vera the good news.",
        "sad": "On Monday, Sam walked to the castle. Sam lost his pink doll. Vera pushed Sam. He told Vera the bad news.",
      },
    ]
  `);
});

test("a counterfactual differs in the giver's name alone, which becomes the answer's", () => {
  for (const task of giftPrompts(new Rng(2), 200)) {
    const [words, other] = [toWords(task.prompt), toWords(task.counterfactual)];
    const differs = words.flatMap((word, i) => (word === other[i] ? [] : [i]));
    expect(other).toHaveLength(words.length);
    expect(differs).toEqual([task.positions.subject]);
    expect(words[task.positions.subject]).toBe(task.distractor);
    expect(other[task.positions.subject]).toBe(task.answer);
  }
});

test("the answer is the first name in half of the prompts and the second in the other half", () => {
  const tasks = giftPrompts(new Rng(3), 200);
  const isFirst = tasks.map(
    ({ prompt, answer, positions }) => toWords(prompt)[positions.first] === answer,
  );
  expect(isFirst.filter(Boolean)).toHaveLength(100);
  expect(new Set(tasks.map(({ answer }) => answer)).size).toBeGreaterThan(28);
});

test("a gift prompt ends before the receiver and has said both names", () => {
  for (const { prompt, answer, distractor } of giftPrompts(new Rng(4), 500)) {
    expect(prompt).toMatch(/ to$/);
    expect(toWords(prompt)).toEqual(expect.arrayContaining([answer, distractor]));
  }
});

test("plain gift prompts have their words at the same positions", () => {
  const tasks = giftPrompts(new Rng(5), 100, { isPlain: true });
  expect(new Set(tasks.map(({ prompt }) => toWords(prompt).length)).size).toBe(1);
  expect(new Set(tasks.map(({ positions }) => JSON.stringify(positions))).size).toBe(1);
});

test("a pattern prompt's predictable words follow from the words before", () => {
  for (const { text, words, period, predictable } of patternPrompts(new Rng(6), 300)) {
    expect(toText(words)).toBe(text);
    expect(predictable.length).toBeGreaterThanOrEqual(period - 1);
    for (const i of predictable) {
      const previous = words.lastIndexOf(words[i - 1]!, i - 2); // where the word before was last said
      expect(words[previous + 1]).toBe(words[i]);
    }
  }
});

test("mood prompts show their mood, and half are happy", () => {
  const tasks = moodPrompts(new Rng(7), 500);
  expect(tasks.filter(({ mood }) => mood === "happy")).toHaveLength(250);
  for (const { prompt, mood } of tasks) {
    expect(moodOf(prompt)).toBe(mood);
    expect(prompt).toMatch(/[.?!]$/);
  }
});

test("neutral prompts show no mood", () => {
  for (const prompt of neutralPrompts(new Rng(8), 500)) expect(moodOf(prompt)).toBe("none");
});

test("the two sides of a mood pair differ in mood words alone", () => {
  for (const { happy, sad } of moodPairs(new Rng(9), 500)) {
    const [left, right] = [toWords(happy), toWords(sad)];
    expect(left).toHaveLength(right.length);
    const differs = left.flatMap((word, i) => (word === right[i] ? [] : [[word, right[i]!]]));
    expect(differs.length).toBeGreaterThan(0);
    for (const [word, other] of differs) {
      expect(moodWords.sad[moodWords.happy.indexOf(word!)]).toBe(other);
    }
  }
});

test("prompts for training and for testing share none", () => {
  const train = new Set(giftPrompts(new Rng(10), 3000, { split: "train" }).map((t) => t.prompt));
  const heldOut = giftPrompts(new Rng(11), 3000).map((t) => t.prompt);
  expect(heldOut.filter((prompt) => train.has(prompt))).toEqual([]);
});

test("mood is read off words, and names tell nothing", () => {
  expect(moodOf("Mira laughed all the way home.")).toBe("happy");
  expect(moodOf("It was the worst day of the year.")).toBe("sad");
  expect(moodOf("Mira laughed and Tomo cried.")).toBe("mixed");
  expect(moodOf(names.join(" "))).toBe("none");
  expect(moodOf("")).toBe("none");
});

test("a count that is no positive integer is refused", () => {
  expect(() => giftPrompts(new Rng(1), 2.5)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: giftPrompts: count is 2.5, not an integer of at least 1.]`,
  );
  expect(() => moodPairs(new Rng(1), 0)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: moodPairs: count is 0, not an integer of at least 1.]`,
  );
});

test("a split that the world lacks is refused", () => {
  expect(() =>
    moodPrompts(new Rng(1), 1, { split: "dev" as "train" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: moodPrompts: split is "dev", not one of "train", "heldOut".]`,
  );
});
