import * as fc from "fast-check";
import { expect, test } from "vitest";

import { hash32, Rng } from "./rng.ts";

const N = 20_000;

function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, v) => sum + v, 0) / values.length;
}

function centralMoment(values: ArrayLike<number>, order: number): number {
  const m = mean(values);
  return mean(Array.from(values, (v) => (v - m) ** order));
}

test("a stream is a function of its seed and its counter alone", () => {
  const whole = new Rng(7).uniforms(10);
  const resumed = new Rng(7, 4);
  expect(Array.from(resumed.uniforms(6))).toEqual(Array.from(whole.subarray(4)));
  expect(resumed.counter).toBe(10);
  expect(hash32(7, 0) >>> 8).toBe(whole[0]! * 2 ** 24);
});

test("streams of neighbouring seeds share no words", () => {
  const words = (seed: number) => {
    const rng = new Rng(seed);
    return Array.from({ length: 100 }, () => rng.word());
  };
  const first = new Set(words(1));
  expect(words(2).filter((word) => first.has(word))).toEqual([]);
});

test("uniform numbers lie in [0, 1), are whole multiples of 2^-24, and have the uniform's moments", () => {
  const values = new Rng(1).uniforms(N);
  expect(values.every((v) => v >= 0 && v < 1 && Number.isInteger(v * 2 ** 24))).toBe(true);
  // 5 standard errors: sqrt(1/12 / N) = 0.0020 for the mean, sqrt(1/180 / N) = 0.00053 for the variance
  expect(Math.abs(mean(values) - 1 / 2)).toBeLessThan(0.0102);
  expect(Math.abs(centralMoment(values, 2) - 1 / 12)).toBeLessThan(0.0027);
});

test("normal numbers have the moments 0, 1, 0, 3", () => {
  const values = new Rng(2).normals(N);
  // 5 standard errors: the k-th moment's variance is (E x^2k - (E x^k)^2) / N = 1, 2, 15 - 9, 96 over N
  expect(Math.abs(mean(values))).toBeLessThan(5 * Math.sqrt(1 / N));
  expect(Math.abs(centralMoment(values, 2) - 1)).toBeLessThan(5 * Math.sqrt(2 / N));
  expect(Math.abs(centralMoment(values, 3))).toBeLessThan(5 * Math.sqrt(6 / N));
  expect(Math.abs(centralMoment(values, 4) - 3)).toBeLessThan(5 * Math.sqrt(96 / N));
});

test("a permutation holds every index once", () => {
  fc.assert(
    fc.property(fc.nat(60), fc.nat(1000), (n, seed) => {
      const order = new Rng(seed).permutation(n);
      expect(Array.from(order.toSorted())).toEqual(Array.from({ length: n }, (_, i) => i));
    }),
    { seed: 1 },
  );
});

test("every order of three is equally frequent", () => {
  const rng = new Rng(3);
  const counts = new Map<string, number>();
  const draws = 6000;
  for (let i = 0; i < draws; i++) {
    const order = rng.permutation(3).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  // 5 standard deviations of a binomial with p = 1/6
  const bound = 5 * Math.sqrt((draws * 5) / 36);
  for (const count of counts.values()) expect(Math.abs(count - draws / 6)).toBeLessThan(bound);
});

test("shuffling keeps the items and leaves its argument alone", () => {
  const items = ["a", "b", "c", "d"] as const;
  expect(new Rng(4).shuffle(items).toSorted()).toEqual([...items]);
  expect(items).toEqual(["a", "b", "c", "d"]);
});

test("below and pick reach every value and nothing else", () => {
  const rng = new Rng(5);
  const drawn = new Set(Array.from({ length: 200 }, () => rng.below(5)));
  expect([...drawn].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
  expect(new Set(Array.from({ length: 100 }, () => rng.pick(["x", "y"])))).toEqual(
    new Set(["x", "y"]),
  );
});

test("splitting depends on the name, differs from the parent and does not advance it", () => {
  const parent = new Rng(9, 3);
  const streams = [parent.split("a"), parent.split("b"), parent.split(0), parent.split(1)];
  const first = [parent, ...streams].map((rng) => new Rng(rng.seed).word());
  expect(new Set(first).size).toBe(5);
  expect(parent.counter).toBe(3);
  expect(parent.split("a").seed).toBe(streams[0]!.seed);
  expect(parent.split("ab").seed).not.toBe(parent.split("ba").seed);
});

test("categorical frequencies follow the weights, and a weight of zero is never drawn", () => {
  const rng = new Rng(6);
  const weights = [1, 0, 3, 6, 0];
  const counts = [0, 0, 0, 0, 0];
  for (let i = 0; i < N; i++) counts[rng.categorical(weights)]! += 1;
  for (const [i, count] of counts.entries()) {
    const p = weights[i]! / 10;
    // 5 standard deviations of a binomial; none at p = 0
    expect(Math.abs(count - N * p)).toBeLessThanOrEqual(5 * Math.sqrt(N * p * (1 - p)));
  }
});

test("seeds that are not unsigned 32-bit integers are refused", () => {
  expect(() => new Rng(-1)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: Rng: the seed is -1, not an integer in 0..4294967295.]`,
  );
  expect(() => new Rng(1.5)).toThrow("the seed is 1.5");
  expect(() => new Rng(2 ** 32)).toThrow("the seed is 4294967296");
  expect(() => new Rng(Number.NaN)).toThrow("the seed is NaN");
  expect(new Rng(2 ** 32 - 1).word()).toBeGreaterThanOrEqual(0);
});

test("weights that are no distribution are refused", () => {
  const rng = new Rng(1);
  expect(() => rng.categorical([0, 0])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: Rng.categorical: the weights sum to 0, so this is no distribution.]`,
  );
  expect(() => rng.categorical([])).toThrow("sum to 0");
  expect(() => rng.categorical([1, Number.NaN])).toThrow("sum to NaN");
  expect(() => rng.categorical([1, Infinity])).toThrow("sum to Infinity");
  expect(() => rng.categorical([3, -1])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: Rng.categorical: weight 1 is -1, so this is no distribution.]`,
  );
  expect(rng.counter).toBe(0);
});
