import { expect, test } from "vitest";

import { gradients, randn, tensor, zeros } from "../../runtime/index.ts";
import type { Tensor } from "../tensor.ts";

function indices(values: number[], shape?: number[]): Tensor {
  return tensor(Int32Array.from(values), shape === undefined ? {} : { shape });
}

test("gathering columns one by one and by way of rows agree", async () => {
  const x = randn([6, 9], { seed: 1 });
  const few = await x.gather(indices([4, -1]), { axis: 1 }).data();
  const many = await x.gather(indices([4, -1, 0, 1, 2, 3]), { axis: 1 }).numbers();
  expect(few).toEqual(
    Float32Array.from({ length: 12 }, (_, i) => many[Math.floor(i / 2) * 6 + (i % 2)]!),
  );
});

test("rows looked up twice get both gradients, the same in every run", async () => {
  const table = randn([4, 64], { seed: 1 });
  const ids = indices(Array.from({ length: 512 }, (_, i) => (i * i) % 4));
  const g = randn([512, 64], { seed: 2 });
  const runs = [];
  for (let run = 0; run < 5; run++) {
    const [d] = gradients(table.gather(ids).mul(g).sum(), [table]);
    runs.push(await d!.data());
  }
  for (const run of runs) expect(run).toEqual(runs[0]);
  expect([...(runs[0] as Float32Array).subarray(128)].every((v) => v === 0)).toBe(true); // i * i is 0 or 1 modulo 4
  expect((runs[0] as Float32Array)[0]).not.toBe(0);
});

test("integers can be gathered and added up", async () => {
  const x = indices([10, 20, 30]);
  expect(await x.gather(indices([2, 0])).data()).toEqual(Int32Array.of(30, 10));
  expect(await x.scatterAdd(indices([1, 1]), indices([1, 5])).data()).toEqual(
    Int32Array.of(10, 26, 30),
  );
});

test("one column of indices serves all lines of its row", async () => {
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
  const y = x.takeAlongAxis(indices([1, 0], [2, 1, 1]), { axis: 1 });
  expect(y.shape).toEqual([2, 1, 2]);
  expect(await y.data()).toEqual(Float32Array.of(3, 4, 5, 6));
});

const X = randn([3, 4], { seed: 1 });
const OUTSIDE = indices([0, 4, 0], [3, 1]);

test.each([
  ["gather", X.gather(indices([1, 3]))],
  ["gather of columns", X.gather(indices([0, 4]), { axis: 1 })],
  ["scatterAdd", X.scatterAdd(indices([-4]), zeros([1, 4]))],
  ["takeAlongAxis", X.takeAlongAxis(OUTSIDE)],
  ["scatterAddAlongAxis", X.scatterAddAlongAxis(OUTSIDE, zeros([3, 1]))],
])("an index outside its axis fails the run of %s", async (_, y) => {
  await expect(y.data()).rejects.toMatchObject({ code: "RUNTIME_FAILED" });
});

test("indices that are no integers and updates of another shape are refused", () => {
  const x = zeros([3, 4]);
  expect(() => x.gather(zeros([2]))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: gather: cannot work on float32; it takes int32, int64.
      fix: cast the input, as in x.cast("int32").]
  `);
  expect(() => x.gather(indices([0]), { axis: 2 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: gather: axis 2 is not an axis of a tensor of rank 2.
      fix: use an integer in -2..1.]
  `);
  expect(() => x.scatterAdd(indices([0, 1]), zeros([4]))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: scatterAdd: the updates have shape [4], not [2, 4].]`,
  );
  expect(() => x.takeAlongAxis(indices([0, 1]))).toThrowErrorMatchingInlineSnapshot(
    `
    [PatchClampError: takeAlongAxis: indices of shape [2] do not go with axis 1 of [3, 4].
      fix: give them 2 axes, all but axis 1 of the tensor's sizes or 1.]
  `,
  );
  expect(() =>
    x.scatterAddAlongAxis(indices([0, 0, 0], [3, 1]), zeros([3, 2])),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: scatterAddAlongAxis: the updates have shape [3, 2], not [3, 1].]`,
  );
});
