import { expect, test } from "vitest";

import { constantRate, cosineDecay, inTurn, linearDecay, warmup } from "./schedules.ts";

test("constantRate never changes", () => {
  expect([0, 1, 1000].map(constantRate(0.1))).toEqual([0.1, 0.1, 0.1]);
});

test("linearDecay is a line and then stays", () => {
  const schedule = linearDecay({ from: 1, to: 0.5, steps: 4 });
  expect([0, 1, 2, 4, 9].map(schedule)).toEqual([1, 0.875, 0.75, 0.5, 0.5]);
});

test("cosineDecay is half way at half time and then stays at its end", () => {
  const schedule = cosineDecay({ from: 1, to: 0.2, steps: 8 });
  // 12 digits: float64 arithmetic
  expect(schedule(0)).toBe(1);
  expect(schedule(4)).toBeCloseTo(0.6, 12);
  expect(schedule(2)).toBeCloseTo(0.2 + 0.4 * (1 + Math.SQRT1_2), 12);
  expect(schedule(8)).toBeCloseTo(0.2, 12);
  expect(schedule(100)).toBeCloseTo(0.2, 12);
});

test("warmup climbs to the first rate and then starts the schedule", () => {
  const schedule = warmup(linearDecay({ from: 1, steps: 2 }), { steps: 4 });
  expect([0, 1, 2, 3, 4, 5, 6].map(schedule)).toEqual([0.25, 0.5, 0.75, 1, 1, 0.5, 0]);
});

test("inTurn starts every schedule at its own step 0", () => {
  const schedule = inTurn([
    { schedule: constantRate(1), steps: 2 },
    { schedule: linearDecay({ from: 8, to: 4, steps: 4 }), steps: 3 },
    { schedule: constantRate(0.5), steps: 0 },
  ]);
  expect([0, 1, 2, 3, 4, 5, 50].map(schedule)).toEqual([1, 1, 8, 7, 6, 0.5, 0.5]);
});

test("a schedule of no steps is refused", () => {
  expect(() => warmup(constantRate(1), { steps: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: warmup: steps is 0, not a whole number of at least 1.]`,
  );
});

test("inTurn without schedules is refused", () => {
  expect(() => inTurn([])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: inTurn: there are no schedules.]`,
  );
});
