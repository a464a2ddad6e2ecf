// Directions that are read off activations, and how well a direction tells two kinds of them apart. In float64.

/** Rows of one width. */
export type Rows = readonly ArrayLike<number>[];

/** The product of two vectors. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** The sum of rows, each times its factor. */
export function weightedSum(rows: Rows, factors: ArrayLike<number>): Float64Array {
  const sum = new Float64Array(rows[0]!.length);
  for (const [r, row] of rows.entries()) {
    const factor = factors[r]!;
    for (let i = 0; i < sum.length; i++) sum[i]! += factor * row[i]!;
  }
  return sum;
}

/** The mean of rows. */
export function meanRow(rows: Rows): Float64Array {
  return weightedSum(
    rows,
    rows.map(() => 1 / rows.length),
  );
}

/** Half the way from the mean of the negative rows to that of the positive ones. */
export function halfDifference(positive: Rows, negative: Rows): Float64Array {
  const below = meanRow(negative);
  return meanRow(positive).map((x, i) => (x - below[i]!) / 2);
}

/** The part of a vector that lies along another, of any length above 0. */
export function partAlong(vector: ArrayLike<number>, along: Float64Array): Float64Array {
  const share = dot(vector, along) / dot(along, along);
  return along.map((x) => x * share);
}

/** A first principal component. */
export interface Principal {
  /** Of length 1; which of the two ways it points is open. */
  readonly unit: Float64Array;
  /** Share of the sum of squares that lies along it, 0..1. */
  readonly explained: number;
}

/** More steps than two components take that differ by a hundredth; of components more alike than that, a mixture does as well. */
const POWER_STEPS = 2000;

/** Components whose cosine is closer to 1 than this are the same. */
const SAME = 1e-13;

/**
 * The first principal component of differences, by the power method.
 *
 * About zero, not about their mean: a difference of a pair and its opposite, from the pair told the other way round, are equally good, and
 * together they have the mean zero. About their mean, what all pairs have in common would be lost.
 *
 * @param differences - not all zero
 * @param start - where the power method starts; not orthogonal to the component
 */
export function principalComponent(differences: Rows, start: Float64Array): Principal {
  const total = differences.reduce((sum, row) => sum + dot(row, row), 0);
  let unit = unitOf(start);
  let explained = 0;
  for (let step = 0; step < POWER_STEPS; step++) {
    const components = differences.map((row) => dot(row, unit));
    explained = dot(components, components) / total;
    const image = weightedSum(differences, components);
    // the start may lie outside the span of the differences
    if (dot(image, image) === 0) break;
    const next = unitOf(image);
    const change = 1 - dot(next, unit);
    unit = next;
    if (change < SAME) break;
  }
  return { unit, explained };
}

function unitOf(vector: Float64Array): Float64Array {
  const norm = Math.sqrt(dot(vector, vector));
  return vector.map((x) => x / norm);
}

/** How far apart two kinds of activations lie along a direction. */
export interface Separation {
  /** How often a positive text lies further along than a negative one, 0..1; ties count half. 0.5 is chance. */
  readonly auc: number;
  /** Distance of the two means, in standard deviations within a kind; Infinity where there is no spread. */
  readonly distance: number;
}

/** How well a direction tells two kinds of activations apart. */
export function separation(
  direction: ArrayLike<number>,
  positive: Rows,
  negative: Rows,
): Separation {
  const above = positive.map((row) => dot(row, direction));
  const below = negative.map((row) => dot(row, direction));
  const wins = above.reduce(
    (sum, x) => sum + below.reduce((won, y) => won + (x > y ? 1 : x === y ? 0.5 : 0), 0),
    0,
  );
  const mean = (xs: readonly number[]): number => xs.reduce((sum, x) => sum + x, 0) / xs.length;
  const spread = (xs: readonly number[]): number => mean(xs.map((x) => (x - mean(xs)) ** 2));
  const gap = mean(above) - mean(below);
  const deviation = Math.sqrt((spread(above) + spread(below)) / 2);
  return {
    auc: wins / (above.length * below.length),
    distance: gap === 0 ? 0 : gap / deviation,
  };
}
