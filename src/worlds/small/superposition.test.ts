import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { sparseFeatureRows, sparseFeatures } from "./superposition.ts";
import type { SparseFeaturesOptions } from "./superposition.ts";

const ROWS = 20_000;

/** Rows of a world, and how often each feature, and each neighbouring pair, is on. */
function drawn(options: SparseFeaturesOptions) {
  const world = sparseFeatures(options);
  const { features } = world;
  const x = sparseFeatureRows(new Rng(5), world, ROWS);
  const isOn = (row: number, i: number): boolean => x[row * features + i]! > 0;
  const share = (holds: (row: number) => boolean): number =>
    Array.from({ length: ROWS }, (_, row) => holds(row)).filter(Boolean).length / ROWS;
  const on = Array.from({ length: features }, (_, i) => share((row) => isOn(row, i)));
  const both = (i: number, k: number): number => share((row) => isOn(row, i) && isOn(row, k));
  return { world, x, on, both };
}

// four standard deviations of a share of 20,000 draws
const CLOSE = 4 * Math.sqrt(0.25 / ROWS);

test("the same state of a generator gives the same rows", () => {
  const world = sparseFeatures({ features: 3, probability: 0.5 });
  expect(sparseFeatureRows(new Rng(1), world, 2)).toEqual(sparseFeatureRows(new Rng(1), world, 2));
  expect([...sparseFeatureRows(new Rng(1), world, 2)].map((x) => x.toFixed(3)))
    .toMatchInlineSnapshot(`
    [
      "1.000",
      "0.788",
      "0.000",
      "0.000",
      "0.975",
      "0.000",
    ]
  `);
});

test.each(["independent", "correlated", "anticorrelated"] as const)(
  "%s features are each on as often as was asked, uniform above 0 and up to 1",
  (pairing) => {
    const { x, on } = drawn({ features: 4, probability: 0.3, pairing });
    for (const share of on) expect(Math.abs(share - 0.3)).toBeLessThan(CLOSE);
    const values = x.filter((value) => value > 0);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(CLOSE);
    expect(Math.max(...values.slice(0, 1000))).toBeLessThanOrEqual(1);
    expect(Math.min(...x.slice(0, 1000))).toBe(0);
  },
);

test("pairs are on together by chance, always, or never", () => {
  const pair = (pairing: SparseFeaturesOptions["pairing"] & string): number =>
    drawn({ features: 4, probability: 0.3, pairing }).both(0, 1);
  expect(Math.abs(pair("independent") - 0.09)).toBeLessThan(CLOSE);
  expect(Math.abs(pair("correlated") - 0.3)).toBeLessThan(CLOSE);
  expect(pair("anticorrelated")).toBe(0);
});

test.each(["correlated", "anticorrelated"] as const)(
  "%s pairs know nothing of each other",
  (pairing) => {
    const { both } = drawn({ features: 4, probability: 0.3, pairing });
    expect(Math.abs(both(1, 2) - 0.09)).toBeLessThan(CLOSE);
  },
);

test("a feature counts a constant part of the one before", () => {
  const { importance } = sparseFeatures({ features: 4, decay: 0.5 });
  expect([...importance]).toEqual([1, 0.5, 0.25, 0.125]);
});

test("a probability of 1 turns every feature on in every row", () => {
  const world = sparseFeatures({ features: 5, probability: 1 });
  expect(sparseFeatureRows(new Rng(3), world, 100).every((value) => value > 0)).toBe(true);
});

test("refused options say what is wrong", () => {
  const refused = (options: SparseFeaturesOptions) => () => sparseFeatures(options);
  expect(refused({ features: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: sparseFeatures: features is 0, not an integer of at least 1.]`,
  );
  expect(refused({ features: 4, probability: 1.5 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: sparseFeatures: probability is 1.5, not a number above 0 and up to 1.]`,
  );
  expect(refused({ features: 4, decay: -1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: sparseFeatures: decay is -1, not a number above 0 and up to 1.]`,
  );
  expect(refused({ features: 5, pairing: "correlated" })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: sparseFeatures: 5 features cannot go in pairs.]`,
  );
  expect(
    refused({
      features: 4,
      probability: 0.6,
      pairing: "anticorrelated",
    }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: sparseFeatures: two features that are on with probability 0.6 cannot exclude each other.]`,
  );
  expect(refused({ features: 4, pairing: "paired" as never })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: sparseFeatures: pairing is "paired", not one of "independent", "correlated", "anticorrelated".]`,
  );
});
