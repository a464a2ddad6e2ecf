// Gradients as a whole: their norm, and keeping it in bounds.

import { PatchClampError } from "../core/errors.ts";
import { leaves, mapTree, type Tree } from "../core/tree.ts";
import { concat, type Tensor } from "../runtime/index.ts";

/** Gradients after clipping, and their norm before it. */
export interface Clipped<P> {
  readonly grads: P;
  /** L2 norm over all gradients before clipping, a scalar. */
  readonly norm: Tensor;
}

/**
 * Scales all gradients by one factor so that their common L2 norm is at most `maxNorm`.
 *
 * @param grads - a tree of gradients
 * @throws PatchClampError `BAD_OPTION` when `maxNorm` is not above 0
 * @source Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, algorithm 1
 */
export function clipByGlobalNorm<P extends Tree<Tensor>>(grads: P, maxNorm: number): Clipped<P> {
  if (!(maxNorm > 0)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "clipByGlobalNorm",
      problem: `maxNorm is ${maxNorm}, not a number above 0.`,
    });
  }
  const norm = squaredNorms(grads).sum().sqrt();
  return { grads: scaled(grads, clipFactor(norm, maxNorm)), norm };
}

/** What gradients of this norm are multiplied by, so that the norm is at most `maxNorm`: a scalar in 0..1. */
export function clipFactor(norm: Tensor, maxNorm: number): Tensor {
  // PyTorch adds 1e-6 to the norm against division by zero; the minimum does that without moving the norm
  return norm.reciprocal().mul(maxNorm).minimum(1);
}

/** Squared L2 norm of every leaf, in leaf order: [leaves]. */
export function squaredNorms(grads: Tree<Tensor>): Tensor {
  const norms = leaves<Tensor>(grads).map(([, g]) => g.square().sum().reshape([1]));
  return concat(norms, { axis: 0 });
}

/** Every leaf times one factor. */
export function scaled<P extends Tree<Tensor>>(tree: P, factor: Tensor): P {
  return mapTree<Tensor, Tensor>(tree, (g) => g.mul(factor)) as P;
}
