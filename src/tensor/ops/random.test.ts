import * as fc from "fast-check";
import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { compile, gradients, tensor } from "../../runtime/index.ts";
import type { Tensor } from "../tensor.ts";
import { dropout, noise, randomNormal, randomUniform, splitSeed } from "./random.ts";

const seeds = fc.integer({ min: 0, max: 0xffffffff });

test("uniform numbers of a graph are the bits of the host's", async () => {
  // Few sizes, as each is a graph of its own: one, a square, one more than a square, an odd number.
  await fc.assert(
    fc.asyncProperty(seeds, fc.constantFrom(1, 256, 257, 4099), async (seed, count) => {
      expect(await randomUniform([count], seed).data()).toEqual(new Rng(seed).uniforms(count));
    }),
    { seed: 1, numRuns: 40 },
  );
});

test.each([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1])(
  "seed %i gives the host's bits",
  async (seed) => {
    expect(await randomUniform([3, 5], seed).data()).toEqual(new Rng(seed).uniforms(15));
  },
);

test("an empty shape of random numbers is empty", async () => {
  expect(randomUniform([0, 3], 1).shape).toEqual([0, 3]);
});

test("a compiled function takes a new seed every call and is traced once", async () => {
  let traces = 0;
  const draw = compile((seed: Tensor) => {
    traces++;
    return randomUniform([64], seed);
  });
  for (const seed of [5, 6, 2 ** 32 - 7]) {
    const drawn = await draw(tensor(Int32Array.of(seed), { shape: [] }));
    expect(await drawn.data()).toEqual(new Rng(seed).uniforms(64));
  }
  expect(traces).toBe(1);
});

test("a split seed is the seed of the host's split", async () => {
  for (const [seed, name] of [
    [1, "dropout"],
    [2 ** 32 - 1, 12],
    [2 ** 31, "é"],
  ] as const) {
    expect((await splitSeed(seed, name).item()) >>> 0).toBe(new Rng(seed).split(name).seed);
  }
});

test("normal numbers use the host's words in the host's order", async () => {
  for (const seed of [3, 2 ** 31 + 9]) {
    const drawn = await randomNormal([1000], seed).numbers();
    const expected = new Rng(seed).normals(1000);
    // 2 pi u is rounded to 5e-7 and then stretched by a radius of up to 5.8.
    for (const [i, value] of expected.entries())
      expect(Math.abs(drawn[i]! - value)).toBeLessThan(1e-5);
  }
});

test("dropout keeps values where the uniform number reaches the rate and divides them by 1 - rate", async () => {
  const x = Float32Array.from({ length: 500 }, (_, i) => i + 1);
  const y = await dropout(tensor(x), { rate: 0.25, seed: 8 }).numbers();
  const uniforms = new Rng(8).uniforms(500);
  for (const [i, value] of x.entries()) {
    // 4/3 is rounded once, and its product.
    expect(y[i]).toBeCloseTo(uniforms[i]! >= 0.25 ? value / 0.75 : 0, 3);
  }
});

test("the gradient of dropout is its mask", async () => {
  const x = tensor(new Float32Array(200).fill(1));
  const y = x.dropout({ rate: 0.5, seed: 4 });
  const [dx] = gradients(y.sum(), [x]);
  expect(await dx!.data()).toEqual(await y.data());
});

test("dropout at rate 0 and noise at scale 0 return the tensor itself", () => {
  const x = tensor([1, 2]);
  expect(x.dropout({ rate: 0, seed: 1 })).toBe(x);
  expect(x.noise({ scale: 0, seed: 1 })).toBe(x);
});

test("noise of a scale adds that many times the normal numbers", async () => {
  const normal = await randomNormal([6], 2).numbers();
  const noisy = await tensor(new Float32Array(6).fill(3)).noise({ scale: 0.5, seed: 2 }).numbers();
  for (const [i, value] of normal.entries()) expect(noisy[i]).toBeCloseTo(3 + 0.5 * value, 5);
});

test("gradients with respect to a seed are refused", () => {
  const seed = tensor(Int32Array.of(1), { shape: [] });
  expect(() =>
    gradients(randomUniform([2], seed).sum(), [seed]),
  ).toThrowErrorMatchingInlineSnapshot(
    `
    [PatchClampError: gradients: cannot differentiate through randomUniform: random bits do not vary smoothly with their seed.
      fix: use stopGradient or straightThrough around it.]
  `,
  );
});

test("rates, scales and seeds that mean nothing are refused", () => {
  const x = tensor([1, 2]);
  expect(() => dropout(x, { rate: 1, seed: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: dropout: the rate is 1, not in [0, 1).]`,
  );
  expect(() => dropout(x, { rate: Number.NaN, seed: 0 })).toThrow("the rate is NaN");
  expect(() => noise(x, { scale: -1, seed: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: noise: the scale is -1, not a finite number from 0.]`,
  );
  expect(() => randomUniform([2], -1)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: randomUniform: the seed is -1, not an integer in 0..4294967295.]`,
  );
  expect(() => randomUniform([2], x)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: randomUniform: the seed is float32 [2], not an int32 scalar.
      fix: give a number, or a tensor such as tensor(7, { dtype: "int32" }).]
  `);
});
