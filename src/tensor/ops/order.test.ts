import { expect, test } from "vitest";

import { gradients, tensor, zeros } from "../../runtime/index.ts";

test("of equal values the first counts as the largest and comes first", async () => {
  const x = tensor([3, 7, 7, 1, 3]);
  expect(await x.argmax().item()).toBe(1);
  expect(await x.argmin().item()).toBe(3);
  expect(await x.topK({ k: 3 }).indices.data()).toEqual(Int32Array.of(1, 2, 0));
});

test("sorting goes up unless it is told to go down, and the positions lead back", async () => {
  const x = tensor([
    [3, 1, 2],
    [9, 8, 7],
  ]);
  const { values, indices } = x.sort({ axis: 0, descending: true });
  expect(await values.data()).toEqual(Float32Array.of(9, 8, 7, 3, 1, 2));
  expect(await indices.data()).toEqual(Int32Array.of(1, 1, 1, 0, 0, 0));
  expect(await x.sort({ axis: -1 }).values.data()).toEqual(Float32Array.of(1, 2, 3, 7, 8, 9));
  expect(await x.takeAlongAxis(indices, { axis: 0 }).data()).toEqual(await values.data());
});

test("the gradient of the k largest lands where they stood", async () => {
  const x = tensor([
    [3, 1, 2],
    [7, 9, 8],
  ]);
  const [dx] = gradients(
    x
      .topK({ k: 2 })
      .values.mul(tensor([10, 1]))
      .sum(),
    [x],
  );
  expect(await dx!.data()).toEqual(Float32Array.of(10, 0, 1, 0, 10, 1));
});

test("running sums can start at the end and leave the element out", async () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  expect(await x.cumsum().data()).toEqual(Float32Array.of(1, 3, 6, 4, 9, 15));
  expect(await x.cumsum({ reverse: true, exclusive: true }).data()).toEqual(
    Float32Array.of(5, 3, 0, 11, 6, 0),
  );
});

test("a running sum keeps infinities to where they are reached", async () => {
  const x = tensor([
    [1, Infinity, 2],
    [1, 1, 1],
  ]);
  expect(await x.cumsum().data()).toEqual(Float32Array.of(1, Infinity, Infinity, 1, 2, 3));
});

test("no gradient flows back through a position", () => {
  const x = tensor([1, 2]);
  expect(() => gradients(x.argmax().cast("float32"), [x])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: gradients: y does not depend on Tensor float32[2] from leaf.
      fix: leave it out, or pass { unused: "zero" }.]
  `);
});

test("more than there is, part of an element and nothing at all are refused", () => {
  const x = zeros([2, 3]);
  expect(() => x.topK({ k: 4 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: topK: cannot take 4 of the 3 values along axis -1 of [2, 3].
      fix: use a whole k in 1..3.]
  `);
  expect(() => x.topK({ k: 1.5, axis: 0 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: topK: cannot take 1.5 of the 2 values along axis 0 of [2, 3].
      fix: use a whole k in 1..2.]
  `);
  expect(() => zeros([2, 0]).argmax()).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: argmax: axis -1 of [2, 0] is empty, so there is no position to name.]`,
  );
});

test("the largest of each of no rows are none", async () => {
  const { values, indices } = tensor(new Float32Array(0), { shape: [0, 3] }).topK({ k: 2 });
  expect(values.shape).toEqual([0, 2]);
  expect(indices.dtype).toBe("int32");
  expect((await values.numbers()).length).toBe(0);
});
