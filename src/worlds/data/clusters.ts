// Points in groups: around centres, or in flat subspaces of which the bases are known.

import { Rng } from "../../core/rng.ts";
import { requireAtLeast } from "../_options.ts";
import { requireBetween } from "./_options.ts";
import { addRow, orthonormalRows } from "./_orthonormal.ts";

export interface MixtureOptions {
  /** At least 1; 256 by default. */
  points?: number;
  /** Numbers in a point, at least 1; 2 by default. */
  dimension?: number;
  /** At least 1; 4 by default. */
  clusters?: number;
  /** Least distance of two centres, in standard deviations of a cluster; at least 0, 6 by default. */
  separation?: number;
  /** Exponent of Zipf's law for the clusters' sizes, at least 0; 0, all alike, by default. */
  zipf?: number;
}

/** Points around centres, with standard deviation 1 in every direction. */
export interface Mixture {
  /** [point, dimension] */
  readonly values: Float32Array;
  /** [point]: the cluster. */
  readonly labels: Int32Array;
  /** [cluster, dimension] */
  readonly centres: Float32Array;
  /** [cluster]: chances, which sum to 1. */
  readonly weights: Float32Array;
  /** [point, cluster]: the chance of each cluster, given the point and all else. */
  readonly posteriors: Float32Array;
}

/**
 * Draws points from a mixture of round normal distributions.
 *
 * @param rng - advances by one word; the same state gives the same points
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 */
export function gaussianMixture(rng: Rng, options: MixtureOptions = {}): Mixture {
  const { points = 256, dimension = 2, clusters = 4, separation = 6, zipf = 0 } = options;
  requireAtLeast("gaussianMixture", "points", points, 1);
  requireAtLeast("gaussianMixture", "dimension", dimension, 1);
  requireAtLeast("gaussianMixture", "clusters", clusters, 1);
  requireBetween("gaussianMixture", "separation", separation, [0, Infinity]);
  requireBetween("gaussianMixture", "zipf", zipf, [0, Infinity]);

  const own = new Rng(rng.word());
  const centres = drawCentres(own.split("centres"), clusters, dimension, separation);
  const ranks = Float64Array.from({ length: clusters }, (_, k) => (k + 1) ** -zipf);
  const whole = ranks.reduce((a, b) => a + b, 0);
  const weights = Float32Array.from(ranks, (rank) => rank / whole);
  const labels = Int32Array.from({ length: points }, () => own.categorical(weights));
  const values = own.normals(points * dimension);
  labels.forEach((label, i) =>
    addRow(values.subarray(i * dimension, (i + 1) * dimension), centres, label, 1),
  );
  const posteriors = new Float32Array(points * clusters);
  for (let i = 0; i < points; i++) {
    const logs = Array.from(weights, (weight, k) => {
      const squares = squaredDistance(values, i, centres, k, dimension);
      return Math.log(weight) - squares / 2;
    });
    const most = Math.max(...logs);
    const total = logs.reduce((sum, log) => sum + Math.exp(log - most), 0);
    posteriors.set(
      logs.map((log) => Math.exp(log - most) / total),
      i * clusters,
    );
  }
  return { values, labels, centres, weights, posteriors };
}

/** Draws centres anew, each time a little wider, until no two are nearer than told. */
function drawCentres(rng: Rng, count: number, dimension: number, least: number): Float32Array {
  for (let width = least / 2; ; width *= 1.05) {
    const centres = rng.normals(count * dimension).map((value) => width * value);
    let nearest = Infinity;
    for (let a = 0; a < count; a++) {
      for (let b = 0; b < a; b++) {
        nearest = Math.min(nearest, squaredDistance(centres, a, centres, b, dimension));
      }
    }
    if (nearest >= least ** 2) return centres;
  }
}

function squaredDistance(
  a: Float32Array,
  i: number,
  b: Float32Array,
  j: number,
  dimension: number,
): number {
  let total = 0;
  for (let k = 0; k < dimension; k++) total += (a[i * dimension + k]! - b[j * dimension + k]!) ** 2;
  return total;
}

export interface SubspacesOptions {
  /** At least 1; 256 by default. */
  points?: number;
  /** Numbers in a point, at least `rank`; 32 by default. */
  dimension?: number;
  /** At least 1; 4 by default. */
  subspaces?: number;
  /** Dimension of each subspace, at least 1; 3 by default. */
  rank?: number;
  /** Standard deviation of the noise on every number, at least 0; 0 by default. */
  noise?: number;
  /** Whether the subspaces are at right angles, which takes `subspaces * rank` dimensions; false by default. */
  isOrthogonal?: boolean;
}

/** Points in subspaces through the origin. */
export interface Subspaces {
  /** [point, dimension] */
  readonly values: Float32Array;
  /** [point]: the subspace. */
  readonly labels: Int32Array;
  /** [subspace, rank, dimension]: the rows of each are orthonormal. */
  readonly bases: Float32Array;
  /** [point, rank]: the standard normal coordinates in the point's own basis. */
  readonly codes: Float32Array;
}

/**
 * Draws points from a union of subspaces.
 *
 * @param rng - advances by one word; the same state gives the same points
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 */
export function unionOfSubspaces(rng: Rng, options: SubspacesOptions = {}): Subspaces {
  const { points = 256, dimension = 32, subspaces = 4, rank = 3 } = options;
  const { noise = 0, isOrthogonal = false } = options;
  requireAtLeast("unionOfSubspaces", "points", points, 1);
  requireAtLeast("unionOfSubspaces", "subspaces", subspaces, 1);
  requireAtLeast("unionOfSubspaces", "rank", rank, 1);
  requireAtLeast(
    "unionOfSubspaces",
    "dimension",
    dimension,
    isOrthogonal ? subspaces * rank : rank,
  );
  requireBetween("unionOfSubspaces", "noise", noise, [0, Infinity]);

  const own = new Rng(rng.word());
  const drawn = own.split("bases");
  const bases = isOrthogonal
    ? orthonormalRows(drawn, subspaces * rank, dimension)
    : Float32Array.from(
        Array.from({ length: subspaces }, () => [
          ...orthonormalRows(drawn, rank, dimension),
        ]).flat(),
      );
  const labels = Int32Array.from({ length: points }, () => own.below(subspaces));
  const codes = own.normals(points * rank);
  const shake = own.split("noise");
  const values = shake.normals(points * dimension).map((value) => noise * value);
  labels.forEach((label, i) => {
    const point = values.subarray(i * dimension, (i + 1) * dimension);
    for (let r = 0; r < rank; r++) addRow(point, bases, label * rank + r, codes[i * rank + r]!);
  });
  return { values, labels, bases, codes };
}
