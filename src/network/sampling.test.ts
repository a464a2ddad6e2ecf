import * as fc from "fast-check";
import { expect, test } from "vitest";

import { sampler } from "./sampling.ts";
import type { IdSamplingOptions, SampledRow } from "./sampling.ts";

const logits = Float32Array.of(1, -0.5, 2, 0.3, -1, 1.4);

function softmax(values: ArrayLike<number>, temperature = 1): number[] {
  const weights = Array.from(values, (value) => Math.exp(value / temperature));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

/** A row that wrote `step` tokens, of which nothing else is asked. */
function at(row: number, step: number): SampledRow {
  return { row, prompt: [], written: Array.from({ length: step }, () => 0) };
}

const ascending = (a: number, b: number): number => a - b;

function counts(options: IdSamplingOptions, draws: number): number[] {
  const pick = sampler({ temperature: 1, ...options });
  const found = Array.from(logits, () => 0);
  for (let step = 0; step < draws; step++) found[pick(logits, at(0, step))]!++;
  return found;
}

test("temperature 0 picks the likeliest token, the first of equals", () => {
  expect(sampler()(logits, at(0, 0))).toBe(2);
  expect(sampler({ seed: 9 })(Float32Array.of(0, 3, 3), at(4, 5))).toBe(1);
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

test("bias and penalties count at temperature 0, and cuts do not", () => {
  const biased = sampler({ logitBias: new Map([[5, 0.7]]) });
  expect(biased(logits, at(0, 0))).toBe(5);
  const penalised = sampler({ repetitionPenalty: 2 });
  expect(penalised(logits, { row: 0, prompt: [2], written: [5] })).toBe(0);
  expect(sampler({ typicalP: 0.01 })(logits, at(0, 0))).toBe(2);
});

test("the logits given are left as they are", () => {
  const given = logits.slice();
  sampler({ temperature: 1, presencePenalty: 1, logitBias: new Map([[0, 1]]) })(given, at(0, 3));
  expect(given).toEqual(logits);
});

test("draws with all options on are as frequent as the definitions say", () => {
  const options = { temperature: 1.5, topK: 5, topP: 0.95, minP: 0.2, presencePenalty: 0.5 };
  const pick = sampler({ ...options, seed: 7 });
  const draws = 4000;
  const found = Array.from(logits, () => 0);
  for (let step = 1; step <= draws; step++) found[pick(logits, at(0, step))]!++;
  // token 0 was written: 0.5, -0.5, 2, 0.3, -1, 1.4; four of the five likeliest reach 0.95, and -0.5 has less than 0.2 of the best
  const p = softmax([0.5, 2, 0.3, 1.4], 1.5);
  const seen = [found[0]!, found[2]!, found[3]!, found[5]!];
  expect([found[1], found[4]]).toEqual([0, 0]);
  const chiSquare = seen
    .map((count, i) => (count - draws * p[i]!) ** 2 / (draws * p[i]!))
    .reduce((a, b) => a + b);
  // 3 degrees of freedom: a right sampler exceeds 16.3 for one seed in a thousand, and the seed is fixed
  expect(chiSquare).toBeLessThan(16.3);
});

test("one seed draws what it always drew", () => {
  const drawn = (options: IdSamplingOptions): string => {
    const pick = sampler({ temperature: 1, seed: 12, ...options });
    return Array.from({ length: 40 }, (_, step) => pick(logits, at(3, step))).join("");
  };
  expect([drawn({}), drawn({ topK: 4 }), drawn({ topP: 0.8 })]).toMatchInlineSnapshot(`
    [
      "2232225202422053152355235250025505252002",
      "5552220222022205202500253202253023505225",
      "5552220222522255252500250202220020255225",
    ]
  `);
});

test("what is drawn depends on seed, row and step and on nothing drawn before", () => {
  const draw = (seed: number, row: number): number[] => {
    const pick = sampler({ temperature: 2, seed });
    return Array.from({ length: 30 }, (_, step) => pick(logits, at(row, step)));
  };
  expect(draw(1, 0)).toEqual(draw(1, 0));
  expect(draw(1, 0)).not.toEqual(draw(2, 0));
  expect(draw(1, 0)).not.toEqual(draw(1, 1));
  const late = sampler({ temperature: 2, seed: 1 })(logits, at(0, 29));
  expect(late).toBe(draw(1, 0)[29]);
});

test("large logits do not overflow", () => {
  const pick = sampler({ temperature: 0.01 });
  expect(pick(Float32Array.of(1e4, -1e4, 9e3), at(0, 0))).toBe(0);
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

test.each([
  { minP: -0.1 },
  { minP: 1.5 },
  { typicalP: 0 },
  { typicalP: NaN },
  { repetitionPenalty: 0 },
  { repetitionPenalty: Infinity },
  { frequencyPenalty: Infinity },
  { presencePenalty: NaN },
])("%o is refused with its range", (options) => {
  expect(() => sampler(options)).toThrowErrorMatchingSnapshot();
});

test("a seed that is no 32-bit whole number is refused", () => {
  expect(() => sampler({ seed: -1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: Rng: the seed is -1, not an integer in 0..4294967295.]`,
  );
});
