import * as fc from "fast-check";
import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { frequencyShares, onlyFrequencies } from "./fourier.ts";

/** Vectors of the numbers 0..p-1 with a cosine and a sine of every frequency, of given sizes. */
const waves = (p: number, sizes: Readonly<Record<number, number>>): number[][] =>
  Array.from({ length: p }, (_, n) =>
    Object.entries(sizes).flatMap(([k, size]) => {
      const angleRad = (2 * Math.PI * Number(k) * n) / p;
      return [7 + size * Math.cos(angleRad), size * Math.sin(angleRad) - 3];
    }),
  );

const randomVectors = (seed: number, p: number): number[][] => {
  const rng = new Rng(seed);
  return Array.from({ length: p }, () => Array.from({ length: 3 }, () => rng.normal()));
};

test("a wave has its own frequency and no other", () => {
  const [first, ...rest] = frequencyShares(waves(11, { 4: 2 }));
  expect(first!.frequency).toBe(4);
  expect(first!.share).toBeCloseTo(1, 12);
  expect(rest).toHaveLength(4);
});

test("shares are as the squares of sizes, the strongest first", () => {
  const shares = frequencyShares(waves(13, { 2: 1, 5: 3 }));
  expect(shares.slice(0, 2).map(({ frequency }) => frequency)).toEqual([5, 2]);
  expect(shares[0]!.share).toBeCloseTo(0.9, 12);
  expect(shares[1]!.share).toBeCloseTo(0.1, 12);
});

test("vectors without order have power at all frequencies", () => {
  const shares = frequencyShares(randomVectors(1, 53)).map(({ share }) => share);
  expect(shares).toHaveLength(26);
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  expect(shares[0]).toBeLessThan(0.15);
});

test("what is left when frequencies are taken out has those that were kept", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 5, max: 20 }), (seed, p) => {
      const vectors = randomVectors(seed, p);
      const kept = new Set([1, 2]);
      const before = frequencyShares(vectors).filter(({ frequency }) => kept.has(frequency));
      const after = frequencyShares(onlyFrequencies(vectors, [...kept]));
      const both = before.reduce((sum, { share }) => sum + share, 0);
      for (const { frequency, share } of after) {
        const own = before.find((one) => one.frequency === frequency)?.share ?? 0;
        expect(share).toBeCloseTo(own / both, 9);
      }
    }),
    { seed: 1, numRuns: 30 },
  );
});

test("keeping every frequency changes nothing, and keeping none leaves the mean", () => {
  for (const p of [8, 9]) {
    const vectors = randomVectors(p, p);
    const every = Array.from({ length: Math.floor(p / 2) }, (_, i) => i + 1);
    const [same, mean] = [onlyFrequencies(vectors, every), onlyFrequencies(vectors, [])];
    for (const [n, vector] of vectors.entries()) {
      for (const [j, value] of vector.entries()) {
        expect(same[n]![j]).toBeCloseTo(value, 12);
        const average = vectors.reduce((sum, other) => sum + other[j]!, 0) / p;
        expect(mean[n]![j]).toBeCloseTo(average, 12);
      }
    }
  }
});

test("vectors that are all alike are refused", () => {
  expect(() =>
    frequencyShares([
      [1, 2],
      [1, 2],
      [1, 2],
    ]),
  ).toThrowErrorMatchingInlineSnapshot();
});
