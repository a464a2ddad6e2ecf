import { expect, test } from "vitest";

import type { Tensor } from "../runtime/index.ts";
import {
  kaimingNormal,
  kaimingUniform,
  normal,
  orthogonal,
  truncatedNormal,
  uniform,
  xavierNormal,
  xavierUniform,
} from "./init.ts";

async function spread(w: Tensor): Promise<{ mean: number; std: number; largest: number }> {
  const values = Array.from(await w.numbers());
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
  return { mean, std, largest: Math.max(...values.map(Math.abs)) };
}

// 20,000 values: the mean is within 4 std / 141 of 0, and the standard deviation within 4 / sqrt(2 * 20000) = 2 %.
test.each([
  ["normal", normal([200, 100], { seed: 1, std: 0.5 }), 0.5],
  ["uniform", uniform([200, 100], { seed: 1, bound: 0.5 }), 0.5 / Math.sqrt(3)],
  // a normal cut at two standard deviations keeps 0.8796 of its own
  ["truncatedNormal", truncatedNormal([200, 100], { seed: 1, std: 0.5 }), 0.5 * 0.8796],
  ["xavierUniform", xavierUniform([200, 100], { seed: 1 }), Math.sqrt(2 / 300)],
  ["xavierNormal", xavierNormal([200, 100], { seed: 1, gain: 3 }), 3 * Math.sqrt(2 / 300)],
  ["kaimingUniform", kaimingUniform([200, 100], { seed: 1, gain: Math.SQRT2 }), Math.sqrt(2 / 100)],
  ["kaimingNormal", kaimingNormal([200, 100], { seed: 1 }), Math.sqrt(1 / 100)],
  [
    "kaimingNormal of a convolution",
    kaimingNormal([50, 4, 10, 10], { seed: 1 }),
    Math.sqrt(1 / 400),
  ],
])("%s has the standard deviation of its formula", async (_, w, std) => {
  const found = await spread(w);
  expect(Math.abs(found.mean)).toBeLessThan((4 * std) / 141);
  expect(Math.abs(found.std / std - 1)).toBeLessThan(0.02);
});

test("truncatedNormal has nothing beyond its limit", async () => {
  const { largest } = await spread(truncatedNormal([10_000], { seed: 2, std: 0.1, limit: 1.5 }));
  expect(largest).toBeGreaterThan(0.145);
  expect(largest).toBeLessThanOrEqual(Math.fround(0.15));
});

test("uniform stays within its bound", async () => {
  const { largest } = await spread(uniform([10_000], { seed: 2, bound: 0.25 }));
  expect(largest).toBeGreaterThan(0.249);
  expect(largest).toBeLessThanOrEqual(0.25);
});

test.each([
  [
    [5, 9],
    [5, 5],
  ],
  [
    [9, 5],
    [5, 5],
  ],
  [
    [6, 2, 3],
    [6, 6],
  ],
])("orthogonal %j has orthonormal rows or columns", async (shape, [n]) => {
  const w = orthogonal(shape, { seed: 3, gain: 2 }).reshape([shape[0]!, -1]);
  const isWide = w.shape[0]! <= w.shape[1]!;
  const gram = Array.from(await w.matmul(w, { transposeA: !isWide, transposeB: isWide }).numbers());
  expect(gram).toHaveLength(n! * n!);
  // 1e-6: float32 entries of order 1, sums of at most 9
  for (const [i, v] of gram.entries())
    expect(Math.abs(v - (i % (n! + 1) === 0 ? 4 : 0))).toBeLessThan(1e-6);
});

test("the same seed gives the same weights, another seed others", async () => {
  const draw = async (seed: number): Promise<unknown> => xavierNormal([3, 2], { seed }).data();
  expect(await draw(1)).toEqual(await draw(1));
  expect(await draw(1)).not.toEqual(await draw(2));
});

test("a vector has no fan-in", () => {
  expect(() => kaimingNormal([8], { seed: 1 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: kaimingNormal: a tensor of shape [8] has no fan-in.
      fix: give [out, in], or [out, in, ...kernel] for a convolution; use normal or uniform for vectors.]
  `);
});

test("a truncation that leaves nothing is refused", () => {
  expect(() => truncatedNormal([8], { seed: 1, limit: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: truncatedNormal: limit is 0, not a number of at least 0.01.]`,
  );
});
