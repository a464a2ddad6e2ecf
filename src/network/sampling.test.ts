import * as fc from "fast-check";
import { expect, test } from "vitest";

import { sampler } from "./sampling.ts";
import type { SamplingOptions } from "./sampling.ts";

const logits = Float32Array.of(1, -0.5, 2, 0.3, -1, 1.4);

function softmax(values: ArrayLike<number>, temperature = 1): number[] {
  const weights = Array.from(values, (value) => Math.exp(value / temperature));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

const ascending = (a: number, b: number): number => a - b;

function counts(options: SamplingOptions, draws: number): number[] {
  const pick = sampler({ temperature: 1, ...options });
  const found = Array.from(logits, () => 0);
  for (let step = 0; step < draws; step++) found[pick(logits, 0, step).id]!++;
  return found;
}

test("temperature 0 picks the likeliest token, the first of equals", () => {
  expect(sampler()(logits, 0, 0).id).toBe(2);
  expect(sampler({ seed: 9 })(Float32Array.of(0, 3, 3), 4, 5).id).toBe(1);
});

test.each([0.5, 1, 2])(
  "at temperature %d tokens are as frequent as softmax says",
  (temperature) => {
    const draws = 4000;
    const expected = softmax(logits, temperature);
    const chiSquare = counts({ temperature, seed: 3 }, draws)
      .map((count, i) => (count - draws * expected[i]!) ** 2 / (draws * expected[i]!))
      .reduce((a, b) => a + b);
    // 5 degrees of freedom: a right sampler exceeds 20.5 for one seed in a thousand, and the seed is fixed
    expect(chiSquare).toBeLessThan(20.5);
  },
);

test("topK keeps exactly the k likeliest tokens", () => {
  const order = [2, 5, 0, 3, 1, 4];
  for (let topK = 1; topK <= 6; topK++) {
    const seen = counts({ topK, temperature: 3 }, 600).flatMap((count, id) =>
      count > 0 ? [id] : [],
    );
    expect(seen).toEqual(order.slice(0, topK).toSorted(ascending));
  }
});

test("topP keeps the smallest set of likeliest tokens that reaches the share", () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 0.99, noNaN: true }), (topP) => {
      const share = softmax(logits);
      const order = [2, 5, 0, 3, 1, 4];
      let sum = 0;
      const kept = order.slice(0, order.findIndex((id) => (sum += share[id]!) >= topP) + 1);
      const seen = counts({ topP }, 800).flatMap((count, id) => (count > 0 ? [id] : []));
      expect(seen).toEqual(kept.toSorted(ascending));
    }),
    { seed: 4, numRuns: 20 },
  );
});

test("topK and topP together keep what both keep", () => {
  const seen = counts({ topK: 2, topP: 0.99 }, 400).flatMap((n, id) => (n > 0 ? [id] : []));
  expect(seen).toEqual([2, 5]);
});

test("the probability returned is that of softmax before temperature and cuts", () => {
  const { id, probability } = sampler({ temperature: 5, topK: 3, seed: 8 })(logits, 0, 0);
  // double precision sums of 6 terms
  expect(probability).toBeCloseTo(softmax(logits)[id]!, 10);
});

test("what is drawn depends on seed, row and step and on nothing drawn before", () => {
  const draw = (seed: number, row: number): number[] => {
    const pick = sampler({ temperature: 2, seed });
    return Array.from({ length: 30 }, (_, step) => pick(logits, row, step).id);
  };
  expect(draw(1, 0)).toEqual(draw(1, 0));
  expect(draw(1, 0)).not.toEqual(draw(2, 0));
  expect(draw(1, 0)).not.toEqual(draw(1, 1));
  const late = sampler({ temperature: 2, seed: 1 })(logits, 0, 29).id;
  expect(late).toBe(draw(1, 0)[29]);
});

test("large logits do not overflow", () => {
  const pick = sampler({ temperature: 0.01 });
  expect(pick(Float32Array.of(1e4, -1e4, 9e3), 0, 0)).toEqual({ id: 0, probability: 1 });
});

test("a negative temperature is refused", () => {
  expect(() => sampler({ temperature: -1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: generate: temperature is -1, not a number of at least 0.]`,
  );
});

test("a temperature that is not a number is refused", () => {
  expect(() => sampler({ temperature: NaN })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: generate: temperature is NaN, not a number of at least 0.]`,
  );
});

test.each([0, 2, -0.1, NaN])("topP %d is refused", (topP) => {
  expect(() => sampler({ topP })).toThrow(`topP is ${topP}, not a number above 0 and at most 1.`);
});

test("topP 0 is refused with its range", () => {
  expect(() => sampler({ topP: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: generate: topP is 0, not a number above 0 and at most 1.]`,
  );
});

test("topK 0 is refused", () => {
  expect(() => sampler({ topK: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: generate: topK is 0, not a whole number of at least 1.]`,
  );
});

test("topK 1.5 is refused", () => {
  expect(() => sampler({ topK: 1.5 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: generate: topK is 1.5, not a whole number of at least 1.]`,
  );
});

test("a seed that is no 32-bit whole number is refused", () => {
  expect(() => sampler({ seed: -1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: Rng: the seed is -1, not an integer in 0..4294967295.]`,
  );
});
