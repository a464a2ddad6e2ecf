import { expect, test } from "vitest";

import { gradients, randn, tensor, variance, zeros } from "../../runtime/index.ts";

test("axes count from the end, and a list folds them together", async () => {
  const x = tensor([
    [
      [1, 2],
      [3, 4],
    ],
    [
      [5, 6],
      [7, 8],
    ],
  ]);
  expect(await x.sum({ axis: -1 }).data()).toEqual(Float32Array.of(3, 7, 11, 15));
  expect(await x.sum({ axis: [-1, 0] }).data()).toEqual(Float32Array.of(14, 22));
  expect(x.mean({ axis: [2, 0], keepDims: true }).shape).toEqual([1, 2, 1]);
  expect(await x.max().item()).toBe(8);
});

test("a tensor without axes is its own sum", async () => {
  expect(await tensor(3).sum().item()).toBe(3);
});

test("the sum of nothing is 0", async () => {
  expect(await zeros([2, 0]).sum({ axis: 1 }).data()).toEqual(Float32Array.of(0, 0));
});

test("elements that tie for the maximum share its gradient", async () => {
  const x = tensor([
    [1, 5, 5, 5],
    [2, 2, 0, 1],
  ]);
  const [dx] = gradients(
    x
      .max({ axis: 1 })
      .mul(tensor([3, 4]))
      .sum(),
    [x],
  );
  expect(await dx!.data()).toEqual(Float32Array.of(0, 1, 1, 1, 2, 2, 0, 0));
});

test("a long first axis gives the same extremes as the same numbers on the last", async () => {
  const x = randn([512, 24], { seed: 1 });
  expect(await x.max({ axis: 0 }).data()).toEqual(await x.transpose().max({ axis: 1 }).data());
  expect(await x.min({ axis: 0 }).data()).toEqual(await x.transpose().min({ axis: 1 }).data());
});

test("variance divides by the count less the correction", async () => {
  const x = tensor([1, 2, 3, 6]);
  expect(await x.var().item()).toBeCloseTo(14 / 4, 6);
  expect(await variance(x, { correction: 1 }).item()).toBeCloseTo(14 / 3, 6);
});

test("logSumExp neither overflows nor turns impossible rows into NaN", async () => {
  const x = tensor([
    [1000, 1001],
    [-Infinity, -Infinity],
    [-Infinity, 2],
    [Infinity, 2],
  ]);
  const y = x.logSumExp({ axis: 1 });
  expect(await y.data()).toEqual(
    Float32Array.of(1000 + Math.log1p(Math.E), -Infinity, 2, Infinity),
  );
  const [dx] = gradients(y.sum(), [x]);
  const [first, second, ...others] = (await dx!.numbers()).subarray(0, 6);
  expect(first).toBeCloseTo(1 / (1 + Math.E), 4);
  expect(second).toBeCloseTo(Math.E / (1 + Math.E), 4);
  expect(others).toEqual([0, 0, 0, 1]);
});

test("axes that do not exist or are named twice are refused", () => {
  const x = zeros([2, 3]);
  expect(() => x.sum({ axis: 2 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: sum: axis 2 is not an axis of a tensor of rank 2.
      fix: use an integer in -2..1.]
  `);
  expect(() => x.mean({ axis: [1, -1] })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: mean: the axes [1, -1] of a tensor of rank 2 name one axis twice.
      fix: name each axis once.]
  `);
});

test("reductions that nothing has no answer to, and types without one, are refused", () => {
  expect(() => zeros([2, 0]).max({ axis: 1 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: max: [2, 0] has no elements along the axes to fold, and nothing has no max.
      fix: leave the axis out, or give a tensor with elements.]
  `);
  expect(() => zeros([1, 3]).var({ axis: 0, correction: 1 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: var: 1 values with a correction of 1 leave nothing to divide by.
      fix: fold more values, or use a smaller correction.]
  `);
  expect(() => zeros([3], "int32").mean()).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: mean: cannot work on int32; it takes float32.
      fix: cast the input, as in x.cast("float32").]
  `);
});
