import { expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import { linearWeights } from "./language-text.ts";

test("a matrix begins as wide as keeps the scale of what it multiplies, and a quarter of that where it writes", async () => {
  const deviation = async (path: string, shape: number[]): Promise<number> => {
    const numbers = Array.from(await linearWeights(path, shape, new Rng(3))!.numbers());
    return Math.hypot(...numbers.slice(0, 2 ** 15)) / 2 ** 7.5;
  };
  // of 32,768 numbers: two standard errors are 0.8 %
  expect(await deviation("blocks.0.attn.q.weight", [256, 256])).toBeCloseTo(1 / 16, 3);
  expect(await deviation("blocks.0.mlp.out.weight", [64, 1024])).toBeCloseTo(1 / 128, 3);
  expect(linearWeights("embed.weight", [64, 64], new Rng(3))).toBeUndefined();
  expect(linearWeights("lnFinal.weight", [64], new Rng(3))).toBeUndefined();
});
