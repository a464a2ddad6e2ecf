import { describe, expect, test } from "vitest";

import { tensor } from "../runtime/index.ts";
import type { Pooling } from "./pooling.ts";
import { pool, unitLength } from "./pooling.ts";

// two rows of three positions and two numbers; the second row has one token less
const hidden = tensor([
  [
    [1, -1],
    [2, -5],
    [6, -3],
  ],
  [
    [4, -2],
    [8, -4],
    [100, 100],
  ],
]);
const isReal = tensor([
  [1, 1, 1],
  [1, 1, 0],
]);

describe("pool", () => {
  test.each<[Pooling, readonly number[]]>([
    ["cls", [1, -1, 4, -2]],
    ["max", [6, -1, 8, -2]],
    ["mean", [3, -3, 6, -3]],
    [
      "mean_sqrt_len_tokens",
      [9 / Math.sqrt(3), -9 / Math.sqrt(3), 12 / Math.SQRT2, -6 / Math.SQRT2],
    ],
    ["weightedmean", [23 / 6, -20 / 6, 20 / 3, -10 / 3]],
    ["lasttoken", [6, -3, 8, -4]],
  ])("%s passes over padding", async (pooling, want) => {
    const got = await pool(hidden, { isReal }, [pooling]).numbers();
    // float32, sums of three terms
    for (const [i, value] of want.entries()) expect(got[i]).toBeCloseTo(value, 5);
  });

  test.each<Pooling>(["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"])(
    "%s of a full batch counts every position",
    async (pooling) => {
      const full = await pool(hidden, {}, [pooling]).numbers();
      const marked = await pool(hidden, { isReal: isReal.onesLike() }, [pooling]).numbers();
      expect([...full]).toEqual([...marked]);
    },
  );

  test("the vectors of several ways lie behind one another", async () => {
    const both = pool(hidden, { isReal }, ["cls", "mean"]);
    expect(both.shape).toEqual([2, 4]);
    expect([...(await both.numbers())].slice(0, 4)).toEqual([1, -1, 3, -3]);
  });
});

test("unitLength brings rows to length 1 and leaves a row of zeros", async () => {
  const got = await unitLength(
    tensor([
      [3, 4],
      [0, 0],
    ]),
  ).numbers();
  expect(got[0]).toBeCloseTo(0.6, 6);
  expect(got[1]).toBeCloseTo(0.8, 6);
  expect([got[2], got[3]]).toEqual([0, 0]);
});
