// Features in a tree: a child is on only together with its parent, as a dog is always an animal too. What a network or a
// dictionary makes of such features can be held against the tree.

import type { Rng } from "../../core/rng.ts";
import { requireAtLeast } from "../_options.ts";
import { requireShare } from "./_options.ts";

/** A feature of a tree. */
export interface TreeFeature {
  /** Its column in a row. A parent comes before its children. */
  readonly index: number;
  /** How many features are above it: 0 for a root. */
  readonly depth: number;
  /** The feature above; a root has none. */
  readonly parent: number | undefined;
  readonly children: readonly number[];
  /** How often it is on. */
  readonly probability: number;
}

/** Options of `featureTree`. */
export interface FeatureTreeOptions {
  /** How many roots there are, then how many children a root has, and so on. Default [4, 3]. */
  branching?: readonly number[];
  /** Probability that a root is on, above 0 and up to 1; roots know nothing of each other. Default 0.2. */
  probability?: number;
  /**
   * Probability that a feature which is on, and has children, has one of them on; where siblings do not exclude each other, that of
   * each child. Above 0 and up to 1. Default 0.8.
   */
  childProbability?: number;
  /** Whether at most one child of a feature is on at a time. Roots never exclude each other. Default true. */
  isExclusive?: boolean;
  /** The least value of a feature that is on, above 0 and up to 1; it is uniform from there to 1. Default 1. */
  least?: number;
}

/** A tree of features and all that is true of it. */
export interface FeatureTree {
  readonly features: readonly TreeFeature[];
  readonly childProbability: number;
  readonly isExclusive: boolean;
  readonly least: number;
}

/**
 * Describes a tree of features.
 *
 * @throws PatchClampError `BAD_OPTION` when a number is out of its range
 * @source Bussmann et al. 2025, "Learning Multi-Level Features with Matryoshka Sparse Autoencoders", arXiv:2503.17547;
 * Chanin et al. 2024, "A is for Absorption", arXiv:2409.14507
 */
export function featureTree(options: FeatureTreeOptions = {}): FeatureTree {
  const { branching = [4, 3], probability = 0.2, childProbability = 0.8 } = options;
  const { isExclusive = true, least = 1 } = options;
  requireAtLeast("featureTree", "the number of levels in branching", branching.length, 1);
  for (const [i, count] of branching.entries())
    requireAtLeast("featureTree", `branching[${i}]`, count, 1);
  const shares = { probability, childProbability, least };
  for (const [name, value] of Object.entries(shares)) requireShare("featureTree", name, value);

  const features: (TreeFeature & { readonly children: number[] })[] = [];
  const grow = (parent: TreeFeature | undefined, depth: number): number[] => {
    const count = branching[depth] ?? 0;
    const share = childProbability / (isExclusive ? count : 1);
    return Array.from({ length: count }, () => {
      const index = features.length;
      const own = {
        index,
        depth,
        parent: parent?.index,
        children: [] as number[],
        probability: parent === undefined ? probability : parent.probability * share,
      };
      features.push(own);
      own.children.push(...grow(own, depth + 1));
      return index;
    });
  };
  grow(undefined, 0);
  return { features, childProbability, isExclusive, least };
}

/** The features above a feature, from its parent to its root. */
export function featuresAbove({ features }: FeatureTree, index: number): number[] {
  const above: number[] = [];
  for (let at = features[index]?.parent; at !== undefined; at = features[at]!.parent)
    above.push(at);
  return above;
}

/** The other children of a feature's parent; a root has no siblings. */
export function siblingsOf({ features }: FeatureTree, index: number): number[] {
  const parent = features[index]?.parent;
  return parent === undefined ? [] : features[parent]!.children.filter((own) => own !== index);
}

/**
 * Draws rows of features: 0 where one is off.
 *
 * @param rng - advances; the same state gives the same rows
 * @param rows - how many
 * @returns [rows, features] in row-major order
 */
export function featureTreeRows(rng: Rng, tree: FeatureTree, rows: number): Float32Array {
  const { features, childProbability, isExclusive, least } = tree;
  const roots = features.filter(({ parent }) => parent === undefined);
  const x = new Float32Array(rows * features.length);
  const turnOn = (start: number, { index, children }: TreeFeature): void => {
    x[start + index] = least + (1 - least) * rng.uniform();
    if (children.length === 0) return;
    const drawn = isExclusive ? [rng.pick(children)] : children;
    for (const child of drawn)
      if (rng.uniform() < childProbability) turnOn(start, features[child]!);
  };
  for (let row = 0; row < rows; row++) {
    for (const root of roots)
      if (rng.uniform() < root.probability) turnOn(row * features.length, root);
  }
  return x;
}
