import { expect, test } from "vitest";

import { wilson } from "./interval.ts";

test("the interval of 81 in 263 is that of Newcombe's table", () => {
  // Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I: 0.2553 to 0.3662
  const { low, high } = wilson(81, 263);
  expect(low).toBeCloseTo(0.2553, 4);
  expect(high).toBeCloseTo(0.3662, 4);
});

test.each([
  [0, 32],
  [32, 32],
  [1, 1],
])("the interval of %d in %d holds the share and stays in 0..1", (hits, total) => {
  const { share, low, high } = wilson(hits, total);
  expect(low).toBeLessThanOrEqual(share);
  expect(high).toBeGreaterThanOrEqual(share);
  expect(low).toBeGreaterThanOrEqual(0);
  expect(high).toBeLessThanOrEqual(1);
  expect(high - low).toBeGreaterThan(0.05);
});
