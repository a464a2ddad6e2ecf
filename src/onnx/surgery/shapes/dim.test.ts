import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { Dim } from "./dim.ts";
import { broadcast, minus, over, plus, product, times } from "./dim.ts";

const NAMES: Readonly<Record<string, number>> = { batch: 3, pos: 7, past: 11 };

/** What a size is when its names have these numbers. */
function numberOf(dim: number | string): number {
  if (typeof dim === "number") return dim;
  return dim.split(/ (?=[+-] )/).reduce((sum, part) => {
    const [, sign, text] = /^([+-] |-)?(.*)$/.exec(part)!;
    const factors = text!.split("*").map((factor) => NAMES[factor] ?? Number(factor));
    const size = factors.reduce((a, b) => a * b, 1);
    return sum + (sign?.startsWith("-") ? -size : size);
  }, 0);
}

const leaf: fc.Arbitrary<Dim> = fc.oneof(
  fc.integer({ min: -5, max: 20 }),
  fc.constantFrom(...Object.keys(NAMES)),
);
const dim = fc
  .tuple(leaf, leaf, leaf)
  .map(([a, b, c]) => plus(times(a, b), c))
  .filter((made): made is number | string => made !== null);

test("sums, differences and products of names are those of what the names stand for", () => {
  fc.assert(
    fc.property(dim, dim, (a, b) => {
      for (const [made, expected] of [
        [plus(a, b), numberOf(a) + numberOf(b)],
        [minus(a, b), numberOf(a) - numberOf(b)],
        [times(a, b), numberOf(a) * numberOf(b)],
      ] as const) {
        expect(made === null || numberOf(made) === expected).toBe(true);
      }
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("what is multiplied and divided again is what it was, whatever the names stand for", () => {
  fc.assert(
    fc.property(dim, leaf, (a, b) => {
      fc.pre(b !== 0);
      const back = over(times(a, b), b);
      expect(back === null || minus(back, a) === 0).toBe(true);
    }),
    { seed: 2, numRuns: 500 },
  );
  expect(over("batch*pos", "pos")).toBe("batch");
  expect(over(product(["batch", "pos", 768]), product(["batch", 12, 64]))).toBe("pos");
});

test("equal sums have one text, and what cancels is gone", () => {
  expect(plus("past", "pos")).toBe("past + pos");
  expect(plus("pos", "past")).toBe("past + pos");
  expect(minus(plus("pos", 3), "pos")).toBe(3);
  expect(times(2, plus("pos", "pos"))).toBe("4*pos");
  expect(minus("pos", plus("past", 1))).toBe("-past + pos - 1");
});

test("what is not known stays unknown", () => {
  expect(over("pos", 2)).toBe(null);
  expect(over("pos + past", "pos")).toBe(null);
  expect(plus(null, 1)).toBe(null);
  expect(times(null, 0)).toBe(0);
  expect(broadcast(["a", 1], ["b", 5])).toEqual([null, 5]);
  expect(broadcast(["a", 1, 4], [1, "b", 1])).toEqual(["a", "b", 4]);
});

test("a text that is no sum of names is one thing", () => {
  expect(plus("floor(x / 2)", 1)).toBe("floor(x / 2) + 1");
  expect(minus("floor(x / 2)", "floor(x / 2)")).toBe(0);
});
