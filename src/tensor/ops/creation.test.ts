import { expect, test } from "vitest";

import { arange, eye, full, ones, rand, randn, tensor, zeros } from "../../runtime/index.ts";

test("nested numbers give float32 of their nesting, booleans bool, typed arrays their own type", () => {
  expect(tensor([[1, 2, 3]])).toMatchObject({ shape: [1, 3], dtype: "float32" });
  expect(tensor(4)).toMatchObject({ shape: [], dtype: "float32" });
  expect(tensor([true, false])).toMatchObject({ shape: [2], dtype: "bool" });
  expect(tensor(Int8Array.of(1))).toMatchObject({ shape: [1], dtype: "int8" });
  expect(tensor(BigInt64Array.of(1n, 2n))).toMatchObject({ shape: [2], dtype: "int64" });
  expect(tensor([])).toMatchObject({ shape: [0], dtype: "float32" });
});

test("numbers are converted to the type asked for", async () => {
  expect(await tensor([0, 2], { dtype: "bool" }).data()).toEqual(Uint8Array.of(0, 1));
  expect(await tensor([1, -2], { dtype: "int64" }).data()).toEqual(BigInt64Array.of(1n, -2n));
  expect(await tensor([1, 2, 3, 4], { shape: [2, 2], dtype: "int32" }).numbers()).toEqual(
    Float64Array.of(1, 2, 3, 4),
  );
});

test("a typed array is used without a copy", async () => {
  const data = Float32Array.of(1, 2);
  expect(await tensor(data).data()).toBe(data);
});

test("ragged nesting is refused", () => {
  expect(() => tensor([[1, 2], [3]])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: tensor: the nested data is ragged: [2] beside [1].
      fix: make all rows of one length, or pad them.]
  `);
  expect(() => tensor([[1], 2])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: tensor: the nested data is ragged: [1] beside [].
      fix: make all rows of one length, or pad them.]
  `);
});

test("a typed array that cannot hold the dtype is refused", () => {
  expect(() => tensor(Float32Array.of(1), { dtype: "int32" })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: tensor: a Float32Array cannot hold int32.
      fix: use Int32Array.]
  `);
});

test("data that does not fill its shape is refused", () => {
  expect(() => tensor([1, 2, 3], { shape: [2, 2] })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: tensor: 3 values do not fill the shape [2, 2].
      fix: give 4 values, or another shape.]
  `);
  expect(() => tensor(Float32Array.of(1), { shape: [-1] })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: tensor: 1 values do not fill the shape [-1].
      fix: use whole sizes of at least 0.]
  `);
});

test("float16 is not made from numbers, and int64 not from fractions", () => {
  expect(() => tensor([1], { dtype: "float16" })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: tensor: float16 is a storage type and is not made from numbers.
      fix: make a float32 tensor and cast it: x.cast("float16").]
  `);
  expect(() => tensor([1, 2.5], { dtype: "int64" })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: tensor: 2.5 is not a whole number that int64 data can be made from.
      fix: round it, or give a BigInt64Array.]
  `);
});

test("constants keep infinities, NaN and the sign of zero", async () => {
  const values = [Infinity, -Infinity, Number.NaN, -0, 0, 1.5];
  const made = await Promise.all(values.map((v) => full([2], v).data()));
  for (const [i, data] of made.entries())
    expect(data).toEqual(Float32Array.of(values[i]!, values[i]!));
});

test("zeros and ones have the type asked for, and so have their likes", async () => {
  expect(await zeros([2], "int32").data()).toEqual(Int32Array.of(0, 0));
  expect(await ones([2, 1], "bool").data()).toEqual(Uint8Array.of(1, 1));
  expect(tensor([1], { dtype: "int32" }).onesLike()).toMatchObject({ shape: [1], dtype: "int32" });
});

test("arange counts in steps and eye is one on its diagonal", async () => {
  expect(await arange(3).data()).toEqual(Int32Array.of(0, 1, 2));
  expect(await arange(3, { start: 5, step: -2 }).data()).toEqual(Int32Array.of(5, 3, 1));
  expect(await eye(2).data()).toEqual(Float32Array.of(1, 0, 0, 1));
});

test("random data is a function of its seed, and scale and range act as they say", async () => {
  const data = async (seed: number) => randn([50], { seed }).data();
  expect(await data(1)).toEqual(await data(1));
  expect(await data(1)).not.toEqual(await data(2));
  const doubled = await randn([50], { seed: 1, scale: 2 }).data();
  expect(doubled).toEqual(((await data(1)) as Float32Array).map((v) => 2 * v));
  const inside = (await rand([500], { seed: 3, low: -2, high: 5 }).data()) as Float32Array;
  expect(Math.min(...inside)).toBeGreaterThanOrEqual(-2);
  expect(Math.max(...inside)).toBeLessThan(5);
  expect(Math.max(...inside) - Math.min(...inside)).toBeGreaterThan(6.8);
});
