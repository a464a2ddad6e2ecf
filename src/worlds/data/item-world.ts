// Classes of vectors and their labels: what sequences to be labelled draw on.

import { Rng } from "../../core/rng.ts";
import { requireAtLeast } from "../_options.ts";
import { requireBetween } from "./_options.ts";

export interface ItemWorldOptions {
  /** At least 2; 128 by default. */
  classes?: number;
  /** At least 2 and at most `classes`; 16 by default. */
  labels?: number;
  /** Numbers in an item, at least 2; 32 by default. */
  dimension?: number;
  /** How much items of one class differ: the noise's share of a class mean, at least 0; 0.1 by default. */
  variation?: number;
  /** Exponent of Zipf's law for how common the classes are, at least 0; 0, all alike, by default. */
  zipf?: number;
}

/** Classes with their labels, which stay the same for as long as a network trains. */
export interface ItemWorld {
  readonly dimension: number;
  readonly variation: number;
  /** [class, dimension]: normal, of length about 1. */
  readonly means: Float32Array;
  /** [label, dimension]: normal, of length about 1. */
  readonly labelVectors: Float32Array;
  /** [class]: class k has label k mod labels. */
  readonly labelOf: Int32Array;
  /** [class]: chances, which sum to 1. */
  readonly frequencies: Float32Array;
}

/**
 * Draws the classes and labels that sequences are made of.
 *
 * @param rng - advances by one word; the same state gives the same world
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 * @source Reddy 2024, "The mechanistic basis of data dependence and abrupt learning in an in-context classification task",
 *   arXiv:2312.03002
 */
export function itemWorld(rng: Rng, options: ItemWorldOptions = {}): ItemWorld {
  const { classes = 128, labels = 16, dimension = 32, variation = 0.1, zipf = 0 } = options;
  requireAtLeast("itemWorld", "classes", classes, 2);
  requireAtLeast("itemWorld", "labels", labels, 2);
  requireBetween("itemWorld", "labels", labels, [2, classes]);
  requireAtLeast("itemWorld", "dimension", dimension, 2);
  requireBetween("itemWorld", "variation", variation, [0, Infinity]);
  requireBetween("itemWorld", "zipf", zipf, [0, Infinity]);

  const own = new Rng(rng.word());
  const weights = Float64Array.from({ length: classes }, (_, k) => (k + 1) ** -zipf);
  const whole = weights.reduce((a, b) => a + b, 0);
  return {
    dimension,
    variation,
    means: unitNormals(own.split("means"), classes, dimension),
    labelVectors: unitNormals(own.split("labels"), labels, dimension),
    labelOf: Int32Array.from({ length: classes }, (_, k) => k % labels),
    frequencies: Float32Array.from(weights, (weight) => weight / whole),
  };
}

/** [count, dimension] normal numbers of variance 1 / dimension. */
export const unitNormals = (rng: Rng, count: number, dimension: number): Float32Array =>
  rng.normals(count * dimension).map((value) => value / Math.sqrt(dimension));
