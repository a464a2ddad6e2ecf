import { expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import { languageSample } from "../worlds/index.ts";
import { drawnAt, firstLessons, linearWeights } from "./language-text.ts";

const lessons = firstLessons(8000);

test("lessons follow each other, and leave half of the steps to the whole world alone", () => {
  const ends = lessons.map(({ until }) => until);
  expect(ends).toEqual(ends.toSorted((a, b) => a - b));
  expect(new Set(ends).size).toBe(ends.length);
  expect(ends.at(-1)).toBeLessThan(4000);
});

test("a step draws from its lesson or from everything", () => {
  const skillsAt = (index: number): string[] | undefined =>
    drawnAt(index, lessons).skills?.map(({ skill }) => skill!);
  expect(skillsAt(0)).toEqual(["repeats"]);
  expect(skillsAt(599)).toEqual(["repeats", "recall"]);
  expect(skillsAt(2000)).toContain("tables");
  expect(skillsAt(2001)).toBeUndefined();
  expect(skillsAt(lessons.at(-1)!.until)).toBeUndefined();
});

test("only answers count in a lesson, and what is said otherwise elsewhere", () => {
  expect(drawnAt(5, lessons).context).toBe(0);
  expect(drawnAt(7999, lessons)).toEqual({});
});

test("every lesson has texts in the half for training", () => {
  for (const drawn of lessons.flatMap(({ skills }) => skills)) {
    const { answers, skill } = languageSample(new Rng(1), drawn);
    expect(skill).toBe(drawn.skill);
    expect(answers.length).toBeGreaterThan(0);
  }
});

test("a matrix begins as wide as keeps the scale of what it multiplies, and a quarter of that where it writes", async () => {
  const deviation = async (path: string, shape: number[]): Promise<number> => {
    const numbers = Array.from(await linearWeights(path, shape, new Rng(3))!.numbers());
    return Math.hypot(...numbers.slice(0, 2 ** 15)) / 2 ** 7.5;
  };
  // of 32,768 numbers: two standard errors are 0.8 %
  expect(await deviation("blocks.0.attn.q.weight", [256, 256])).toBeCloseTo(1 / 16, 3);
  expect(await deviation("blocks.0.mlp.out.weight", [64, 1024])).toBeCloseTo(1 / 128, 3);
  expect(linearWeights("embed.weight", [64, 64], new Rng(3))).toBeUndefined();
  expect(linearWeights("lnFinal.weight", [64], new Rng(3))).toBeUndefined();
});
