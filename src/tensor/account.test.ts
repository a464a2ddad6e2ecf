import { expect, test } from "vitest";

import { account, evaluate, gradients, randn, tensor, zeros } from "../runtime/index.ts";

test("a product of two matrices takes two operations for every multiply-add", () => {
  const x = randn([3, 4], { seed: 1 });
  const w = randn([4, 5], { seed: 2 });
  expect(account([x.matmul(w)])).toEqual({
    flops: 2 * 3 * 4 * 5,
    leafBytes: 4 * (12 + 20),
    savedBytes: 0,
    peakBytes: 4 * 15,
    ops: 1,
  });
});

test("a transposed product and a linear map take as many operations as the product", () => {
  const x = randn([4, 3], { seed: 1 });
  const w = randn([4, 5], { seed: 2 });
  expect(account([x.matmul(w, { transposeA: true })]).flops).toBe(2 * 3 * 4 * 5);
  expect(account([x.linear(randn([7, 3], { seed: 3 }))]).flops).toBe(2 * 4 * 3 * 7);
});

test("a chain holds two values at a time", () => {
  const x = randn([10], { seed: 1 });
  expect(account([x.exp().neg().sin().cos()])).toEqual({
    flops: 40,
    leafBytes: 40,
    savedBytes: 0,
    peakBytes: 2 * 40,
    ops: 4,
  });
});

test("values that wait for a later use count until then", () => {
  const x = randn([10], { seed: 1 });
  const a = x.exp();
  const b = x.sin();
  const c = b.cos();
  // a, b and c, then a, c and their sum
  expect(account([a.add(c)]).peakBytes).toBe(3 * 40);
});

test("a reshape takes no memory and no operations, and keeps what it views alive", () => {
  const x = randn([6], { seed: 1 });
  const view = x.exp().reshape([2, 3]);
  expect(account([view])).toMatchObject({ flops: 6, peakBytes: 24, ops: 2 });
  expect(account([view.neg()]).peakBytes).toBe(48);
});

test("an op with two results holds both only if both are wanted", () => {
  const { values, indices } = randn([8], { seed: 1 }).topK({ k: 2 });
  expect(account([values]).peakBytes).toBe(8);
  expect(account([values, indices]).peakBytes).toBe(16);
});

test("what the backward pass of a product reads of the forward pass is saved", () => {
  const x = randn([3, 4], { seed: 1 });
  const w = randn([5, 4], { seed: 2 });
  const hidden = x.linear(w);
  const loss = hidden.tanh().sum();
  const grads = gradients(loss, [w]);
  // tanh's rule reads its result, [3, 5]; linear's rule reads x, which is a leaf
  expect(account([loss, ...grads]).savedBytes).toBe(4 * 15);
});

test("graphs are counted from tensors that were computed before", async () => {
  const x = randn([10], { seed: 1 });
  const middle = x.exp();
  await evaluate([middle]);
  expect(account([middle.neg()])).toMatchObject({
    ops: 1,
    flops: 10,
    leafBytes: 40,
    peakBytes: 40,
  });
});

test("bytes follow the type", () => {
  const x = tensor([1, 2, 3, 4]);
  expect(account([x.cast("float16")]).peakBytes).toBe(8);
  expect(account([x.greater(zeros([4]))]).peakBytes).toBe(16 + 4);
  expect(account([]).peakBytes).toBe(0);
});
