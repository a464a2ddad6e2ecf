// Random directions at right angles.

import type { Rng } from "../../core/rng.ts";

/**
 * Draws orthonormal vectors, each such set as likely as its rotations (Gram and Schmidt on normal vectors, twice, which
 * keeps them at right angles to the last digits).
 *
 * @param count - at most `dimension`
 * @returns [count, dimension]
 */
export function orthonormalRows(rng: Rng, count: number, dimension: number): Float32Array {
  const rows = Float64Array.from({ length: count * dimension }, () => rng.normal());
  for (let i = 0; i < count; i++) {
    const row = rows.subarray(i * dimension, (i + 1) * dimension);
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const other = rows.subarray(j * dimension, (j + 1) * dimension);
        const along = row.reduce((total, value, k) => total + value * other[k]!, 0);
        row.forEach((value, k) => (row[k] = value - along * other[k]!));
      }
    }
    const length = Math.hypot(...row);
    row.forEach((value, k) => (row[k] = value / length));
  }
  return Float32Array.from(rows);
}

/** Adds `weight` times row `index` of `rows` [n, dimension] to `to`, [dimension]. */
export function addRow(to: Float32Array, rows: Float32Array, index: number, weight: number): void {
  const dimension = to.length;
  for (let k = 0; k < dimension; k++) to[k]! += weight * rows[index * dimension + k]!;
}
