// Clouds of points whose geometry is set: how far the classes lie apart, in how many dimensions they spread and how these
// go together; and four conditions on the way from separate axes to XOR.

import { Rng } from "../../core/rng.ts";
import { requireAtLeast } from "../_options.ts";
import { requireBetween } from "./_options.ts";
import { addRow, orthonormalRows } from "./_orthonormal.ts";

export interface MarginCloudsOptions {
  /** At least 1; 256 by default. */
  points?: number;
  /** Numbers in a point, at least `classes + rank`; 16 by default. */
  dimension?: number;
  /** At least 2; 2 by default. */
  classes?: number;
  /** Directions that say nothing about the class, at least 0; 4 by default. */
  rank?: number;
  /** Correlation of every two of them, 0..1; 0 by default. */
  correlation?: number;
  /** Distance of every point from every boundary of its class, at least; 0.5 by default. */
  margin?: number;
}

/** Points in classes that hyperplanes separate. */
export interface MarginClouds {
  /** [point, dimension] */
  readonly values: Float32Array;
  /** [point] */
  readonly labels: Int32Array;
  /** [class, dimension], orthonormal: the class of a point is the row with the largest product, always. */
  readonly axes: Float32Array;
  /** [rank, dimension], orthonormal and at right angles to `axes`; variance 1 along each, correlated as told. */
  readonly nuisance: Float32Array;
}

/**
 * Draws points that the rows of `axes` classify without an error and with a margin.
 *
 * @param rng - advances by one word; the same state gives the same points
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 */
export function marginClouds(rng: Rng, options: MarginCloudsOptions = {}): MarginClouds {
  const { points = 256, dimension = 16, classes = 2 } = options;
  const { rank = 4, correlation = 0, margin = 0.5 } = options;
  requireAtLeast("marginClouds", "points", points, 1);
  requireAtLeast("marginClouds", "classes", classes, 2);
  requireAtLeast("marginClouds", "rank", rank, 0);
  requireAtLeast("marginClouds", "dimension", dimension, classes + rank);
  requireBetween("marginClouds", "correlation", correlation, [0, 1]);
  requireBetween("marginClouds", "margin", margin, [0, Infinity]);

  const own = new Rng(rng.word());
  const frame = orthonormalRows(own, classes + rank, dimension);
  const axes = frame.slice(0, classes * dimension);
  const nuisance = frame.slice(classes * dimension);
  const labels = Int32Array.from({ length: points }, () => own.below(classes));
  const values = new Float32Array(points * dimension);
  labels.forEach((label, i) => {
    const point = values.subarray(i * dimension, (i + 1) * dimension);
    const along = own.normals(classes);
    const rival = along.reduce((most, u, c) => (c === label ? most : Math.max(most, u)), -Infinity);
    // the boundary between two classes is where their products are equal: u apart means u / sqrt(2) from it
    along[label] = rival + Math.SQRT2 * margin + Math.abs(own.normal());
    along.forEach((u, c) => addRow(point, axes, c, u));
    const common = Math.sqrt(correlation) * own.normal();
    for (let r = 0; r < rank; r++) {
      addRow(point, nuisance, r, common + Math.sqrt(1 - correlation) * own.normal());
    }
  });
  return { values, labels, axes, nuisance };
}

export interface ConditionCloudsOptions {
  /** Points of each of the four conditions, at least 1; 10 by default. */
  points?: number;
  /** Numbers in a point, at least 3; 100 by default. */
  dimension?: number;
  /** 0: the two bits have an axis each and nothing else; 1: only their product has one, as in XOR. 0 by default. */
  mixing?: number;
  /** Standard deviation of the noise on every number, at least 0; 0.2 by default. */
  noise?: number;
}

/** Points in four conditions. */
export interface ConditionClouds {
  /** [4 points, dimension], condition by condition. */
  readonly values: Float32Array;
  /** [4 points, 3]: the bits a and b and their product, each -1 or 1. */
  readonly bits: Float32Array;
  /** [3, dimension], orthonormal: where a, b and their product go. */
  readonly axes: Float32Array;
}

/**
 * Draws points x = (1 - mixing) (a axis0 + b axis1) + mixing a b axis2 + noise for all four values of two bits.
 *
 * @param rng - advances by one word; the same state gives the same points
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 */
export function conditionClouds(rng: Rng, options: ConditionCloudsOptions = {}): ConditionClouds {
  const { points = 10, dimension = 100, mixing = 0, noise = 0.2 } = options;
  requireAtLeast("conditionClouds", "points", points, 1);
  requireAtLeast("conditionClouds", "dimension", dimension, 3);
  requireBetween("conditionClouds", "mixing", mixing, [0, 1]);
  requireBetween("conditionClouds", "noise", noise, [0, Infinity]);

  const own = new Rng(rng.word());
  const axes = orthonormalRows(own, 3, dimension);
  const bits = new Float32Array(4 * points * 3);
  const values = own.normals(4 * points * dimension).map((value) => noise * value);
  for (let i = 0; i < 4 * points; i++) {
    const condition = Math.floor(i / points);
    const [a, b] = [condition < 2 ? -1 : 1, condition % 2 === 0 ? -1 : 1];
    bits.set([a, b, a * b], 3 * i);
    const point = values.subarray(i * dimension, (i + 1) * dimension);
    [(1 - mixing) * a, (1 - mixing) * b, mixing * a * b].forEach((w, k) =>
      addRow(point, axes, k, w),
    );
  }
  return { values, bits, axes };
}
