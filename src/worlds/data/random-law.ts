// Made-up laws: formulas of bounded depth, drawn until every column they name has a say.

import { Rng } from "../../core/rng.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { drawWithin, splits } from "../split.ts";
import type { Split } from "../split.ts";
import {
  apply,
  column,
  columnsOf,
  derivativeOf,
  difference,
  number,
  power,
  product,
  sum,
  textOf,
  valueOf,
} from "./expression.ts";
import type { Expression } from "./expression.ts";
import type { Law } from "./laws.ts";

export interface RandomLawOptions {
  /** Operations between the root and the deepest leaf at most, at least 2; 3 by default. */
  depth?: number;
  /** Columns that the formula may name, at least 2; 4 by default. It names at least two of them. */
  columns?: number;
  /** Which half of all formulas, by their text; `train` by default. */
  split?: Split;
}

/** A made-up law and what decides its half. */
export interface RandomLaw extends Law {
  readonly key: string;
}

/** How much a column must move the target, as a share of the target's own spread. */
const leastSay = 0.05;

/**
 * Makes up a law over the columns x0, x1, ... in -2..2, from sums, differences, products, squares, sines, cosines and tanh.
 *
 * @param rng - advances by one word; the same state gives the same law
 * @throws PatchClampError `BAD_OPTION` when `depth` or `columns` is no integer of at least 2, or `split` is unknown
 */
export function randomLaw(rng: Rng, options: RandomLawOptions = {}): RandomLaw {
  const { depth = 3, columns = 4, split = "train" } = options;
  requireAtLeast("randomLaw", "depth", depth, 2);
  requireAtLeast("randomLaw", "columns", columns, 2);
  requireOneOf("randomLaw", "split", split, splits);

  const own = new Rng(rng.word());
  const names = Array.from({ length: columns }, (_, i) => `x${i}`);
  const { formula, key } = drawWithin(split, () => drawTelling(own, names, depth));
  return {
    name: key,
    target: { name: "y", unit: "1" },
    columns: names.map((name) => ({ name, unit: "1", range: [-2, 2] })),
    formula,
    key,
  };
}

function drawTelling(rng: Rng, names: readonly string[], depth: number) {
  for (;;) {
    const formula = drawFormula(rng, names, depth);
    if (hasSay(formula, names)) return { formula, key: `law|${textOf(formula)}` };
  }
}

function drawFormula(rng: Rng, names: readonly string[], depth: number): Expression {
  const isLeaf = depth === 0 || rng.uniform() < 0.15;
  if (isLeaf) {
    return rng.uniform() < 0.2 ? number((5 + rng.below(16)) / 10) : column(rng.pick(names));
  }
  const branch = (): Expression => drawFormula(rng, names, depth - 1);
  const kind = rng.pick([
    "sum",
    "difference",
    "product",
    "product",
    "sin",
    "cos",
    "tanh",
    "square",
  ] as const);
  if (kind === "sum") return sum(...inOrder(branch(), branch()));
  if (kind === "difference") return difference(branch(), branch());
  if (kind === "product") return product(...inOrder(branch(), branch()));
  if (kind === "square") return power(branch(), 2);
  return apply(kind, branch());
}

/** Two operands in the order of their texts, so that `a * b` and `b * a` are one formula, in one half. */
const inOrder = (a: Expression, b: Expression): [Expression, Expression] =>
  textOf(a) <= textOf(b) ? [a, b] : [b, a];

/** Whether a formula names two columns or more, and the target follows each: on average and in units of its spread. */
function hasSay(formula: Expression, names: readonly string[]): boolean {
  const named = columnsOf(formula);
  if (named.length < 2) return false;
  const rows = probeRows(names);
  const values = rows.map((row) => valueOf(formula, row));
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const spread = Math.hypot(...values.map((v) => v - mean)) / Math.sqrt(values.length);
  if (!(spread > 0.1 && spread < 100)) return false;
  return named.every((name) => {
    const slope = derivativeOf(formula, name);
    const pull =
      rows.reduce((total, row) => total + Math.abs(valueOf(slope, row)), 0) / rows.length;
    return pull > leastSay * spread;
  });
}

/** The same 64 rows for every formula over the same columns. */
function probeRows(names: readonly string[]): Record<string, number>[] {
  const rng = new Rng(0x1a3);
  return Array.from({ length: 64 }, () =>
    Object.fromEntries(names.map((name) => [name, 4 * rng.uniform() - 2])),
  );
}
