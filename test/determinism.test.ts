// Two runs of one graph give the same bits. Additions that race would show here: with ScatterND in the place of the
// embedding's gradient, whose sums lose terms when two threads meet at a row, this test fails.

import { expect, test } from "vitest";

import { Rng } from "../src/core/rng.ts";
import { compile, configure, gradients, randn, tensor } from "../src/runtime/index.ts";
import type { Tensor } from "../src/tensor/tensor.ts";

test("a training step with few, wide, often used embeddings repeats bit for bit on 2 threads", async () => {
  await configure({ threads: 2 });
  const [tokens, rows, width, hidden] = [2048, 4, 1024, 64];
  const ids = rowsFrom(1, tokens, rows);
  const targets = rowsFrom(2, tokens, rows).unsqueeze(1);
  const step = compile((embedding: Tensor, w: Tensor, unembedding: Tensor) => {
    const x = embedding.gather(ids, { axis: 0 }).linear(w).gelu().layerNorm();
    const logits = x.dropout({ rate: 0.1, seed: 3 }).linear(unembedding);
    const loss = logits.logSoftmax({ axis: 1 }).takeAlongAxis(targets, { axis: 1 }).mean().neg();
    return gradients(loss, [embedding, w, unembedding]);
  });
  const parameters = [
    randn([rows, width], { seed: 4 }),
    randn([hidden, width], { seed: 5, scale: 0.1 }),
    randn([rows, hidden], { seed: 6 }),
  ] as const;
  const run = async (): Promise<ArrayLike<unknown>[]> => {
    const found = await step(...parameters);
    return Promise.all(found.map((gradient) => gradient.data()));
  };
  const first = await run();
  for (let i = 1; i < 10; i++) expect(await run()).toEqual(first);
});

function rowsFrom(seed: number, count: number, rows: number): Tensor {
  const rng = new Rng(seed);
  return tensor(Int32Array.from({ length: count }, () => rng.below(rows)));
}
