// `trainHierarchy`: features in a tree, in fewer dimensions than there are features.

import { requireAtLeast } from "../../worlds/_options.ts";
import { featureTree, featureTreeRows } from "../../worlds/small/index.ts";
import type { FeatureTree, FeatureTreeOptions } from "../../worlds/small/index.ts";
import { trainToyAutoencoder } from "./toy-autoencoder.ts";
import type { ToyModel } from "./toy-autoencoder.ts";

/** Options of `trainHierarchy`; the tree is, by default, three parents with three children each. */
export interface TrainHierarchyOptions extends FeatureTreeOptions {
  /** Default 0. */
  seed?: number;
  /** Dimensions that the features share. Default 9, which is enough for the default tree and for no 12 features that know nothing of each other. */
  hidden?: number;
  /** Default 1500. */
  steps?: number;
  signal?: AbortSignal;
}

/** A toy model of features in a tree, with the tree. */
export interface TrainedHierarchy extends ToyModel {
  readonly world: FeatureTree;
}

/**
 * Trains the toy model on features in a tree, in about a second.
 *
 * Parents and children are on together, so they come to lie at right angles; siblings never are, so that n of them can share n - 1
 * dimensions at obtuse angles, which the readout clips.
 *
 * @throws PatchClampError what `featureTree` throws; `BAD_OPTION` when `hidden` or `steps` is no integer of at least 1; `ABORTED` when
 * the signal stops it
 * @source the model: Elhage et al. 2022, arXiv:2209.10652, section 2; the geometry: Park et al. 2024, "The Geometry of Categorical and
 * Hierarchical Concepts in Large Language Models", arXiv:2406.01506, section 4
 */
export async function trainHierarchy(
  options: TrainHierarchyOptions = {},
): Promise<TrainedHierarchy> {
  const { seed = 0, hidden = 9, steps = 1500, branching = [3, 3], signal } = options;
  requireAtLeast("trainHierarchy", "hidden", hidden, 1);
  requireAtLeast("trainHierarchy", "steps", steps, 1);
  const world = featureTree({ ...options, branching });
  const model = await trainToyAutoencoder("hierarchy", {
    hidden,
    importance: new Float32Array(world.features.length).fill(1),
    draw: (rng, rows) => featureTreeRows(rng, world, rows),
    seed,
    steps,
    rows: 256,
    learningRate: 0.01,
    signal,
  });
  return { ...model, world };
}
