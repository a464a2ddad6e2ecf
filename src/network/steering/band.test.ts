import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { usableBand } from "./band.ts";

const at = (strength: number, effect: number, randomEffect = 0, randomSpread = 0.01) => ({
  strength,
  effect,
  randomEffect,
  randomSpread,
});
const usual = { baseline: 0, least: 0.1, controls: 3, collapse: undefined } as const;

test("the band is the longest run of strengths that act, and ends before the collapse", () => {
  const points = [at(0, 0), at(1, 0.5), at(2, 0.05), at(3, 0.6), at(4, 0.7), at(5, 0.8)];
  expect(usableBand(points, { ...usual, side: 1 })).toEqual([3, 5]);
  expect(usableBand(points, { ...usual, side: 1, collapse: 5 })).toEqual([3, 4]);
  expect(usableBand(points, { ...usual, side: 1, collapse: 2 })).toEqual([1, 1]);
  expect(usableBand(points, { ...usual, side: -1 })).toBeUndefined();
});

test("one strength that stands out among others is no band", () => {
  const points = [at(0, 0), at(1, 0.5), at(2, 0.05), at(3, 0.6)];
  expect(usableBand(points, { ...usual, side: 1 })).toBeUndefined();
});

test("below zero the effect must fall", () => {
  const points = [at(-3, 0.9), at(-2, -0.4), at(-1, -0.3), at(0, 0)];
  expect(usableBand(points, { ...usual, side: -1 })).toEqual([-2, -1]);
});

test("an effect within what another random direction may do is not usable", () => {
  // Student's t for 3 directions: 2.92 * sqrt(4 / 3) = 3.37 spreads
  const judged = (effect: number) => usableBand([at(1, effect, 0, 0.1)], { ...usual, side: 1 });
  expect(judged(0.33)).toBeUndefined();
  expect(judged(0.34)).toEqual([1, 1]);
});

test("random directions that do as much leave no band, whatever the baseline", () => {
  expect(usableBand([at(1, 0.6, 0.58, 0)], { ...usual, side: 1 })).toBeUndefined();
});

test("without random directions the smallest change that counts has to do", () => {
  const points = [
    { strength: 1, effect: 0.09 },
    { strength: 2, effect: 0.1 },
    { strength: 3, effect: 0.2 },
  ];
  expect(usableBand(points, { ...usual, controls: 0, side: 1 })).toEqual([2, 3]);
});

test("one more random direction is called usable in about 1 case of 20", () => {
  const rng = new Rng(2);
  const cases = 4000;
  let usable = 0;
  for (let i = 0; i < cases; i++) {
    const [a, b, c, own] = rng.normals(4) as unknown as [number, number, number, number];
    const mean = (a + b + c) / 3;
    const spread = Math.sqrt(((a - mean) ** 2 + (b - mean) ** 2 + (c - mean) ** 2) / 2);
    const options = { ...usual, baseline: -9, least: 0, side: 1 } as const;
    usable += usableBand([at(1, own, mean, spread)], options) === undefined ? 0 : 1;
  }
  expect(Math.abs(usable / cases - 0.05)).toBeLessThan(0.014); // 4 standard errors
});
