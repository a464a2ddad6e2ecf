import { expect, test } from "vitest";

import type { DoseCurve } from "./dose-curve.ts";
import { doseCurveSchema } from "./dose-curve.ts";

const whole: DoseCurve = {
  metric: "share of calm texts (0 to 1)",
  points: [-2, 0, 1, 4].map((strength) => ({
    strength,
    effect: 0.5 + strength / 10,
    randomEffect: 0.5,
    randomSpread: 0.02,
    perplexity: 20 + strength ** 2,
    repetition: 0.1,
  })),
  baseline: 0.5,
  collapse: 4,
  collapseBelow: -2,
  band: [1, 1],
  bandBelow: [-1.5, -1],
  bounds: { perplexity: 2, repetition: 0.3 },
  measured: {
    neutralTexts: 8,
    randomDirections: 3,
    leastChange: 0.1,
    maxTokens: 24,
    temperature: 1,
    seed: 0,
  },
};

test("a curve written as JSON and read again is the same curve", () => {
  expect(doseCurveSchema.parse(JSON.parse(JSON.stringify(whole)))).toEqual(whole);
});

test("a curve needs a metric and one point, and nothing else", () => {
  const least = { metric: "m", points: [{ strength: 1, effect: 2 }] };
  expect(doseCurveSchema.parse(least)).toEqual(least);
});

test.each<[string, object]>([
  ["points is not in the order of rising strengths", { points: whole.points.toReversed() }],
  ["band ends at 1, below its start at 2", { band: [2, 1] }],
  ["band starts at -1, not above zero", { band: [-1, 1] }],
  ["band reaches 4, where texts fall apart", { band: [1, 4] }],
  ["bandBelow ends at 1, not below zero", { bandBelow: [-1, 1] }],
  ["bandBelow reaches -2, where texts fall apart", { bandBelow: [-2, -1] }],
  ["collapse is -4, not above zero", { collapse: -4, band: undefined }],
  ["collapseBelow is 2, not below zero", { collapseBelow: 2, bandBelow: undefined }],
])("a curve of which %s is refused", (words, change) => {
  const { success, error } = doseCurveSchema.safeParse({ ...whole, ...change });
  expect(success).toBe(false);
  expect(error!.issues.map(({ path, message }) => `${path.join(".")} ${message}`)).toEqual([words]);
});

test.each([{ points: [] }, { extra: 1 }, { bounds: { perplexity: 0.5, repetition: 0 } }])(
  "a curve with %o is refused",
  (change) => {
    expect(doseCurveSchema.safeParse({ ...whole, ...change }).success).toBe(false);
  },
);
