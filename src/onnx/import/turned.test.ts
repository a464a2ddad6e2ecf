import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { evaluate, gradients } from "../../runtime/index.ts";
import { fromHost, fromSource } from "../../tensor/leaf.ts";
import { prepackConstant, timesConstant, turnedConstant } from "./turned.ts";

const [ROWS, COLUMNS] = [250, 300];
const data = Float32Array.from(new Rng(1).normals(ROWS * COLUMNS));
const aval = { shape: [ROWS, COLUMNS], dtype: "float32" } as const;

test("rows become columns, all and in part", async () => {
  const turned = turnedConstant(fromHost(data, aval))!;
  const expected = await fromHost(data, aval).transpose([1, 0]).data();
  expect(turned.shape).toEqual([COLUMNS, ROWS]);
  expect(await turned.value!.readPart!([7, 800])).toEqual(expected.subarray(7, 800));
  expect(await turned.data()).toEqual(expected);
});

test.each(["turned", "prepacked"])(
  "a product with a %s constant, and its gradient, is the product with the constant",
  async (form) => {
    const [w, plain] = [fromHost(data, aval), fromHost(data, aval).add(0)];
    if (form === "prepacked") prepackConstant(w);
    const rows = Float32Array.from(new Rng(2).normals(3 * ROWS));
    const x = fromHost(rows, { shape: [1, 3, ROWS], dtype: "float32" });
    const bias = fromHost(Float32Array.from(new Rng(3).normals(COLUMNS)), {
      shape: [COLUMNS],
      dtype: "float32",
    });
    const ours = timesConstant(x, w, bias)!;
    const wanted = x.matmul(plain).add(bias);
    const [slope] = gradients(ours.square().sum(), [x]);
    const [wantedSlope] = gradients(wanted.square().sum(), [x]);
    await evaluate([ours, wanted, slope!, wantedSlope!]);
    for (const [got, want] of [
      [ours, wanted],
      [slope!, wantedSlope!],
    ] as const) {
      const expected = await want.numbers();
      const largest = Math.max(...expected.map(Math.abs));
      // float32: sums of up to 300 products
      for (const [i, y] of (await got.numbers()).entries())
        expect(Math.abs(y - expected[i]!)).toBeLessThan(1e-5 * largest);
    }
  },
);

test("it is made once, when it is needed, and what lies in a file is not kept beside it", async () => {
  let count = 0;
  const w = fromSource(async () => {
    count++;
    return data;
  }, aval);
  const turned = turnedConstant(w)!;
  expect(turnedConstant(w)).toBe(turned);
  expect(count).toBe(0);
  await turned.data();
  await turned.data();
  expect(count).toBe(1);
  expect(w.value!.data).toBeUndefined();
});

test("small matrices, other ranks and values that are computed are left alone", () => {
  const w = fromHost(data, aval);
  expect(turnedConstant(w.add(0))).toBeUndefined();
  expect(turnedConstant(fromHost(data, { ...aval, shape: [1, ROWS, COLUMNS] }))).toBeUndefined();
  const small = fromHost(data.subarray(0, 12), { ...aval, shape: [3, 4] });
  expect(turnedConstant(small)).toBeUndefined();
});
