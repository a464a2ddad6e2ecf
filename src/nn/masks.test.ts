import { describe, expect, test } from "vitest";

import { tensor } from "../runtime/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  alibiBias,
  alibiSlopes,
  causalBias,
  hiddenKeys,
  nearbyKeys,
  NEVER,
  paddedCausalBias,
  slidingWindow,
} from "./masks.ts";

const rows = (x: Tensor): Promise<ArrayLike<number>> => x.numbers();

describe("masks", () => {
  test("a query sees its own key and earlier ones", async () => {
    const bias = causalBias(3);
    expect(bias.shape).toEqual([1, 1, 3, 3]);
    expect(Array.from(await rows(bias), (value) => (value === 0 ? 1 : 0))).toEqual([
      1, 0, 0, 1, 1, 0, 1, 1, 1,
    ]);
  });

  test("nobody sees padding", async () => {
    const bias = paddedCausalBias([
      [false, true, true],
      [true, true, true],
    ]);
    expect(bias.shape).toEqual([2, 1, 3, 3]);
    const seen = Array.from(await rows(bias), (value) => (value === 0 ? 1 : 0));
    expect(seen.slice(0, 9)).toEqual([0, 0, 0, 0, 1, 0, 0, 1, 1]);
    expect(seen.slice(9)).toEqual([1, 0, 0, 1, 1, 0, 1, 1, 1]);
  });

  test("a window of 2 shows a query its own key and the one before", async () => {
    const positions = tensor([[0, 1, 2, 3]], { dtype: "int32" });
    const bias = slidingWindow(causalBias(4), positions, positions, 2);
    expect(bias.shape).toEqual([1, 1, 4, 4]);
    expect(Array.from(await rows(bias), (value) => (value === 0 ? 1 : 0))).toEqual([
      1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1,
    ]);
  });

  test("a window counts positions, wherever the padding is and wherever the cache keeps a key", async () => {
    // one new token a row; the second row began with padding, and the last slot is the new token
    const mask = tensor(
      [
        [0, 0, 0, 0],
        [NEVER, 0, 0, 0],
      ].map((row) => [[row]]),
    );
    const positions = tensor([[3], [2]], { dtype: "int32" });
    const keyPositions = tensor(
      [
        [0, 1, 2, 3],
        [0, 0, 1, 2],
      ],
      { dtype: "int32" },
    );
    const bias = slidingWindow(mask, positions, keyPositions, 2);
    expect(bias.shape).toEqual([2, 1, 1, 4]);
    expect(Array.from(await rows(bias), (value) => (value === 0 ? 1 : 0))).toEqual([
      0, 0, 1, 1, 0, 0, 1, 1,
    ]);
  });

  test("slopes of 8 heads halve from 1/2 to 1/256", () => {
    expect(Array.from(alibiSlopes(8))).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((i) => 2 ** -i));
  });

  test("slopes of 6 heads are those of 4, and every other one of 8", () => {
    expect(Array.from(alibiSlopes(6))).toEqual([
      ...alibiSlopes(4),
      ...[0, 2].map((i) => alibiSlopes(8)[i]!),
    ]);
  });

  test("ALiBi takes slope times distance from a score, wherever the padding is", async () => {
    const positions = tensor(
      [
        [0, 1, 2],
        [0, 0, 1],
      ],
      { dtype: "int32" },
    );
    const mask = paddedCausalBias([
      [true, true, true],
      [false, true, true],
    ]);
    const inputs = { positions, keyPositions: positions, mask };
    const bias = alibiBias(inputs, Float32Array.of(0.5, 2));
    expect(bias.shape).toEqual([2, 2, 3, 3]);
    const found = Array.from(await rows(bias), (value) => (value < -1e9 ? "-" : value));
    const _ = "-";
    // [row, head]: [0, 0], [0, 1], [1, 0], [1, 1]
    expect(found).toEqual(
      [
        [0, _, _, -0.5, 0, _, -1, -0.5, 0],
        [0, _, _, -2, 0, _, -4, -2, 0],
        [_, _, _, _, 0, _, _, -0.5, 0],
        [_, _, _, _, 0, _, _, -2, 0],
      ].flat(),
    );
  });

  test("padding is hidden from every query alike", async () => {
    const bias = hiddenKeys([
      [true, true, false],
      [true, true, true],
    ]);
    expect(bias.shape).toEqual([2, 1, 1, 3]);
    expect(Array.from(await rows(bias), (value) => (value === 0 ? 1 : 0))).toEqual([
      1, 1, 0, 1, 1, 1,
    ]);
  });

  test("keys within reach are seen on both sides, unless they are padding", async () => {
    const positions = tensor([[0, 1, 2, 3]], { dtype: "int32" });
    const seen = async (bias: Tensor): Promise<number[]> =>
      Array.from(await rows(bias), (value) => (value === 0 ? 1 : 0));
    expect(await seen(nearbyKeys(positions, 1))).toEqual([
      1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1,
    ]);
    const padding = hiddenKeys([[true, true, true, false]]);
    expect(await seen(nearbyKeys(positions, 1, padding))).toEqual([
      1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0,
    ]);
  });
});
