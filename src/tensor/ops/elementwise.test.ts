import * as fc from "fast-check";
import { expect, test } from "vitest";

import { gradients, tensor, zeros } from "../../runtime/index.ts";

test("operands broadcast as in NumPy", async () => {
  const column = tensor([[1], [2]]);
  expect(await column.add(tensor([10, 20, 30])).data()).toEqual(
    Float32Array.of(11, 21, 31, 12, 22, 32),
  );
});

test("the gradient of a broadcast operand is summed back to its shape", async () => {
  const column = tensor([[1], [2]]);
  const row = tensor([10, 20, 30]);
  const [dColumn, dRow] = gradients(column.mul(row).sum(), [column, row]);
  expect(await dColumn!.data()).toEqual(Float32Array.of(60, 60));
  expect(await dRow!.data()).toEqual(Float32Array.of(3, 3, 3));
});

test("shapes that do not broadcast are refused", () => {
  expect(() => zeros([2, 3]).add(zeros([2, 4]))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: add: cannot broadcast [2, 3] with [2, 4]: axis -1 is 3 and 4.
      fix: make the sizes equal, or 1 where a value is to be repeated.]
  `);
});

test("operands of two types are refused", () => {
  expect(() => zeros([2]).mul(zeros([2], "int32"))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: mul: the inputs are float32 and int32, not of one type.
      fix: cast one of them, as in x.cast("float32").]
  `);
});

test("types an op cannot work on are refused", () => {
  expect(() => zeros([2], "int32").exp()).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: exp: cannot work on int32; it takes float32.
      fix: cast the input, as in x.cast("float32").]
  `);
  expect(() => zeros([2], "bool").add(1)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: add: cannot work on bool; it takes float32, int32, int64.
      fix: cast the input, as in x.cast("float32").]
  `);
});

test("ties of minimum and maximum split their gradient", async () => {
  const x = tensor([1, 2, 3]);
  const y = tensor([2, 2, 2]);
  const [dx, dy] = gradients(x.maximum(y).sum(), [x, y]);
  expect(await dx!.data()).toEqual(Float32Array.of(0, 0.5, 1));
  expect(await dy!.data()).toEqual(Float32Array.of(1, 0.5, 0));
});

test.each([
  [0, 1],
  [1, 1.5],
  [2, 2.25],
  [3, 3.375],
  [5, 7.59375],
  [-2, 1 / 2.25],
  [0.5, Math.sqrt(1.5)],
  [1.7, 1.5 ** 1.7],
])("1.5 to the power of %d is %d", async (exponent, expected) => {
  // 1e-6: float32, at most four products or a log and an exp near 1
  expect(await tensor(1.5).pow(exponent).item()).toBeCloseTo(expected, 5);
});

test("whole powers of negative numbers are exact", async () => {
  expect(await tensor([-2, -1]).pow(3).data()).toEqual(Float32Array.of(-8, -1));
});

test("softplus neither overflows nor loses its tail", async () => {
  const data = (await tensor([-100, 0, 100, 1e4]).softplus().data()) as Float32Array;
  expect(data[1]).toBeCloseTo(Math.LN2, 6);
  expect([data[2], data[3]]).toEqual([100, 1e4]);
  expect(data[0]).toBeGreaterThanOrEqual(0);
  expect(data[0]).toBeLessThan(1e-30);
});

test("rounding takes halves to even, floor goes down", async () => {
  const x = tensor([0.5, 1.5, 2.5, -0.5, -1.2]);
  expect(Array.from(await x.round().numbers(), (v) => v + 0)).toEqual([0, 2, 2, 0, -1]);
  expect(Array.from(await x.floor().numbers())).toEqual([0, 1, 2, -1, -2]);
});

test("clip keeps every value inside its range", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.float({ noNaN: true, min: -10, max: 10 }), { minLength: 4, maxLength: 4 }),
      async (values) => {
        const clipped = await tensor(values).clip({ min: -1, max: 2 }).numbers();
        const expected = values.map((v) => Math.min(Math.max(v, -1), 2) + 0);
        expect(Array.from(clipped, (v) => v + 0)).toEqual(expected);
      },
    ),
    { seed: 1, numRuns: 30 },
  );
});

test("an empty or meaningless range is refused", () => {
  expect(() => zeros([2]).clip({ min: 1, max: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: clip: there is no value in 1..0.]`,
  );
  expect(() => zeros([2]).clip({ max: Number.NaN })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: clip: there is no value in ..NaN.]`,
  );
});

test("casting cuts floats towards zero and makes every number but 0 true", async () => {
  const x = tensor([-1.7, 0, 0.4, 2.9]);
  expect(await x.cast("int32").data()).toEqual(Int32Array.of(-1, 0, 0, 2));
  expect(await x.cast("bool").data()).toEqual(Uint8Array.of(1, 0, 1, 1));
  expect(x.cast("float32")).toBe(x);
});

test("float16 keeps eleven bits of every number, and all of what float16 holds", async () => {
  const exact = [0, 1, -2.5, 65504, 2 ** -24];
  expect(Array.from(await tensor(exact).cast("float16").numbers())).toEqual(exact);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.float({ noNaN: true, min: 1, max: 1000 }), { minLength: 3, maxLength: 3 }),
      async (values) => {
        const kept = await tensor(values).cast("float16").cast("float32").numbers();
        // half a unit in the last of 11 bits
        for (const [i, v] of kept.entries())
          expect(Math.abs(v - values[i]!)).toBeLessThanOrEqual(values[i]! * 2 ** -11);
      },
    ),
    { seed: 2, numRuns: 20 },
  );
});

test("a type that does not exist is refused", () => {
  expect(() => zeros([2]).cast("float8" as "int8")).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: cast: there is no type "float8"; there are float32, float16, int32, int64, bool, uint8, int8.]`,
  );
});

test("the gradient of a cast between integers and floats is zero", async () => {
  const x = tensor([1.5, 2.5]);
  const [dx] = gradients(x.cast("int32").cast("float32").mul(x).sum(), [x]);
  expect(await dx!.data()).toEqual(Float32Array.of(1, 2));
});
