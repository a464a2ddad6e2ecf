import * as fc from "fast-check";
import { expect, test } from "vitest";

import { gradients, randn, tensor, zeros } from "../../runtime/index.ts";

test("a product with options equals the product of transposed operands", async () => {
  const size = fc.integer({ min: 1, max: 3 });
  const batches = fc.constantFrom<[number[], number[]]>(
    [[], []],
    [[2], []],
    [[2, 1], [3]],
    [[2], [2]],
  );
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(size, size, size),
      batches,
      fc.boolean(),
      fc.boolean(),
      async ([m, k, n], [outerA, outerB], transposeA, transposeB) => {
        const a = randn([...outerA, ...(transposeA ? [k, m] : [m, k])], { seed: 1 });
        const b = randn([...outerB, ...(transposeB ? [n, k] : [k, n])], { seed: 2 });
        const swap = (x: typeof a) => {
          const axes = x.shape.map((_, i) => i);
          return x.transpose([...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]);
        };
        const fused = a.matmul(b, { transposeA, transposeB });
        const plain = (transposeA ? swap(a) : a).matmul(transposeB ? swap(b) : b);
        expect(fused.shape).toEqual(plain.shape);
        // 1e-5: float32 sums of at most 3 products of normal numbers
        expect(await fused.sub(plain).abs().max().item()).toBeLessThan(1e-5);
      },
    ),
    { seed: 1, numRuns: 40 },
  );
});

test("whole numbers multiply exactly, int32 and int64 too", async () => {
  const values = [
    [1, 2],
    [3, 4],
  ];
  for (const dtype of ["float32", "int32", "int64"] as const) {
    const x = tensor(values, { dtype });
    expect(Array.from(await x.matmul(x, { transposeB: true }).numbers())).toEqual([5, 11, 11, 25]);
  }
});

test("linear is x times the transposed weights plus the bias, over any leading axes", async () => {
  const x = randn([2, 2, 3], { seed: 3 });
  const w = randn([4, 3], { seed: 4 });
  const b = randn([4], { seed: 5 });
  const plain = x.matmul(w.transpose()).add(b);
  expect(x.linear(w, b).shape).toEqual([2, 2, 4]);
  // 1e-5: float32 sums of three products of normal numbers and a bias
  expect(await x.linear(w, b).sub(plain).abs().max().item()).toBeLessThan(1e-5);
});

test("the weights' gradient is the outer product of input and cotangent", async () => {
  const x = tensor([[1, 2]]);
  const w = zeros([3, 2]);
  const b = zeros([3]);
  const y = x.linear(w, b).mul(tensor([1, 10, 100]));
  const [dw, db] = gradients(y.sum(), [w, b]);
  expect(await dw!.data()).toEqual(Float32Array.of(1, 2, 10, 20, 100, 200));
  expect(await db!.data()).toEqual(Float32Array.of(1, 10, 100));
});

test("inner sizes that differ are refused", () => {
  expect(() => zeros([2, 3]).matmul(zeros([4, 5]))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: matmul: cannot multiply [2, 3] by [4, 5]: the inner sizes are 3 and 4.
      fix: transpose one operand, or check which axis each one's sizes belong to.]
  `);
  expect(() => zeros([2, 3]).matmul(zeros([3, 5]), { transposeA: true }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: matmul: cannot multiply [2, 3] transposed by [3, 5]: the inner sizes are 2 and 3.
      fix: transpose one operand, or check which axis each one's sizes belong to.]
  `);
});

test("vectors and batches that do not broadcast are refused", () => {
  expect(() => zeros([3]).matmul(zeros([3, 2]))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: matmul: cannot multiply [3] by [3, 2]: both must have at least two axes.
      fix: add an axis of size 1 with unsqueeze.]
  `);
  expect(() => zeros([2, 1, 3]).matmul(zeros([4, 3, 1]))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: matmul: cannot broadcast [2] with [4]: axis -1 is 2 and 4.
      fix: make the sizes equal, or 1 where a value is to be repeated.]
  `);
});

test("bool and mixed types are refused", () => {
  const mask = tensor([[true]]);
  expect(() => mask.matmul(mask)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: matmul: cannot work on bool; it takes float32, int32, int64.
      fix: cast the input, as in x.cast("float32").]
  `);
  expect(() => zeros([1, 1]).matmul(zeros([1, 1], "int32"))).toThrow("float32 and int32");
});

test("weights or a bias that do not fit are refused", () => {
  const x = zeros([2, 3]);
  expect(() => x.linear(zeros([3, 4]))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: linear: cannot apply weights [3, 4] to [2, 3].
      fix: weights are [out, in], the bias is [out], and the last axis of the input is in.]
  `);
  expect(() => x.linear(zeros([4, 3]), zeros([3]))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: linear: cannot apply weights [4, 3] and bias [3] to [2, 3].
      fix: weights are [out, in], the bias is [out], and the last axis of the input is in.]
  `);
  expect(() => zeros([]).linear(zeros([4, 3]))).toThrow("cannot apply weights");
});
