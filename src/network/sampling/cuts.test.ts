import { readFile } from "node:fs/promises";

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { candidates } from "./cuts.ts";
import type { Cuts } from "./cuts.ts";
import { argmax } from "./largest.ts";
import { penalise } from "./penalties.ts";

/** Probabilities by id, 0 for what was cut. */
function probabilities(logits: Float32Array, temperature: number, cuts: Cuts): number[] {
  const { ids, weights } = candidates(logits, { best: argmax(logits), temperature, cuts });
  const total = weights.reduce((a, b) => a + b);
  const found = Array.from(logits, () => 0);
  for (const [i, id] of ids.entries()) found[id] = weights[i]! / total;
  return found;
}

function softmax(logits: readonly number[]): number[] {
  const most = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - most));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / total);
}

/** Keeps the first ids of an order, by a slow and plain rule: add one after the other until the share is reached. */
function untilShare(order: readonly number[], p: readonly number[], share: number): Set<number> {
  const kept = new Set<number>();
  let sum = 0;
  for (const id of order) {
    if (sum >= share) break;
    kept.add(id);
    sum += p[id]!;
  }
  return kept;
}

const allLogits = fc
  .uniqueArray(fc.integer({ min: -600, max: 600 }), { minLength: 2, maxLength: 200 })
  .map((logits) => logits.map((logit) => logit / 100));
const shares = fc.double({ min: 0.01, max: 0.99, noNaN: true });

type Kept = (p: readonly number[], share: number) => Set<number>;

const references: [keyof Cuts, Kept][] = [
  [
    "topP",
    (p, share) =>
      untilShare(
        [...p.keys()].toSorted((a, b) => p[b]! - p[a]!),
        p,
        share,
      ),
  ],
  ["minP", (p, share) => new Set([...p.keys()].filter((id) => p[id]! >= share * Math.max(...p)))],
  [
    "typicalP",
    (p, share) => {
      const entropy = -p.reduce((sum, q) => sum + q * Math.log(q), 0);
      const distance = p.map((q) => Math.abs(-Math.log(q) - entropy));
      const order = [...p.keys()].toSorted((a, b) => distance[a]! - distance[b]!);
      return untilShare(order, p, share);
    },
  ],
];

test.each(references)("%s keeps what its definition says", (name, kept) => {
  fc.assert(
    fc.property(allLogits, shares, (logits, share) => {
      const found = probabilities(Float32Array.from(logits), 1, { [name]: share });
      const p = softmax(Array.from(Float32Array.from(logits)));
      const expected = kept(p, share);
      expect(found.flatMap((q, id) => (q > 0 ? [id] : []))).toEqual(
        [...expected].toSorted((a, b) => a - b),
      );
    }),
    { seed: 3 },
  );
});

test("a share that only more than the first look reaches is reached", () => {
  const logits = Float32Array.from({ length: 5000 }, (_, i) => i / 5000);
  const kept = (topP: number): number =>
    probabilities(logits, 1e6, { topP }).filter(Boolean).length;
  // at this temperature all are equally likely
  expect(kept(0.9)).toBe(4500);
  expect(kept(0.01)).toBe(50);
});

test("a cut sees what the cut before it left", () => {
  const logits = Float32Array.of(3, 2, 1, 0, -1, -2);
  const p = softmax([3, 2, 1]);
  const both = probabilities(logits, 1, { topK: 3, topP: p[0]! + p[1]! + 0.001 });
  expect(both.filter(Boolean)).toHaveLength(3);
});

test("the likeliest token is kept by the strictest cuts but typicalP", () => {
  const logits = Float32Array.of(0, 5, 4.9, 4.8);
  expect(probabilities(logits, 1, { topK: 1 })).toEqual([0, 1, 0, 0]);
  expect(probabilities(logits, 1, { topP: 1e-9 })).toEqual([0, 1, 0, 0]);
  expect(probabilities(logits, 1, { minP: 1 })).toEqual([0, 1, 0, 0]);
  expect(probabilities(logits, 1, { typicalP: 1e-9 })).toEqual([0, 0, 1, 0]);
});

test("tokens of no probability are cut first", () => {
  const logits = Float32Array.of(-Infinity, 1, 1, -Infinity);
  for (const cuts of [{ topP: 0.99 }, { minP: 0.01 }, { typicalP: 0.99 }]) {
    expect(probabilities(logits, 1, cuts)).toEqual([0, 0.5, 0.5, 0]);
  }
});

interface Case {
  readonly options: Cuts & {
    readonly temperature: number;
    readonly logitBias?: [number, number][];
    readonly repetitionPenalty?: number;
  };
  readonly tokens: number[];
  readonly logits: number[];
  readonly scores: (number | null)[];
}

const { cases } = JSON.parse(
  await readFile(new URL("../../../test/golden/sampling/cases.json", import.meta.url), "utf8"),
) as { cases: Case[] };

describe("as transformers does it", () => {
  test.each(cases.map((golden) => [JSON.stringify(golden.options), golden] as const))(
    "%s",
    (_, { options, tokens, logits: given, scores }) => {
      const logits = Float32Array.from(given);
      penalise(
        logits,
        { prompt: tokens, written: [] },
        { ...options, logitBias: new Map(options.logitBias) },
      );
      const found = probabilities(logits, options.temperature, options);
      const expected = softmax(scores.map((score) => score ?? -Infinity));
      expect(found.map((p) => p > 0)).toEqual(expected.map((p) => p > 0));
      // recorded scores have 6 digits after the point
      for (const [id, p] of expected.entries()) expect(Math.abs(found[id]! - p)).toBeLessThan(2e-6);
    },
  );
});
