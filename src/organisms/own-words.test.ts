import { expect, test } from "vitest";

import { normal } from "../nn/index.ts";
import { ownWordsBehind } from "./own-words.ts";

const others = normal([4, 6], { seed: 1 });
const x = normal([5, 6], { seed: 2 });

test("queries of the heads before stay as they were drawn, and the others are the words themselves", async () => {
  const seen = x.matmul(ownWordsBehind(others, { scale: 0.5 }), { transposeB: true });
  const before = x.matmul(others, { transposeB: true });
  const left = seen.slice({ axis: 1, end: 4 }).sub(before);
  const right = seen.slice({ axis: 1, start: 4 }).sub(x.slice({ axis: 1, start: 4 }).mul(0.5));
  for (const apart of [left, right]) {
    expect(Math.max(...(await apart.abs().numbers()))).toBeLessThan(1e-6);
  }
});

test("of words of one length each is nearest to itself", async () => {
  const words = x.rmsNorm(undefined, { epsilon: 0 });
  const weights = ownWordsBehind(others.slice({ axis: 0, end: 0 }));
  const [queries, keys] = [0, 1].map(() => words.matmul(weights, { transposeB: true }));
  const nearest = await queries!.matmul(keys!, { transposeB: true }).argmax({ axis: -1 }).numbers();
  expect([...nearest]).toEqual([0, 1, 2, 3, 4]);
});
