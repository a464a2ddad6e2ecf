// Arithmetic on directions: vectors of one width, in activation units. Sums are taken in float64.

import { PatchClampError } from "../core/errors.ts";

/** A vector in the space of a site. */
export type Direction = Float32Array;

/** The sum of directions. */
export function addDirections(...directions: readonly Direction[]): Direction {
  const width = widthOf("addDirections", directions);
  return fill(width, (i) => directions.reduce((sum, direction) => sum + direction[i]!, 0));
}

/** A direction times a number. */
export function scaleDirection(direction: Direction, factor: number): Direction {
  return direction.map((x) => x * factor);
}

/** The mean of directions. */
export function meanDirection(directions: readonly Direction[]): Direction {
  return scaleDirection(addDirections(...directions), 1 / directions.length);
}

/** The length of a direction, in activation units. */
export function normOf(direction: ArrayLike<number>): number {
  return Math.sqrt(dot(direction, direction));
}

/**
 * The direction with length 1.
 *
 * @throws PatchClampError `BAD_INPUT` when it is zero and points nowhere
 */
export function normaliseDirection(direction: Direction): Direction {
  const norm = normOf(direction);
  if (norm > 0) return direction.map((x) => x / norm);
  throw new PatchClampError("BAD_INPUT", {
    where: "normaliseDirection",
    problem: "the direction is zero, so it points nowhere.",
  });
}

/** The cosine of the angle between two directions, in -1..1; 0 where one of them is zero. */
export function cosine(a: Direction, b: Direction): number {
  widthOf("cosine", [a, b]);
  const norms = normOf(a) * normOf(b);
  return norms === 0 ? 0 : dot(a, b) / norms;
}

/**
 * What is left of a direction when its part in the span of others is taken out.
 *
 * @param others - need be neither orthogonal nor independent
 * @returns a direction that is orthogonal to all others; zero when it lies in their span
 */
export function orthogonalise(direction: Direction, others: readonly Direction[]): Direction {
  widthOf("orthogonalise", [direction, ...others]);
  return Float32Array.from(remainder(direction, orthonormal(others)));
}

/** Parts of a unit vector that are this small are rounding: it lies in the span of the others. */
const NOTHING = 1e-6;

/**
 * Orthonormal vectors with the span of these, by the modified Gram-Schmidt process, twice each.
 *
 * @returns as many as given; zeros in place of those that the ones before them span
 * @source Giraud, Langou & Rozložník 2005, "The loss of orthogonality in the Gram-Schmidt orthogonalization process" (twice is enough)
 */
export function orthonormal(directions: readonly ArrayLike<number>[]): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const direction of directions) {
    const left = remainder(direction, basis);
    const norm = normOf(left);
    const isNew = norm > NOTHING * normOf(direction);
    basis.push(left.map((x) => (isNew ? x / norm : 0)));
  }
  return basis;
}

function remainder(direction: ArrayLike<number>, basis: readonly Float64Array[]): Float64Array {
  const left = Float64Array.from(direction);
  for (const unit of [...basis, ...basis]) {
    const part = dot(left, unit);
    for (let i = 0; i < left.length; i++) left[i]! -= part * unit[i]!;
  }
  return left;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function fill(width: number, value: (i: number) => number): Direction {
  return Float32Array.from({ length: width }, (_, i) => value(i));
}

function widthOf(where: string, directions: readonly Direction[]): number {
  const width = directions[0]?.length;
  const other = directions.find(({ length }) => length !== width);
  if (width !== undefined && other === undefined) return width;
  throw new PatchClampError(width === undefined ? "BAD_INPUT" : "SHAPE_MISMATCH", {
    where,
    problem:
      width === undefined
        ? "no directions were given."
        : `one direction has ${width} numbers, another ${other!.length}.`,
    fix: "give directions of one site.",
  });
}
