import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText } from "../words.ts";
import { colouredObjects } from "./coloured-objects.ts";
import { colours, objects } from "./lexicon.ts";

const draws = (things: number, questions: number, count: number) =>
  Array.from({ length: count }, (_, seed) =>
    colouredObjects.draw(new Rng(seed), { things, questions }),
  );

const anyDraws = (count: number) =>
  Array.from({ length: count }, (_, seed) =>
    colouredObjects.draw(new Rng(seed), {
      things: 3 + (seed % 3),
      questions: 2 + ((seed % 4) % 3),
    }),
  );

/** Reads "a red cup" off the first sentence: the object of every colour. */
function readScene(words: readonly string[]): Map<string, string> {
  const scene = words.slice(0, words.indexOf("."));
  return new Map(
    scene.flatMap((word, i): [string, string][] =>
      colours.includes(word) ? [[word, scene[i + 1]!]] : [],
    ),
  );
}

/** Answers the question before a gap by the scene alone. */
function solve(words: readonly string[], gap: number): string {
  const scene = readScene(words);
  const begin = words.lastIndexOf(".", gap) + 1;
  const question = words.slice(begin, gap);
  const colour = question.find((word) => colours.includes(word));
  if (colour !== undefined) return scene.get(colour)!;
  const object = question.find((word) => objects.includes(word));
  return [...scene].find(([, shown]) => shown === object)![0];
}

test("the first texts stay what they are", () => {
  const [text] = draws(3, 2, 1);
  const [longest] = draws(5, 4, 1);
  expect([toText(text!.words), text!.label, toText(longest!.words)]).toMatchInlineSnapshot(`
    [
      "on the bed there is a red basket, a golden pencil and a brown book. the pencil is golden. the basket is red.",
      {
        "questions": [
          {
            "about": "pencil",
            "answer": "golden",
            "position": 20,
            "wanted": "colour",
          },
          {
            "about": "basket",
            "answer": "red",
            "position": 25,
            "wanted": "colour",
          },
        ],
        "scene": [
          {
            "colour": "red",
            "object": "basket",
          },
          {
            "colour": "golden",
            "object": "pencil",
          },
          {
            "colour": "brown",
            "object": "book",
          },
        ],
      },
      "at the market Nora saw a red basket, a golden pencil, a brown book, a black flower and a silver puppet. what colour is the book? brown. the black thing is the flower. the red thing is the basket. which thing is golden? the pencil.",
    ]
  `);
});

test("the scene answers every question", () => {
  for (const { words, answers, label } of anyDraws(300)) {
    expect(answers.map(({ start }) => solve(words, start))).toEqual(
      answers.map(({ start }) => words[start]),
    );
    expect(label.questions.map(({ position, answer }) => [position, answer])).toEqual(
      answers.map(({ start }) => [start, words[start]]),
    );
    expect(new Map(label.scene.map(({ colour, object }) => [colour, object]))).toEqual(
      readScene(words),
    );
  }
});

test("objects and colours of a scene are all different", () => {
  for (const { label } of draws(5, 2, 200)) {
    expect(new Set(label.scene.flatMap(({ object, colour }) => [object, colour])).size).toBe(10);
  }
});

test("no question of a text is asked twice", () => {
  for (const { label } of draws(3, 4, 200)) {
    expect(new Set(label.questions.map(({ about }) => about)).size).toBe(4);
  }
});

test("a counterfactual exchanges two colours in the scene, answers by that, and ends in another answer", () => {
  for (const { words, answers, counterfactual } of anyDraws(300)) {
    const other = counterfactual!;
    const differs = words.flatMap((word, i) => (word === other[i] ? [] : [i]));
    const inScene = differs.filter((i) => i < words.indexOf("."));
    const last = answers.at(-1)!.start;
    expect(other).toHaveLength(words.length);
    expect(inScene.map((i) => words[i])).toEqual(inScene.map((i) => other[i]).toReversed());
    expect(inScene).toHaveLength(2);
    expect(differs).toContain(last);
    expect(answers.map(({ start }) => solve(other, start))).toEqual(
      answers.map(({ start }) => other[start]),
    );
    // Beyond the scene, only answers differ.
    const gaps = answers.map(({ start }) => start);
    expect(differs.slice(2).filter((i) => !gaps.includes(i))).toEqual([]);
  }
});

test("with a thing to spare, a counterfactual changes no answer but the last", () => {
  for (const { words, counterfactual } of draws(5, 4, 100)) {
    expect(words.filter((word, i) => word !== counterfactual![i])).toHaveLength(3);
  }
});

test("knobs set the number of things and of questions", () => {
  for (const things of [3, 4, 5]) {
    for (const questions of [2, 3, 4]) {
      const [text] = draws(things, questions, 1);
      expect(text!.label.scene).toHaveLength(things);
      expect(text!.answers).toHaveLength(questions);
    }
  }
});

test("texts are varied, use every word and ask both ways", () => {
  const texts = draws(4, 3, 1000);
  expect(new Set(texts.map(({ words }) => toText(words))).size).toBe(1000);
  expect(new Set(texts.flatMap(({ words }) => words))).toEqual(new Set(colouredObjects.vocabulary));
  const wanted = texts.flatMap(({ label }) => label.questions.map((question) => question.wanted));
  const share = wanted.filter((want) => want === "colour").length / wanted.length;
  expect(Math.abs(share - 0.5)).toBeLessThan(0.04);
});

test("about one scene in eight is held out, whatever thing has which colour", () => {
  const texts = draws(3, 2, 1500);
  const share = texts.filter(({ key }) => splitOf(key) === "heldOut").length / 1500;
  expect(share).toBeGreaterThan(0.1);
  expect(share).toBeLessThan(0.15);
  for (const { key, counterfactual } of texts.slice(0, 100)) {
    const scene = readScene(counterfactual!);
    expect(key).toBe(
      [...[...scene.values()].toSorted(), ...[...scene.keys()].toSorted()].join(" "),
    );
  }
});
