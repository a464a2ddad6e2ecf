import { expect, test } from "vitest";

import { compile, randn, tensor } from "./index.ts";
import type { Tensor } from "./index.ts";
import { Pool, PooledValue } from "./memory.ts";

const aval = { shape: [4], dtype: "float32" } as const;
const newPool = (): Pool => new Pool((bytes) => new ArrayBuffer(bytes));

test("memory that was given up is used for the next result of its size", () => {
  const pool = newPool();
  const first = pool.take(aval);
  pool.give(first);
  expect(pool.take({ shape: [16], dtype: "bool" }).buffer).toBe(first.buffer);
  expect(pool.take(aval).buffer).not.toBe(first.buffer);
});

test("a part of a larger array is not taken back, nor the same memory twice", () => {
  const pool = newPool();
  const whole = new Float32Array(8);
  pool.give(whole.subarray(0, 4));
  expect(pool.take(aval).buffer).not.toBe(whole.buffer);
  pool.give(whole);
  pool.give(whole);
  const taken = [
    pool.take({ shape: [8], dtype: "float32" }),
    pool.take({ shape: [8], dtype: "float32" }),
  ];
  expect(taken[0]!.buffer).not.toBe(taken[1]!.buffer);
});

test("no more than half a gibibyte is kept unused", () => {
  const pool = newPool();
  const big = [0, 1, 2].map(() => new Float32Array(2 ** 26));
  for (const data of big) pool.give(data);
  const kept = [0, 1, 2].map(() => pool.take({ shape: [2 ** 26], dtype: "float32" }).buffer);
  expect(big.filter(({ buffer }) => kept.includes(buffer))).toHaveLength(2);
});

test("disposing twice gives memory back once", () => {
  const pool = newPool();
  const value = new PooledValue(pool.take(aval), aval, pool);
  value.dispose();
  const next = pool.take(aval);
  value.dispose();
  expect(next.buffer).toBe(value.data.buffer);
  expect(pool.take(aval).buffer).not.toBe(next.buffer);
});

test("the memory of a disposed result holds a later one, and results that are kept stay as they are", async () => {
  const add = compile((x: Tensor, y: Tensor) => x.add(y));
  const x = randn([700, 700], { seed: 1 });
  const kept = await add(x, tensor(1));
  const before = Float32Array.from(await kept.numbers());
  const given = await add(x, tensor(2));
  const { buffer } = await given.data();
  given[Symbol.dispose]();
  const next = await add(x, tensor(3));
  expect((await next.data()).buffer).toBe(buffer);
  expect(await kept.numbers()).toEqual(before);
});
