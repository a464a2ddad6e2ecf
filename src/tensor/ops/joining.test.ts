import * as fc from "fast-check";
import { expect, test } from "vitest";

import { arange, concat, gradients, randn, stack, tensor, zeros } from "../../runtime/index.ts";

test("splitting and joining along any axis gives the tensor back", async () => {
  const x = arange(24).reshape([2, 3, 4]);
  await fc.assert(
    fc.asyncProperty(fc.nat(2), fc.nat(3), async (axis, cut) => {
      const first = Math.min(cut, x.shape[axis]! - 1);
      if (first === 0) return;
      const pieces = x.split({ axis, sizes: [first, x.shape[axis]! - first] });
      expect(await concat(pieces, { axis }).data()).toEqual(await x.data());
    }),
    { seed: 1, numRuns: 12 },
  );
});

test("the gradient of joined tensors goes back to each", async () => {
  const x = tensor([1, 2]);
  const y = tensor([3]);
  const [dx, dy] = gradients(
    concat([x, y, x], { axis: 0 })
      .mul(tensor([1, 10, 100, 1e3, 1e4]))
      .sum(),
    [x, y],
  );
  expect(await dx!.data()).toEqual(Float32Array.of(1001, 10010));
  expect(await dy!.data()).toEqual(Float32Array.of(100));
});

test("stack makes a new axis", async () => {
  const rows = [tensor([1, 2]), tensor([3, 4])];
  expect(await stack(rows, { axis: 0 }).data()).toEqual(Float32Array.of(1, 2, 3, 4));
  expect(await stack(rows, { axis: -1 }).data()).toEqual(Float32Array.of(1, 3, 2, 4));
});

test("rolling by a whole turn is the identity, and rolls add up", async () => {
  const x = arange(5);
  expect(x.roll({ axis: 0, by: 5 })).toBe(x);
  expect(Array.from(await x.roll({ axis: 0, by: 2 }).numbers())).toEqual([3, 4, 0, 1, 2]);
  const twice = x.roll({ axis: 0, by: 3 }).roll({ axis: 0, by: -4 });
  expect(await twice.data()).toEqual(await x.roll({ axis: 0, by: -1 }).data());
});

test("tiling repeats the whole and its gradient sums the copies", async () => {
  const x = tensor([[1, 2]]);
  const y = x.tile([2, 2]);
  expect(await y.data()).toEqual(Float32Array.of(1, 2, 1, 2, 1, 2, 1, 2));
  const [dx] = gradients(y.sum(), [x]);
  expect(await dx!.data()).toEqual(Float32Array.of(4, 4));
});

test("padding adds its value on both sides", async () => {
  const y = tensor([1, 2]).pad({ axis: 0, before: 1, after: 2, value: -1 });
  expect(await y.data()).toEqual(Float32Array.of(-1, 1, 2, -1, -1));
  const bools = tensor([true]).pad({ axis: 0, before: 1, after: 0 });
  expect(await bools.data()).toEqual(Uint8Array.of(0, 1));
});

test("joining what does not fit is refused", () => {
  expect(() => concat([zeros([2, 3]), zeros([3, 3])], { axis: 1 }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: concat: cannot put [3, 3] after [2, 3] along axis 1.
      fix: make all other axes equal.]
  `);
  expect(() => concat([zeros([2]), zeros([2], "int32")], { axis: 0 }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: concat: the inputs are float32 and int32, not of one type.
      fix: cast one of them, as in x.cast("float32").]
  `);
  expect(() => concat([zeros([2]), zeros([2, 1])], { axis: 0 })).toThrow(
    "cannot put [2, 1] after [2]",
  );
  expect(() => stack([zeros([2]), zeros([3])], { axis: 0 })).toThrow("cannot put");
});

test("joining nothing is refused", () => {
  expect(() => concat([], { axis: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: concat: there are no tensors to join.]`,
  );
  expect(() => stack([], { axis: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: stack: there are no tensors to join.]`,
  );
});

test("an axis that does not exist is refused", () => {
  expect(() => concat([zeros([2]), zeros([2])], { axis: 1 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: concat: axis 1 is not an axis of a tensor of rank 1.
      fix: use an integer in -1..0.]
  `);
  expect(() => zeros([2]).roll({ axis: 3, by: 1 })).toThrow("axis 3 is not an axis");
  expect(() => zeros([2]).pad({ axis: 1, before: 1, after: 0 })).toThrow("pad: axis 1");
});

// ONNX Runtime moves transposes through a Pad, and failed where it named one axis only
test.each([2, 3])("padding between transposes of rank %i pads the axis it names", async (rank) => {
  const x = randn([2, 3, 4].slice(-rank), { seed: 1 });
  const swapped = [0, 1, 2]
    .slice(0, rank)
    .with(rank - 1, rank - 2)
    .with(rank - 2, rank - 1);
  const turned = x.transpose(swapped).pad({ axis: -2, before: 1, after: 0 }).transpose(swapped);
  expect(await turned.data()).toEqual(await x.pad({ axis: -1, before: 1, after: 0 }).data());
});

test("a negative pad is refused", () => {
  expect(() => zeros([2]).pad({ axis: 0, before: -1, after: 0 }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: pad: cannot add -1 elements before and 0 after; both must be whole and at least 0.
      fix: use slice to take elements away.]
  `);
});

test("tile wants one whole number an axis", () => {
  expect(() => zeros([2, 3]).tile([2])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: tile: repeats is [2], but the tensor has shape [2, 3].
      fix: give one whole number of at least 1 for every axis.]
  `);
  expect(() => zeros([2, 3]).tile([0, 1])).toThrow("repeats is [0, 1]");
});

test("pieces that do not add up are refused", () => {
  expect(() => zeros([2, 3]).split({ axis: 1, sizes: [1, 1] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: split: the pieces [1, 1] add up to 2, but axis 1 of [2, 3] has 3.]`,
  );
});
