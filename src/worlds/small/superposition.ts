// Sparse features: each is off most of the time, and some matter more than others. A network with fewer dimensions than
// there are features has to choose which to keep, or keep several in one place.

import type { Rng } from "../../core/rng.ts";
import { PatchClampError } from "../../core/errors.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { requireShare } from "./_options.ts";

/** How neighbours 0 and 1, 2 and 3 ... go together: not at all, always on together, or never on together. */
export const featurePairings = ["independent", "correlated", "anticorrelated"] as const;

/** One of these. */
export type FeaturePairing = (typeof featurePairings)[number];

/** Options of `sparseFeatures`. */
export interface SparseFeaturesOptions {
  /** How many there are, at least 1; an even number where they go in pairs. */
  features: number;
  /** Probability that a feature is on, above 0 and up to 1; up to 0.5 in anticorrelated pairs. Default 0.05. */
  probability?: number;
  /** What each feature's importance is of that before it, above 0 and up to 1. Default 0.7, as in the paper. */
  decay?: number;
  /** Default `independent`. */
  pairing?: FeaturePairing;
}

/** Features and all that is true of them. */
export interface SparseFeatures {
  readonly features: number;
  /** Probability that any one of them is on; 1 - probability is what the paper calls sparsity. */
  readonly probability: number;
  readonly pairing: FeaturePairing;
  /** What an error in each counts: 1, decay, decay^2 ... */
  readonly importance: Float32Array;
}

/**
 * Describes a world of sparse features.
 *
 * @throws PatchClampError `BAD_OPTION` when a number is out of its range, or features cannot go in pairs
 * @source Elhage et al. 2022, "Toy Models of Superposition", arXiv:2209.10652, "Demonstrating Superposition"
 */
export function sparseFeatures(options: SparseFeaturesOptions): SparseFeatures {
  const { features, probability = 0.05, decay = 0.7, pairing = "independent" } = options;
  requireAtLeast("sparseFeatures", "features", features, 1);
  requireShare("sparseFeatures", "probability", probability);
  requireShare("sparseFeatures", "decay", decay);
  requireOneOf("sparseFeatures", "pairing", pairing, featurePairings);
  if (pairing !== "independent" && features % 2 === 1) {
    throw noPairs(`${features} features cannot go in pairs`);
  }
  if (pairing === "anticorrelated" && probability > 0.5) {
    throw noPairs(
      `two features that are on with probability ${probability} cannot exclude each other`,
    );
  }
  const importance = Float32Array.from({ length: features }, (_, i) => decay ** i);
  return { features, probability, pairing, importance };
}

function noPairs(problem: string): PatchClampError {
  return new PatchClampError("BAD_OPTION", { where: "sparseFeatures", problem: `${problem}.` });
}

/**
 * Draws rows of features: 0 where one is off, uniform in (0, 1) where it is on.
 *
 * @param rng - advances; the same state gives the same rows
 * @param rows - how many
 * @returns [rows, features] in row-major order
 * @source Elhage et al. 2022, arXiv:2209.10652; pairs: its part on correlated features
 */
export function sparseFeatureRows(rng: Rng, world: SparseFeatures, rows: number): Float32Array {
  const { features, probability, pairing } = world;
  const x = new Float32Array(rows * features);
  const turnOn = (i: number): void => {
    x[i] = 1 - rng.uniform(); // never 0, so that what is on can be told from what is off
  };
  if (pairing === "independent") {
    for (let i = 0; i < x.length; i++) if (rng.uniform() < probability) turnOn(i);
    return x;
  }
  for (let i = 0; i < x.length; i += 2) {
    if (pairing === "correlated") {
      if (rng.uniform() >= probability) continue;
      turnOn(i);
      turnOn(i + 1);
    } else if (rng.uniform() < 2 * probability) turnOn(i + rng.below(2));
  }
  return x;
}
