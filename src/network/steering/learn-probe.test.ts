import * as fc from "fast-check";
import { expect, test } from "vitest";

import { maxDifference } from "../../../test/tiny.ts";
import { Rng } from "../../core/rng.ts";
import { dot } from "./learn-linear.ts";
import { logisticRegression } from "./learn-probe.ts";
import type { Logistic } from "./learn-probe.ts";

function kinds(
  seed: number,
  { count = 12, width = 5, gap = 1 } = {},
): Record<"positive" | "negative", Float64Array[]> {
  const rng = new Rng(seed);
  const draw = (shift: number): Float64Array[] =>
    Array.from({ length: count }, () =>
      Float64Array.from(rng.normals(width), (x, i) => 3 * x + 7 + (i === 0 ? shift : 0)),
    );
  return { positive: draw(gap), negative: draw(-gap) };
}

/** The loss as the documentation says it, in other words than the source. */
function loss(
  { positive, negative }: ReturnType<typeof kinds>,
  { weight, bias }: Logistic,
  l2: number,
): number {
  const all = [...positive, ...negative];
  const centre = weight.map((_, i) => all.reduce((sum, row) => sum + row[i]!, 0) / all.length);
  const lengths = all.map((row) => row.reduce((sum, x, i) => sum + (x - centre[i]!) ** 2, 0));
  const scale = Math.sqrt(lengths.reduce((sum, x) => sum + x, 0) / all.length);
  const nats = all.map((row, i) => {
    const odds = dot(weight, row) + bias;
    return Math.log(1 + Math.exp(i < positive.length ? -odds : odds));
  });
  const penalty = (l2 / 2) * scale ** 2 * dot(weight, weight);
  return nats.reduce((sum, x) => sum + x, 0) / all.length + penalty;
}

test("no change of any weight or of the bias lowers the penalised loss", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1e6 }),
      fc.constantFrom(0.001, 0.01, 1),
      fc.constantFrom(0, 1, 20), // kinds that overlap fully, in part, not at all
      (seed, l2, gap) => {
        const given = kinds(seed, { gap });
        const fitted = logisticRegression(given.positive, given.negative, l2);
        const least = loss(given, fitted, l2);
        for (const step of [1e-4, -1e-4]) {
          for (const i of fitted.weight.keys()) {
            const weight = fitted.weight.with(i, fitted.weight[i]! + step);
            expect(loss(given, { ...fitted, weight }, l2)).toBeGreaterThan(least - 1e-13);
          }
          const bias = fitted.bias + step;
          expect(loss(given, { ...fitted, bias }, l2)).toBeGreaterThan(least - 1e-13);
        }
      },
    ),
    { seed: 5, numRuns: 40 },
  );
});

test("neither the order of the texts nor the units of activations matter", () => {
  const { positive, negative } = kinds(3);
  const { weight, bias } = logisticRegression(positive, negative, 0.01);
  const turned = logisticRegression(positive.toReversed(), negative.toReversed(), 0.01);
  expect(maxDifference(weight, turned.weight)).toBeLessThan(1e-8);
  const double = (rows: Float64Array[]): Float64Array[] => rows.map((row) => row.map((x) => 2 * x));
  const scaled = logisticRegression(double(positive), double(negative), 0.01);
  expect(
    maxDifference(
      weight,
      scaled.weight.map((x) => 2 * x),
    ),
  ).toBeLessThan(1e-8);
  expect(scaled.bias).toBeCloseTo(bias, 7);
});

test("a wide probe of few texts that lie apart is finite and puts them all on their sides", () => {
  const { positive, negative } = kinds(8, { count: 6, width: 300, gap: 5 });
  const { weight, bias } = logisticRegression(positive, negative, 0.01);
  expect(positive.every((row) => dot(row, weight) + bias > 0)).toBe(true);
  expect(negative.every((row) => dot(row, weight) + bias < 0)).toBe(true);
});
