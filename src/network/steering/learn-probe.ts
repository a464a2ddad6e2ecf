// A linear probe by logistic regression. Its loss is strictly convex, so there is one answer, and no seed has a say in it.

import type { Rows } from "./learn-linear.ts";
import { dot, meanRow, weightedSum } from "./learn-linear.ts";

/** A fitted read-out: the log-odds of the positive kind are `weight · x + bias`. */
export interface Logistic {
  readonly weight: Float64Array;
  readonly bias: number;
}

/** Newton steps; a handful reach rounding. */
const NEWTON_STEPS = 50;

/** A gradient this small, in nats for activations of typical length 1, is rounding. */
const SMALL = 1e-9;

/**
 * Logistic regression with an L2 penalty, by Newton's method, in float64.
 *
 * Each Newton step is solved by conjugate gradients, which need the Hessian's products alone: it is never written down, so that wide
 * activations cost no more than their number.
 *
 * @param l2 - how much a weight of length 1 costs, in nats a text, for activations of typical length 1 about their mean; above 0. The
 * bias costs nothing
 * @source Komarek & Moore 2005, "Making logistic regression a core data mining tool with TR-IRLS" (conjugate gradients within Newton)
 */
export function logisticRegression(positive: Rows, negative: Rows, l2: number): Logistic {
  const raw = [...positive, ...negative];
  const centre = meanRow(raw);
  const centred = raw.map((row) => centre.map((mean, i) => row[i]! - mean));
  const scale = Math.sqrt(centred.reduce((sum, row) => sum + dot(row, row), 0) / raw.length);
  // one scale for all units, so that the penalty knows no units; the last column is the bias's
  const rows = centred.map((row) => Float64Array.from([...row.map((x) => x / scale), 1]));
  const signs = raw.map((_, i) => (i < positive.length ? 1 : -1));
  const fitted = minimise({ rows, signs, l2 });
  const weight = fitted.slice(0, -1).map((w) => w / scale);
  return { weight, bias: fitted.at(-1)! - dot(weight, centre) };
}

interface Problem {
  readonly rows: readonly Float64Array[];
  /** 1 for the positive kind, -1 for the other. */
  readonly signs: readonly number[];
  readonly l2: number;
}

/** mean softplus(-sign * row · w) + l2 / 2 |w|², the last weight left out of the penalty. */
function lossOf({ rows, signs, l2 }: Problem, w: Float64Array): number {
  const nats = rows.reduce((sum, row, i) => sum + softplus(-signs[i]! * dot(row, w)), 0);
  return nats / rows.length + (l2 / 2) * (dot(w, w) - w.at(-1)! ** 2);
}

function minimise(problem: Problem): Float64Array {
  const { rows, signs, l2 } = problem;
  const penalised = (w: Float64Array): Float64Array =>
    w.map((x, i) => (i === w.length - 1 ? 0 : l2 * x));
  let w: Float64Array = new Float64Array(rows[0]!.length);
  for (let step = 0; step < NEWTON_STEPS; step++) {
    const wrong = rows.map((row, i) => sigmoid(-signs[i]! * dot(row, w)));
    const slope = weightedSum(
      rows,
      wrong.map((p, i) => (-signs[i]! * p) / rows.length),
    );
    const gradient = added(slope, penalised(w), 1);
    if (Math.sqrt(dot(gradient, gradient)) < SMALL) break;
    const curvatures = wrong.map((p) => (p * (1 - p)) / rows.length);
    const hessian = (v: Float64Array): Float64Array =>
      added(
        weightedSum(
          rows,
          rows.map((row, i) => curvatures[i]! * dot(row, v)),
        ),
        penalised(v),
        1,
      );
    const direction = solve(hessian, gradient);
    const next = descend(problem, { w, direction, slope: dot(gradient, direction) });
    if (next === undefined) break;
    w = next;
  }
  return w;
}

/** A step against the direction that lowers the loss as far as its slope promises; undefined where rounding hides any. */
function descend(
  problem: Problem,
  { w, direction, slope }: { w: Float64Array; direction: Float64Array; slope: number },
): Float64Array | undefined {
  const before = lossOf(problem, w);
  for (let length = 1; length > 1e-6; length /= 2) {
    const next = added(w, direction, -length);
    if (lossOf(problem, next) <= before - 1e-4 * length * slope) return next;
  }
  return undefined;
}

/** x with A x = b for a symmetric, positive definite A, by conjugate gradients. */
function solve(product: (v: Float64Array) => Float64Array, b: Float64Array): Float64Array {
  let x: Float64Array = new Float64Array(b.length);
  let residual = b;
  let direction = b;
  let size = dot(residual, residual);
  const enough = size * 1e-20;
  for (let step = 0; step < 2 * b.length && size > enough; step++) {
    const image = product(direction);
    const length = size / dot(direction, image);
    x = added(x, direction, length);
    residual = added(residual, image, -length);
    const next = dot(residual, residual);
    direction = added(residual, direction, next / size);
    size = next;
  }
  return x;
}

/** a + factor * b */
function added(a: Float64Array, b: Float64Array, factor: number): Float64Array {
  return a.map((x, i) => x + factor * b[i]!);
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
