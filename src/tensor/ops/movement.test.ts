import * as fc from "fast-check";
import { expect, test } from "vitest";

import { arange, gradients, tensor, zeros } from "../../runtime/index.ts";

const grid = arange(24).reshape([2, 3, 4]);

test("reshape keeps the order of elements and finds the size left open", async () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  expect(x.reshape([-1, 2]).shape).toEqual([3, 2]);
  expect(await x.reshape([3, 2]).data()).toEqual(await x.data());
  expect(x.reshape([2, 3])).toBe(x);
});

test.each([[[4, 2]], [[-1, 4]], [[-1, -1]], [[2.5, -1]]])(
  "reshaping six elements to %j is refused",
  (shape) => {
    expect(() => zeros([2, 3]).reshape(shape)).toThrow("do not fill");
  },
);

test("a reshape that does not fit says both sides", () => {
  expect(() => zeros([2, 3]).reshape([4, -1])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: reshape: the 6 elements of [2, 3] do not fill [4, -1].
      fix: give sizes whose product is the number of elements; one may be -1.]
  `);
});

test("an empty tensor with an open size is refused or filled, never NaN", () => {
  expect(() => zeros([0, 3]).reshape([0, -1])).toThrow("do not fill");
  expect(zeros([0, 3]).reshape([-1, 3]).shape).toEqual([0, 3]);
});

test("transposing by an order and its inverse gives the tensor back", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray([0, 1, 2], { minLength: 3, maxLength: 3 }),
      async (order) => {
        const inverse = order.map((_, i) => order.indexOf(i));
        const there = grid.transpose(order);
        expect(there.shape).toEqual(order.map((axis) => grid.shape[axis]));
        expect(await there.transpose(inverse).data()).toEqual(await grid.data());
      },
    ),
    { seed: 1, numRuns: 12 },
  );
});

test("transpose reverses by default and counts negative axes from the end", async () => {
  expect(grid.transpose().shape).toEqual([4, 3, 2]);
  expect(grid.transpose([0, -1, -2]).shape).toEqual([2, 4, 3]);
});

test("orders that are no permutation are refused", () => {
  expect(() => grid.transpose([0, 1])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: transpose: [0, 1] is not an order of the 3 axes of [2, 3, 4].]`,
  );
  expect(() => grid.transpose([0, 1, 1])).toThrow("is not an order of the 3 axes");
  expect(() => grid.transpose([0, 1, 3])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: transpose: axis 3 is not an axis of a tensor of rank 3.
      fix: use an integer in -3..2.]
  `);
});

test("slices are Array.slice along an axis", async () => {
  const bound = fc.integer({ min: -5, max: 5 });
  await fc.assert(
    fc.asyncProperty(bound, bound, async (start, end) => {
      const x = arange(5);
      const expected = [0, 1, 2, 3, 4].slice(start, end);
      const y = x.slice({ axis: 0, start, end });
      expect(y.shape).toEqual([expected.length]);
      expect(Array.from(await y.numbers())).toEqual(expected);
    }),
    { seed: 2, numRuns: 40 },
  );
});

test("negative steps go backwards, from the end by default", async () => {
  const x = arange(5);
  expect(Array.from(await x.slice({ axis: 0, step: -2 }).numbers())).toEqual([4, 2, 0]);
  expect(Array.from(await x.slice({ axis: 0, start: 3, end: 0, step: -1 }).numbers())).toEqual([
    3, 2, 1,
  ]);
  expect(await x.flip(0).flip(0).data()).toEqual(await x.data());
});

test("the gradient of a strided slice is zero between its elements", async () => {
  const x = tensor([1, 2, 3, 4, 5, 6]);
  const y = x.slice({ axis: 0, start: 4, step: -3 });
  const [dx] = gradients(y.mul(tensor([10, 20])).sum(), [x]);
  expect(await dx!.data()).toEqual(Float32Array.of(0, 20, 0, 0, 10, 0));
});

test.each([
  { axis: 1, start: 4 },
  { axis: 1, end: -4 },
  { axis: 1, step: 0 },
  { axis: 1, start: 0.5 },
  { axis: 1, start: 3, step: -1 },
  { axis: 1, end: 4 },
  { axis: 1, start: Number.NaN },
])("the slice %j of three columns is refused", (options) => {
  expect(() => zeros([2, 3]).slice(options)).toThrow("is not inside axis 1 of [2, 3]");
});

test("bounds and axes outside the tensor say what there is", () => {
  expect(() => zeros([2, 3]).slice({ axis: 1, start: 5 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: slice: 5.. in steps of 1 is not inside axis 1 of [2, 3].
      fix: use whole bounds in -3..3 and a step other than 0.]
  `);
  expect(() => zeros([2, 3]).slice({ axis: 2 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: slice: axis 2 is not an axis of a tensor of rank 2.
      fix: use an integer in -2..1.]
  `);
  expect(() => zeros([]).slice({ axis: 0 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: slice: axis 0 is not an axis of a tensor of rank 0.
      fix: give a tensor with at least one axis.]
  `);
});

test("axes of size 1 come and go", () => {
  expect(grid.unsqueeze(-1).shape).toEqual([2, 3, 4, 1]);
  expect(grid.unsqueeze(1).squeeze(1).shape).toEqual([2, 3, 4]);
  expect(() => grid.squeeze(1)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: squeeze: axis 1 of [2, 3, 4] has size 3, not 1.]`,
  );
});

test("sumTo undoes broadcastTo up to the number of copies", async () => {
  const x = tensor([[1], [2]]);
  const y = x.broadcastTo([3, 2, 4]);
  expect(y.shape).toEqual([3, 2, 4]);
  expect(await y.sumTo([2, 1]).data()).toEqual(Float32Array.of(12, 24));
});

test("broadcasting to a shape the tensor does not fit is refused", () => {
  expect(() => zeros([2, 3]).broadcastTo([2, 4])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: broadcastTo: cannot broadcast [2, 3] with [2, 4]: axis -1 is 3 and 4.
      fix: make the sizes equal, or 1 where a value is to be repeated.]
  `);
  expect(() => zeros([2, 3]).broadcastTo([3])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: broadcastTo: [2, 3] does not broadcast to [3].]`,
  );
});
