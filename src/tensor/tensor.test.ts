import { expect, test } from "vitest";

import { tensor, zeros } from "../runtime/index.ts";
import {
  asBackward,
  bytesOf,
  DTYPES,
  holds,
  hostArray,
  nodeClock,
  resolveAxis,
  sizeOf,
} from "./tensor.ts";

test("making a tensor computes nothing", () => {
  const x = tensor([1, 2]).exp();
  expect(x.value).toBeUndefined();
  expect(x).toMatchObject({ shape: [2], dtype: "float32", rank: 1, size: 2 });
});

test("a scalar has one element and no axes", () => {
  expect(tensor(3)).toMatchObject({ rank: 0, size: 1 });
  expect(sizeOf([])).toBe(1);
  expect(sizeOf([2, 0, 3])).toBe(0);
});

test("host arrays hold their own type, in as many bytes as the shape takes", () => {
  for (const dtype of DTYPES) {
    const array = hostArray(dtype, 6);
    expect(holds(dtype, array)).toBe(true);
    expect(array.byteLength).toBe(bytesOf({ shape: [2, 3], dtype }));
  }
  expect(holds("float32", new Int32Array(1))).toBe(false);
});

test("inputs have smaller ids than their users, and the clock is ahead of all", () => {
  const x = tensor(1);
  const y = x.add(x);
  expect(x.node.id).toBeLessThan(y.node.id);
  expect(y.node.id).toBeLessThan(nodeClock());
});

test("the first name given to a node stays, and shows", () => {
  const x = tensor([1]).exp().named("first").named("second");
  expect(x.node.label).toBe("first");
  expect(x.toString()).toBe("Tensor float32[1] from first");
  expect(tensor([1]).exp().toString()).toBe("Tensor float32[1] from exp");
});

test("nodes made for the backward pass say so, and the mark ends even when making them fails", () => {
  const x = tensor([1]);
  expect(asBackward(() => x.exp()).node.isBackward).toBe(true);
  expect(() =>
    asBackward(() => {
      throw new RangeError("stop");
    }),
  ).toThrow(RangeError);
  expect(x.exp().node.isBackward).toBe(false);
});

test("a disposed tensor can be computed again", async () => {
  const x = tensor([1, 2]).mul(2);
  await x.data();
  x[Symbol.dispose]();
  expect(x.value).toBeUndefined();
  expect(await x.data()).toEqual(Float32Array.of(2, 4));
});

test("negative axes count from the end, others outside are refused", () => {
  expect([-3, -1, 0, 2].map((axis) => resolveAxis("demo", axis, 3))).toEqual([0, 2, 0, 2]);
  expect(() => resolveAxis("demo", 3, 3)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: demo: axis 3 is not an axis of a tensor of rank 3.
      fix: use an integer in -3..2.]
  `);
  expect(() => resolveAxis("demo", -4, 3)).toThrow("axis -4");
  expect(() => resolveAxis("demo", 0.5, 3)).toThrow("axis 0.5");
  expect(() => zeros([]).sum({ axis: 0 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: sum: axis 0 is not an axis of a tensor of rank 0.
      fix: give a tensor with at least one axis.]
  `);
});
