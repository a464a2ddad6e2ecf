import * as fc from "fast-check";
import { expect, test } from "vitest";

import { argmax, largest } from "./largest.ts";

// few different values, so that there are equals
const values = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 300 });

test("the largest are those that sorting everything gives, in its order", () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 320 }), (numbers, count) => {
      const sorted = [...numbers.keys()].toSorted((a, b) => numbers[b]! - numbers[a]! || a - b);
      expect(Array.from(largest(numbers, count))).toEqual(sorted.slice(0, count));
    }),
    { seed: 1 },
  );
});

test("argmax is the first of the largest", () => {
  fc.assert(
    fc.property(values, (numbers) => {
      expect(argmax(numbers)).toBe(numbers.indexOf(Math.max(...numbers)));
    }),
    { seed: 2 },
  );
});

test("values of minus infinity come last", () => {
  expect(Array.from(largest([-Infinity, 1, -Infinity, 2], 3))).toEqual([3, 1, 0]);
});
