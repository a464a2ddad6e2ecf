import { expect, test } from "vitest";

import { likelihood } from "./likelihood.ts";

const logits = Float32Array.of(1, -0.5, 2, 0.3, -1, 1.4);
const logTotal = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));

test("a token's likelihood is log-softmax of its logit", () => {
  for (const [id, logit] of logits.entries()) {
    const found = likelihood(logits, { id, logTotal, count: 0 });
    // double precision sums of 6 terms
    expect(found.logProbability).toBeCloseTo(logit - logTotal, 12);
    expect(found.probability).toBeCloseTo(Math.exp(logit - logTotal), 12);
    expect(found.alternatives).toEqual([]);
  }
});

test("alternatives are the likeliest tokens, the token itself among them, and at most all", () => {
  const { alternatives } = likelihood(logits, { id: 5, logTotal, count: 3 });
  expect(alternatives.map(({ id }) => id)).toEqual([2, 5, 0]);
  expect(alternatives[1]!.logProbability).toBe(
    likelihood(logits, { id: 5, logTotal, count: 0 }).logProbability,
  );
  expect(likelihood(logits, { id: 0, logTotal, count: 100 }).alternatives).toHaveLength(6);
});

test("what is hopeless keeps a finite log-probability", () => {
  const large = Float32Array.of(1e4, -1e4, 9e3);
  expect(likelihood(large, { id: 0, logTotal: 1e4, count: 0 })).toMatchObject({
    probability: 1,
    logProbability: 0,
  });
  expect(likelihood(large, { id: 1, logTotal: 1e4, count: 1 })).toEqual({
    probability: 0,
    logProbability: -2e4,
    alternatives: [{ id: 0, logProbability: 0 }],
  });
});
