import { assert, integer, property } from "fast-check";
import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import {
  apply,
  column,
  columnsOf,
  depthOf,
  derivativeOf,
  difference,
  number,
  power,
  product,
  quotient,
  sum,
  textOf,
  valueOf,
} from "./expression.ts";
import { lawNamed } from "./laws.ts";
import { randomLaw } from "./random-law.ts";

const [x, y] = [column("x"), column("y")];

test("derivatives of every operation equal those in the tables", () => {
  const at = { x: 0.6, y: 1.7 };
  const slope = (e: Parameters<typeof valueOf>[0]): number => valueOf(derivativeOf(e, "x"), at);
  expect(slope(quotient(y, x))).toBeCloseTo(-1.7 / 0.36, 12);
  expect(slope(power(x, 0.5))).toBeCloseTo(0.5 / Math.sqrt(0.6), 12);
  expect(slope(apply("log", product(x, y)))).toBeCloseTo(1 / 0.6, 12);
  expect(slope(apply("exp", difference(y, x)))).toBeCloseTo(-Math.exp(1.1), 12);
  expect(slope(apply("asin", x))).toBeCloseTo(1 / Math.sqrt(1 - 0.36), 12);
  expect(slope(apply("tanh", x))).toBeCloseTo(1 / Math.cosh(0.6) ** 2, 12);
});

test("what cannot change falls away from derivatives", () => {
  expect(textOf(derivativeOf(sum(product(number(3), x), y), "x"))).toBe("3");
  expect(textOf(derivativeOf(power(y, 3), "x"))).toBe("0");
  expect(textOf(derivativeOf(apply("sin", x), "x"))).toBe("cos(x)");
});

test("texts have just the brackets that their meaning needs", () => {
  expect(textOf(difference(x, difference(y, x)))).toBe("x - (y - x)");
  expect(textOf(difference(difference(x, y), x))).toBe("x - y - x");
  expect(textOf(quotient(x, product(y, x)))).toBe("x / (y * x)");
  expect(textOf(power(sum(x, y), 2))).toBe("(x + y) ^ 2");
  expect(textOf(power(power(x, 2), 3))).toBe("(x ^ 2) ^ 3");
  expect(textOf(product(number(-1), x))).toBe("(-1) * x");
  expect(textOf(lawNamed("projectile").formula)).toBe("speed ^ 2 * sin(2 * angle) / gravity");
});

test("a formula knows its depth and each of its columns once", () => {
  const e = sum(product(x, x), apply("sin", power(y, 2)));
  expect(columnsOf(e)).toEqual(["x", "y"]);
  expect(depthOf(e)).toBe(3);
  expect(depthOf(x)).toBe(0);
});

test("random laws stay within their depth, name two columns or more, and are differentiated rightly", () => {
  assert(
    property(integer({ min: 0, max: 2 ** 32 - 1 }), integer({ min: 2, max: 4 }), (seed, depth) => {
      const rng = new Rng(seed);
      const { formula, columns } = randomLaw(rng, { depth });
      const named = columnsOf(formula);
      expect(depthOf(formula)).toBeLessThanOrEqual(depth);
      expect(named.length).toBeGreaterThanOrEqual(2);
      const row = Object.fromEntries(columns.map(({ name }) => [name, 4 * rng.uniform() - 2]));
      for (const name of named) {
        const h = 1e-5;
        const up = valueOf(formula, { ...row, [name]: row[name]! + h });
        const down = valueOf(formula, { ...row, [name]: row[name]! - h });
        const slope = valueOf(derivativeOf(formula, name), row);
        // central differences: h^2 times third derivatives, which grow with the value itself
        const scale = 1 + Math.abs(slope) + Math.abs(up);
        expect(Math.abs((up - down) / (2 * h) - slope) / scale).toBeLessThan(1e-4);
      }
    }),
    { seed: 1, numRuns: 60 },
  );
});

test("random laws are the same for the same seed, and no formula is in both halves", () => {
  const texts = (split: "train" | "heldOut", seed: number): string[] => {
    const rng = new Rng(seed);
    return Array.from({ length: 60 }, () =>
      textOf(randomLaw(rng, { depth: 2, columns: 3, split }).formula),
    );
  };
  expect(texts("train", 5)).toEqual(texts("train", 5));
  const held = new Set(texts("heldOut", 1));
  expect(texts("train", 2).filter((text) => held.has(text))).toEqual([]);
  expect(held.size).toBeGreaterThan(5);
});

test("a sum or product the other way round is the same random formula", () => {
  const rng = new Rng(9);
  const formulas = Array.from({ length: 100 }, () => randomLaw(rng, { depth: 2 }).formula);
  const tops = formulas.flatMap((e) => (e.kind === "sum" || e.kind === "product" ? [e] : []));
  expect(tops.length).toBeGreaterThan(20);
  expect(tops.every(({ left, right }) => textOf(left) <= textOf(right))).toBe(true);
});

test("a random law of one column is refused", () => {
  expect(() => randomLaw(new Rng(1), { columns: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: randomLaw: columns is 1, not an integer of at least 2.]`,
  );
});
