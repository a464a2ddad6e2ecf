import * as fc from "fast-check";
import { expect, test } from "vitest";

import {
  addDirections,
  cosine,
  meanDirection,
  normaliseDirection,
  normOf,
  orthogonalise,
  orthonormal,
  scaleDirection,
} from "./directions.ts";

const WIDTH = 7;
const vectors = fc.array(
  fc
    .array(fc.integer({ min: -9, max: 9 }), { minLength: WIDTH, maxLength: WIDTH })
    .map((xs) => Float32Array.from(xs)),
  { minLength: 1, maxLength: 5 },
);

test("sums, multiples and means are taken number by number", () => {
  const [a, b] = [Float32Array.of(1, 2), Float32Array.of(3, -2)];
  expect(addDirections(a, b)).toEqual(Float32Array.of(4, 0));
  expect(scaleDirection(a, -2)).toEqual(Float32Array.of(-2, -4));
  expect(meanDirection([a, b])).toEqual(Float32Array.of(2, 0));
});

test("a normalised direction has length 1 and points the same way", () => {
  const unit = normaliseDirection(Float32Array.of(3, 4));
  expect(normOf(unit)).toBeCloseTo(1, 6);
  expect(cosine(unit, Float32Array.of(3, 4))).toBeCloseTo(1, 6);
});

test("a direction of zeros has no length to be divided by", () => {
  expect(() => normaliseDirection(new Float32Array(2))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: normaliseDirection: the direction is zero, so it points nowhere.]`,
  );
});

test("cosines of directions are theirs", () => {
  expect(cosine(Float32Array.of(1, 0), Float32Array.of(1, 1))).toBeCloseTo(Math.SQRT1_2, 6);
  expect(cosine(Float32Array.of(1, 0), Float32Array.of(0, 0))).toBe(0);
});

test("what is left of a direction is orthogonal to all others, even when they depend on each other", () => {
  fc.assert(
    fc.property(vectors, vectors, ([direction], others) => {
      const left = orthogonalise(direction!, [...others, ...others]);
      for (const other of others) {
        const product = left.reduce((sum, x, i) => sum + x * other[i]!, 0);
        // float32 rounding of numbers up to 9, 7 of them
        expect(Math.abs(product)).toBeLessThan(1e-3);
      }
    }),
    { seed: 1, numRuns: 200 },
  );
});

test("orthonormal vectors are orthogonal, of length 1 or 0, and span what was given", () => {
  fc.assert(
    fc.property(vectors, (given) => {
      const basis = orthonormal(given);
      for (const [i, a] of basis.entries()) {
        for (const [j, b] of basis.entries()) {
          const product = a.reduce((sum, x, k) => sum + x * b[k]!, 0);
          const isZero = a.every((x) => x === 0);
          expect(product).toBeCloseTo(i === j && !isZero ? 1 : 0, 9);
        }
      }
      for (const vector of given) expect(normOf(orthogonalise(vector, given))).toBeLessThan(1e-4);
    }),
    { seed: 2, numRuns: 200 },
  );
});

test("directions of different widths are refused", () => {
  expect(() => addDirections(Float32Array.of(1), Float32Array.of(1, 2)))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: addDirections: one direction has 1 numbers, another 2.
      fix: give directions of one site.]
  `);
  expect(() => addDirections()).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: addDirections: no directions were given.
      fix: give directions of one site.]
  `);
});
