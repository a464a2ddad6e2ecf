import { expect, test } from "vitest";

import { maxDifference } from "../../test/tiny.ts";
import { randn, tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { attention } from "./attention.ts";
import { crossAttention, sourceHeads } from "./cross-attention.ts";
import { NEVER } from "./masks.ts";

const sizes = { nHeads: 2, dHead: 3 };
const bias = (seed: number): Tensor => randn([6], { seed });
const params = {
  q: { weight: randn([6, 4], { seed: 1 }), bias: bias(11) },
  k: { weight: randn([6, 4], { seed: 2 }), bias: bias(12) },
  v: { weight: randn([6, 4], { seed: 3 }), bias: bias(13) },
  o: { weight: randn([4, 6], { seed: 4 }), bias: randn([4], { seed: 14 }) },
};
const x = randn([2, 3, 4], { seed: 5 });
const source = randn([2, 5, 4], { seed: 6 });
// float32 sums of 6 terms in another order
const TOLERANCE = 1e-5;

test("over the sequence itself, cross attention is self-attention", async () => {
  const over = { ...sizes, scale: 1, source: sourceHeads(x, params, sizes) };
  const crossed = crossAttention(x, params, over);
  const own = attention(x, params, { ...sizes, scale: 1 });
  expect(maxDifference(await crossed.numbers(), await own.numbers())).toBeLessThanOrEqual(
    TOLERANCE,
  );
});

test("what the mask hides of the source is as if it were not there", async () => {
  const mask = tensor([[[[0, 0, 0, NEVER, NEVER]]]]);
  const hidden = crossAttention(x, params, {
    ...sizes,
    mask,
    source: sourceHeads(source, params, sizes),
  });
  const short = source.slice({ axis: 1, end: 3 });
  const shorter = crossAttention(x, params, {
    ...sizes,
    source: sourceHeads(short, params, sizes),
  });
  const off = maxDifference(await hidden.numbers(), await shorter.numbers());
  expect(off).toBeLessThanOrEqual(TOLERANCE);
});

test("keys and values are those of the source, and an edit of them acts", async () => {
  const heads = sourceHeads(source, params, sizes);
  const seen: Record<string, readonly number[]> = {};
  const out = (gain: number): Tensor =>
    crossAttention(x, params, { ...sizes, source: heads }, (name, value) => {
      seen[name] = value.shape;
      return name === "v" ? value.mul(gain) : value;
    });
  const plain = await out(1).numbers();
  expect(seen).toEqual({
    q: [2, 3, 2, 3],
    k: [2, 5, 2, 3],
    v: [2, 5, 2, 3],
    scores: [2, 2, 3, 5],
    pattern: [2, 2, 3, 5],
    z: [2, 3, 2, 3],
    result: [2, 3, 2, 4],
  });
  // what the heads write is linear in the values, beside the bias of the output
  const shift = params.o.bias;
  const want = tensor(plain as Float32Array, { shape: [2, 3, 4] })
    .sub(shift)
    .mul(2)
    .add(shift);
  expect(maxDifference(await out(2).numbers(), await want.numbers())).toBeLessThanOrEqual(
    TOLERANCE,
  );
});
