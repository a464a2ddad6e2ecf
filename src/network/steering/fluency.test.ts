import * as fc from "fast-check";
import { expect, test } from "vitest";

import { tinyNetwork } from "../../../test/tiny.ts";
import { collapseOf, neutralPassages, perplexities, repetition } from "./fluency.ts";

const bounds = { perplexity: 2, repetition: 0.3 };
const texts = [
  [3, 1, 4, 1, 5],
  [9, 2, 6],
  [5, 3, 5, 8, 9, 7, 9, 3],
];

test.each<[string, readonly number[], number]>([
  ["no token twice", [1, 2, 3, 4, 5, 6, 7], 0],
  ["one token again and again", [7, 7, 7, 7, 7, 7, 7], 0.75], // 4 pieces, 1 of its kind
  ["a loop of two", [1, 2, 1, 2, 1, 2, 1, 2], 0.6], // 5 pieces, 2 of their kinds
  ["the same four tokens at both ends", [1, 2, 3, 4, 9, 1, 2, 3, 4], 1 / 6],
  ["as many tokens as a piece has", [1, 1, 1, 1], 0],
  ["nothing", [], 0],
])("a text with %s has the repetition that is counted by hand", (_, ids, expected) => {
  expect(repetition(ids)).toBeCloseTo(expected, 12);
});

test("repetition is a share, and the more a text is repeated the larger", () => {
  const property = fc.property(
    fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 12 }),
    fc.integer({ min: 1, max: 5 }),
    (ids, n) => {
      const once = repetition(ids, n);
      const twice = repetition([...ids, ...ids, ...ids], n);
      expect(once).toBeGreaterThanOrEqual(0);
      expect(twice).toBeLessThan(1);
      expect(twice).toBeGreaterThanOrEqual(once);
    },
  );
  fc.assert(property, { seed: 4, numRuns: 200 });
});

test("at strength 0 the perplexity is the plain network's, from its logits in float64", async () => {
  const net = await tinyNetwork("gpt2");
  const passages = neutralPassages(net, texts);
  const site = "blocks.0.resid_post";
  const vector = Array.from({ length: 16 }, (_, i) => Math.sin(i));
  const doses = { interventions: [{ kind: "add", site, vector } as const], strengths: [0, 3] };
  const [at0, at3] = await perplexities(net, doses, passages, {});
  let nats = 0;
  let tokens = 0;
  for (const ids of texts) {
    const logits = await (await net.run(ids)).logits.numbers();
    for (let i = Math.ceil(ids.length / 2); i < ids.length; i++) {
      const row = Array.from(logits.subarray((i - 1) * 23, i * 23));
      nats += Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[ids[i]!]!;
      tokens += 1;
    }
  }
  const expected = Math.exp(nats / tokens);
  // 1e-6: float32 logits of a batch with padding against those of single rows
  expect(Math.abs(at0! / expected - 1)).toBeLessThan(1e-6);
  expect(Math.abs(at3! / expected - 1)).toBeGreaterThan(1e-3);
});

test("the collapse is the first strength outward at which one of the bounds is exceeded", () => {
  const plain = { strength: 0, perplexity: 10, repetition: 0.1 };
  const at = (strength: number, perplexity: number, repeated = 0.1) => ({
    strength,
    perplexity,
    repetition: repeated,
  });
  const points = [at(-2, 21), at(-1, 30), plain, at(1, 20, 0.4), at(2, 12, 0.41), at(4, 99)];
  expect(collapseOf(points, plain, bounds, 1)).toBe(2);
  expect(collapseOf(points, plain, bounds, -1)).toBe(-1);
  expect(collapseOf(points.slice(0, 4), plain, bounds, 1)).toBeUndefined();
});

test("without neutral texts, or with one of a single token, there is nothing to measure", async () => {
  const net = await tinyNetwork("gpt2");
  expect(() => neutralPassages(net, [])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: doseCurve: there are no neutral texts, so what the interventions harm cannot be measured.
      fix: give texts of a sentence or more that have nothing to do with the effect.]
  `);
  expect(() => neutralPassages(net, [[1, 2], [3]])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: doseCurve: neutral text 1 has fewer than two tokens, so there is nothing to score.
      fix: give texts of a sentence or more that have nothing to do with the effect.]
  `);
});
