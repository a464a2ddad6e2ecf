// How features lie in a space with fewer dimensions than there are features.

/** What directions say of the features that they stand for. */
export interface FeatureGeometry {
  /** Length of each direction: about 1 where a feature is represented, about 0 where it is not. */
  readonly norms: readonly number[];
  /** Cosine of every pair of directions, [features][features]; 0 where one of them has no length. */
  readonly cosines: readonly (readonly number[])[];
  /** What other features write along each: the sum of their squared dot products with its unit vector. */
  readonly interference: readonly number[];
  /** The part of a dimension that each has to itself: 1 when it is alone, 1/2 in an antipodal pair. */
  readonly dimensionality: readonly number[];
}

/**
 * Measures directions against each other.
 *
 * @param directions - one a feature, all of one length: [features][hidden]
 * @source Elhage et al. 2022, arXiv:2209.10652, sections 3 (norms, interference) and 4 (dimensionality)
 */
export function featureGeometry(directions: readonly ArrayLike<number>[]): FeatureGeometry {
  const dots = directions.map((w) => directions.map((v) => dot(w, v)));
  const norms = dots.map((row, i) => Math.sqrt(row[i]!));
  const along = (i: number, j: number): number => (norms[i] === 0 ? 0 : dots[i]![j]! / norms[i]!);
  const interference = norms.map((_, i) =>
    norms.reduce((sum, __, j) => sum + (i === j ? 0 : along(i, j) ** 2), 0),
  );
  return {
    norms,
    cosines: norms.map((_, i) => norms.map((norm, j) => (norm === 0 ? 0 : along(i, j) / norm))),
    interference,
    // D = |w|^2 / (|w|^2 + interference)
    dimensionality: norms.map((norm, i) =>
      norm === 0 ? 0 : norm ** 2 / (norm ** 2 + interference[i]!),
    ),
  };
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
