import * as fc from "fast-check";
import { expect, test } from "vitest";

import { solveSize } from "./sizes.ts";
import type { Size, Sizes } from "./sizes.ts";

const CHOICES: readonly Sizes[] = [
  { a: 7, b: 307, c: 401 },
  { a: 11, b: 313, c: 433 },
  { a: 13, b: 331, c: 509 },
];

function valueOf({ factor, names, sum, plus }: Size, sizes: Sizes): number {
  if (names.length === 0) return factor;
  const parts = names.map((name) => sizes[name]!);
  const joined = sum ? parts.reduce((x, y) => x + y, 0) : parts.reduce((x, y) => x * y, 1);
  return factor * joined + plus;
}

const names = fc.subarray(["a", "b", "c"], { minLength: 1 });
const forms: fc.Arbitrary<Size> = fc.oneof(
  fc.record({
    factor: fc.integer({ min: 1, max: 5000 }),
    names,
    sum: fc.constant(false),
    plus: fc.constant(0),
  }),
  fc.record({
    factor: fc.integer({ min: 1, max: 64 }),
    names: fc.subarray(["a", "b", "c"], { minLength: 2 }),
    sum: fc.constant(true),
    plus: fc.integer({ min: -64, max: 64 }),
  }),
);

test("what was made of sizes is found again, and holds at sizes that were not traced", () => {
  const unseen = fc.record({ a: fc.nat(50), b: fc.nat(5000), c: fc.nat(5000) });
  fc.assert(
    fc.property(forms, unseen, (form, sizes) => {
      const values = CHOICES.map((own) => valueOf(form, own));
      const found = solveSize(values, CHOICES);
      expect(found).toBeDefined();
      expect(valueOf(found!, sizes)).toBe(valueOf(form, sizes));
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("what is the same at all sizes is a constant, even where it equals one of them", () => {
  expect(solveSize([307, 307, 307], CHOICES)).toEqual({
    factor: 307,
    names: [],
    sum: false,
    plus: 0,
  });
});

test.each([
  ["a square", (a: number) => a * a],
  ["a half", (a: number) => a >> 1],
  ["the next power of two", (a: number) => 2 ** Math.ceil(Math.log2(a))],
  ["a bound", (a: number) => Math.min(a, 12)],
] as const)("%s is no size", (_, of) => {
  const values = CHOICES.map(({ a }) => of(a!));
  expect(solveSize(values, CHOICES)).toBeUndefined();
});
