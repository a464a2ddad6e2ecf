import * as fc from "fast-check";
import { expect, test } from "vitest";

import { antialiased, asMatrix, bicubic, bilinear, interpolated } from "./resampling.ts";

const size = fc.integer({ min: 1, max: 40 });

test("weights of every output sum to 1 and read no input that is not there", () => {
  fc.assert(
    fc.property(size, size, (from, to) => {
      const all = [
        antialiased(bilinear, from, to),
        antialiased(bicubic, from, to),
        interpolated(from, to),
      ];
      for (const { start, weights } of all.flat()) {
        expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
        expect(start).toBeGreaterThanOrEqual(0);
        expect(start + weights.length).toBeLessThanOrEqual(from);
      }
    }),
    { seed: 7, numRuns: 200 },
  );
});

test("as many outputs as inputs leave everything as it is", () => {
  const eye = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  expect(Array.from(asMatrix(interpolated(3, 3), 3), Math.abs)).toEqual(eye);
  expect(Array.from(asMatrix(antialiased(bicubic, 3, 3), 3), Math.abs)).toEqual(eye);
});

test("halving with care for aliasing reads twice as many inputs as the filter reaches", () => {
  const [, middle] = antialiased(bilinear, 6, 3);
  expect(middle).toEqual({ start: 1, weights: [0.125, 0.375, 0.375, 0.125] });
});
