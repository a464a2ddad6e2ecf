import { expect, test } from "vitest";

import { gradients, tensor, where, zeros } from "../../runtime/index.ts";

test("comparisons give bool and agree with the numbers", async () => {
  const x = tensor([1, 2, 3]);
  expect(x.less(2).dtype).toBe("bool");
  const rows = await Promise.all(
    [x.less(2), x.lessEqual(2), x.equal(2), x.notEqual(2), x.greaterEqual(2), x.greater(2)].map(
      async (y) => [...(await y.numbers())].join(""),
    ),
  );
  expect(rows).toEqual(["100", "110", "010", "101", "011", "001"]);
});

test("NaN equals nothing, itself included", async () => {
  const x = tensor([Number.NaN, 1]);
  expect(await x.equal(x).data()).toEqual(Uint8Array.of(0, 1));
  expect(await x.notEqual(x).data()).toEqual(Uint8Array.of(1, 0));
  expect(await x.isNan().data()).toEqual(Uint8Array.of(1, 0));
});

test("de Morgan's law holds on all four pairs", async () => {
  const a = tensor([false, false, true, true]);
  const b = tensor([false, true, false, true]);
  expect(await a.and(b).not().data()).toEqual(await a.not().or(b.not()).data());
  expect(await a.or(b).data()).toEqual(Uint8Array.of(0, 1, 1, 1));
});

test("where takes each branch's gradient only where it was chosen", async () => {
  const x = tensor([-1, 2]);
  const y = tensor(5);
  const chosen = x.greater(0).where(x.square(), y);
  expect(await chosen.data()).toEqual(Float32Array.of(5, 4));
  const [dx, dy] = gradients(chosen.sum(), [x, y]);
  expect(Array.from(await dx!.numbers(), (v) => v + 0)).toEqual([0, 4]);
  expect(await dy!.item()).toBe(1);
});

test("numbers in where take the other branch's type", () => {
  const mask = tensor([true]);
  expect(where(mask, 1, zeros([1], "int32")).dtype).toBe("int32");
  expect(where(mask, zeros([1], "int64"), 0).dtype).toBe("int64");
  expect(where(mask, 1, 0).dtype).toBe("float32");
});

test("where with a condition that is not bool is refused", () => {
  expect(() => zeros([2]).where(1, 0)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: where: cannot work on float32; it takes bool.
      fix: cast the input, as in x.cast("bool").]
  `);
});

test("where with branches of two types is refused", () => {
  const mask = tensor([true]);
  expect(() => mask.where(zeros([1]), zeros([1], "int32"))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: where: the inputs are float32 and int32, not of one type.
      fix: cast one of them, as in x.cast("float32").]
  `);
});

test("logic on numbers and comparison of bools are refused", () => {
  expect(() => zeros([1]).and(zeros([1]))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: and: cannot work on float32; it takes bool.
      fix: cast the input, as in x.cast("bool").]
  `);
  expect(() => tensor([true]).less(tensor([false]))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: less: cannot work on bool; it takes float32, int32, int64.
      fix: cast the input, as in x.cast("float32").]
  `);
});
