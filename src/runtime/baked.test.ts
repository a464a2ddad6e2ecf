// Weights that go into compiled graphs: which sessions share them, and when they go.

import { expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import { dequantise, evaluate, tensor } from "./index.ts";
import type { Tensor } from "./index.ts";

/** Weights [64, 32] in eight bits, whose numbers depend on the seed. */
function weightOf(seed: number): Tensor {
  const rng = new Rng(seed);
  const packed = tensor(
    Uint8Array.from({ length: 64 * 32 }, () => rng.below(256)),
    {
      shape: [64, 2, 16],
      dtype: "uint8",
    },
  );
  const scales = tensor(Float32Array.from(rng.normals(128)), { shape: [64, 2] });
  return dequantise(packed, scales, { bits: 8, blockSize: 16, columns: 32 });
}

const ones = tensor(new Float32Array(32).fill(127), { shape: [1, 32] });

test("graphs of one form on other packed weights do not share a session", async () => {
  const [a, b] = [weightOf(1), weightOf(2)];
  const [ya, yb] = [ones.linear(a), ones.linear(b)];
  await evaluate([ya]);
  await evaluate([yb]);
  for (const [y, w] of [
    [ya, a],
    [yb, b],
  ] as const) {
    const dense = tensor(await w.data(), { shape: [64, 32] });
    expect(await y.sub(ones.linear(dense)).abs().max().item()).toBeLessThan(1);
  }
  expect(await ya.sub(yb).abs().max().item()).toBeGreaterThan(1000);
});

test("reading a packed weight whole does not make later graphs take it whole", async () => {
  const w = weightOf(3);
  const before = await ones.linear(w).data();
  await w.data();
  expect(w.value).toBeDefined();
  const after = await ones.linear(w).data();
  expect(after).toEqual(before);
});

test("a graph that multiplies by a packed weight and differentiates reads it in both forms", async () => {
  const w = weightOf(4);
  const rows = ones.linear(w);
  const back = rows.matmul(w); // what the gradient with respect to the input is
  const dense = tensor(await w.data(), { shape: [64, 32] });
  await evaluate([rows, back]);
  const expected = rows.matmul(dense);
  const scale = await expected.abs().max().item();
  expect(await back.sub(expected).abs().max().item()).toBeLessThan(1e-5 * scale);
});

test("more packed weights than are kept go one by one, and come back when they are used again", async () => {
  const weights = Array.from({ length: 110 }, (_, i) => weightOf(10 + i));
  const first = await ones.linear(weights[0]!).data();
  for (const w of weights) await ones.linear(w).data();
  expect(await ones.linear(weights[0]!).data()).toEqual(first);
});
