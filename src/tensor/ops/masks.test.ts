import { expect, test } from "vitest";

import { causalMask, tensor, zeros } from "../../runtime/index.ts";

test("one-hot rows of indices outside the depth are zeros", async () => {
  const rows = tensor(Int32Array.of(1, -1, 3)).oneHot(3);
  expect(await rows.data()).toEqual(Float32Array.of(0, 1, 0, 0, 0, 0, 0, 0, 0));
});

test("the two triangles share the diagonal that bounds them", async () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  expect(await x.tril({ diagonal: 1 }).data()).toEqual(Float32Array.of(1, 2, 0, 4, 5, 6));
  expect(await x.triu({ diagonal: 1 }).data()).toEqual(Float32Array.of(0, 2, 3, 0, 0, 6));
});

test("queries are the last of the positions and see everything before them", async () => {
  expect(await causalMask(2, 4).data()).toEqual(Uint8Array.of(1, 1, 1, 0, 1, 1, 1, 1));
  expect(await causalMask(2).data()).toEqual(Uint8Array.of(1, 0, 1, 1));
});

test("masks that cannot be are refused", () => {
  expect(() => causalMask(3, 2)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: causalMask: cannot make a mask for 3 queries among 2 keys.
      fix: use whole numbers, at least one query, and no fewer keys than queries.]
  `);
  expect(() => zeros([3]).tril()).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: tril: a tensor of shape [3] has no rows and columns.
      fix: give a tensor with at least two axes.]
  `);
  expect(() => zeros([3, 3]).triu({ diagonal: 0.5 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: triu: diagonal is 0.5, not a whole number.]`,
  );
  expect(() => zeros([3], "int32").oneHot(0)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: oneHot: depth is 0, not a whole number of at least 1.]`,
  );
  expect(() => zeros([3]).oneHot(2)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: oneHot: cannot work on float32; it takes int32, int64.
      fix: cast the input, as in x.cast("int32").]
  `);
});
