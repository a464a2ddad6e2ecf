import { expect, test } from "vitest";

import { randn, tensor, zeros } from "../../runtime/index.ts";
import type { Tensor } from "../tensor.ts";

test("a norm with gain and bias is the plain norm, scaled and shifted", async () => {
  const x = randn([4, 16], { seed: 1, scale: 3 });
  const gain = randn([16], { seed: 2 });
  const bias = randn([16], { seed: 3 });
  await expectEqual(x.layerNorm(gain, bias), x.layerNorm().mul(gain).add(bias));
  await expectEqual(x.layerNorm(undefined, bias), x.layerNorm().add(bias));
  await expectEqual(x.rmsNorm(gain), x.rmsNorm().mul(gain));
});

test("rows far from 0 are normalised as exactly as float32 allows", async () => {
  const near = randn([2, 64], { seed: 1 });
  const far = await near.add(1000).layerNorm().numbers();
  const wanted = await near.layerNorm().numbers();
  expect(Math.max(...far.map((v, i) => Math.abs(v - wanted[i]!)))).toBeLessThan(1e-4);
});

test("a row of zeros stays zeros", async () => {
  expect(await zeros([1, 3]).layerNorm().data()).toEqual(new Float32Array(3));
  expect(await zeros([1, 3]).rmsNorm().data()).toEqual(new Float32Array(3));
});

test("epsilon is added before the root", async () => {
  expect(await tensor([3, -3]).rmsNorm(undefined, { epsilon: 7 }).data()).toEqual(
    Float32Array.of(0.75, -0.75),
  );
  expect(await tensor([5, -1]).layerNorm(undefined, undefined, { epsilon: 7 }).data()).toEqual(
    Float32Array.of(0.75, -0.75),
  );
});

test("weights of another size, scalars and epsilons below 0 are refused", () => {
  const x = zeros([2, 3]);
  expect(() => x.layerNorm(zeros([2]))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: layerNorm: the gain has shape [2], but the last axis of [2, 3] needs [3].]`,
  );
  expect(() => x.layerNorm(undefined, zeros([1, 3]))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: layerNorm: the bias has shape [1, 3], but the last axis of [2, 3] needs [3].]`,
  );
  expect(() => zeros([]).rmsNorm()).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: rmsNorm: axis -1 is not an axis of a tensor of rank 0.
      fix: give a tensor with at least one axis.]
  `);
  expect(() => x.rmsNorm(undefined, { epsilon: -1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: rmsNorm: epsilon is -1, not a finite number of at least 0.]`,
  );
});

async function expectEqual(a: Tensor, b: Tensor): Promise<void> {
  const [found, wanted] = [await a.numbers(), await b.numbers()];
  expect(Math.max(...found.map((v, i) => Math.abs(v - wanted[i]!)))).toBeLessThan(1e-5);
}
