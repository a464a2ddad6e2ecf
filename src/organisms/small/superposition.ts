// `trainSuperposition`: more sparse features than dimensions.

import { requireAtLeast } from "../../worlds/_options.ts";
import { sparseFeatureRows, sparseFeatures } from "../../worlds/small/index.ts";
import type { SparseFeatures, SparseFeaturesOptions } from "../../worlds/small/index.ts";
import { trainToyAutoencoder } from "./toy-autoencoder.ts";
import type { ToyModel } from "./toy-autoencoder.ts";

/** Options of `trainSuperposition`. */
export interface TrainSuperpositionOptions extends Partial<SparseFeaturesOptions> {
  /** Default 0. */
  seed?: number;
  /** How many features there are. Default 20. */
  features?: number;
  /** Dimensions that they share. Default 5. */
  hidden?: number;
  /** Updates, each with 256 rows. Default 4000: with half of them, features of like importance may not have parted. */
  steps?: number;
  signal?: AbortSignal;
}

/** A toy model of sparse features with what is true of them. */
export interface TrainedSuperposition extends ToyModel {
  readonly world: SparseFeatures;
}

/**
 * Trains the toy model of superposition, in about two seconds.
 *
 * Dense features take a dimension each until none is left, the most important first; of sparse ones more than there are dimensions are
 * kept, at the price of some interference. `featureGeometry(directions)` measures both.
 *
 * @throws PatchClampError what `sparseFeatures` throws; `BAD_OPTION` when `hidden` or `steps` is no integer of at least 1; `ABORTED`
 * when the signal stops it
 * @source Elhage et al. 2022, "Toy Models of Superposition", arXiv:2209.10652, "Demonstrating Superposition"
 */
export async function trainSuperposition(
  options: TrainSuperpositionOptions = {},
): Promise<TrainedSuperposition> {
  const { seed = 0, features = 20, hidden = 5, steps = 4000, signal } = options;
  requireAtLeast("trainSuperposition", "hidden", hidden, 1);
  requireAtLeast("trainSuperposition", "steps", steps, 1);
  const world = sparseFeatures({ ...options, features });
  const model = await trainToyAutoencoder("superposition", {
    hidden,
    importance: world.importance,
    draw: (rng, rows) => sparseFeatureRows(rng, world, rows),
    seed,
    steps,
    rows: 256,
    learningRate: 0.01,
    signal,
  });
  return { ...model, world };
}
