import { describe, expect, test } from "vitest";

import "../runtime/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { causalBias, paddedCausalBias } from "./masks.ts";

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
});
