// A linear read-out of features, found in closed form: how well classes can be told apart by weighing a network's numbers.

/** Vectors of one length with the number of the class that each belongs to. */
export interface LabelledFeatures {
  readonly features: readonly Float32Array[];
  readonly labels: readonly number[];
}

/**
 * Fits one linear score for each class by ridge regression on 1 for its members and 0 for the others.
 *
 * @param penalty - added to the variance of every feature, as a share of the mean variance
 * @returns the class with the highest score
 */
export function linearReadout(
  { features, labels }: LabelledFeatures,
  penalty = 1e-3,
): (features: Float32Array) => number {
  const size = features[0]!.length;
  const classes = Math.max(...labels) + 1;
  const mean = Float64Array.from(
    { length: size },
    (_, i) => features.reduce((sum, x) => sum + x[i]!, 0) / features.length,
  );

  // rows of the covariance, and beside each what it has in common with the classes
  const rows = Array.from({ length: size }, () => new Float64Array(size + classes));
  for (const [n, x] of features.entries()) {
    const centred = Float64Array.from(x, (value, i) => (value - mean[i]!) / features.length);
    for (const [i, row] of rows.entries()) {
      for (let j = 0; j < size; j++) row[j]! += (x[i]! - mean[i]!) * centred[j]!;
      row[size + labels[n]!]! += centred[i]!;
    }
  }
  const trace = rows.reduce((sum, row, i) => sum + row[i]!, 0);
  for (const [i, row] of rows.entries()) row[i]! += (penalty * trace) / size;
  const weights = solve(rows);

  const shares = Array.from(
    { length: classes },
    (_, c) => labels.filter((label) => label === c).length / labels.length,
  );
  return (x) => {
    const scores = shares.map((share, c) =>
      weights.reduce((sum, row, i) => sum + row[c]! * (x[i]! - mean[i]!), share),
    );
    return scores.indexOf(Math.max(...scores));
  };
}

/**
 * Solves linear equations by Gaussian elimination, without exchanging rows: for positive definite matrices.
 *
 * @param rows - the matrix, and behind each of its rows the right-hand sides; overwritten
 * @returns the solutions, a row for each unknown
 */
function solve(rows: readonly Float64Array[]): Float64Array[] {
  const size = rows.length;
  for (const [i, pivot] of rows.entries()) {
    const scale = 1 / pivot[i]!;
    for (let j = i; j < pivot.length; j++) pivot[j]! *= scale;
    for (const [k, row] of rows.entries()) {
      const factor = row[i]!;
      if (k === i || factor === 0) continue;
      for (let j = i; j < row.length; j++) row[j]! -= factor * pivot[j]!;
    }
  }
  return rows.map((row) => row.slice(size));
}
