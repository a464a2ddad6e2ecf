// Muon: the momentum of every hidden weight matrix is made (nearly) orthogonal before it is a step, so that all its directions
// are learned at one speed and not only the loudest. Embeddings, gains and biases are left to AdamW.

import { dottedGlob } from "../core/text.ts";
import type { Tensor } from "../runtime/index.ts";
import { optimiser, type LeafRule, type Optimiser } from "./optimiser.ts";
import { adamRule, checkShares, shrunk, type AdamOptions } from "./optimisers.ts";

/** Options of `muon`; those of AdamW are for parameters that it does not orthogonalise. */
export interface MuonOptions extends AdamOptions {
  /** Dotted glob of the matrices that are orthogonalised. Default `blocks.**`, of which those with two axes are. */
  readonly hidden?: string;
  /** Share of the last direction that is kept, in [0, 1). Default 0.95. */
  readonly momentum?: number;
}

/** Coefficients of the iteration: X <- a X + b (X X') X + c (X X')^2 X. Its singular values end between 0.7 and 1.2. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const ITERATIONS = 5;

/**
 * Muon for the hidden matrices, AdamW for everything else. Steps are scaled to the root mean square of AdamW's, so that one learning
 * rate and one weight decay serve both.
 *
 * @throws PatchClampError `BAD_OPTION` when an option is out of range
 * @source Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; Liu et al. 2025, arXiv:2502.16982, equation 4
 * (the scale)
 */
export function muon(options: MuonOptions = {}): Optimiser {
  const { hidden = "blocks.**", momentum = 0.95, weightDecay = 0.01, groups, ...rest } = options;
  checkShares("muon", { momentum });
  const adam = adamRule("muon", { ...rest, weightDecay }, true);
  const isHidden = dottedGlob(hidden);
  return optimiser("muon", { slots: ["gradSum", "squareSum"], weightDecay, groups }, (at) => {
    const others = adam(at);
    return (leaf) =>
      leaf.p.shape.length === 2 && isHidden(leaf.path)
        ? orthogonalStep(leaf, momentum)
        : others(leaf);
  });
}

function orthogonalStep(
  { p, g, moments: [sum, unused], rate, decay }: Parameters<LeafRule>[0],
  momentum: number,
): ReturnType<LeafRule> {
  const gradSum = sum!.mul(momentum).add(g);
  const direction = orthogonalised(g.add(gradSum.mul(momentum))); // Nesterov's look ahead
  const scale = 0.2 * Math.sqrt(Math.max(...p.shape));
  const change = direction.mul(rate.mul(scale));
  return { p: shrunk(p, rate, decay).sub(change), moments: [gradSum, unused!] };
}

/** The nearest matrix with equal singular values, roughly: U V' of the decomposition U S V'. */
export function orthogonalised(x: Tensor): Tensor {
  const [rows, columns] = x.shape as [number, number];
  if (rows > columns) return orthogonalised(x.transpose()).transpose();
  let y = x.div(x.square().sum().sqrt().add(1e-7));
  for (let i = 0; i < ITERATIONS; i++) {
    const gram = y.matmul(y.transpose());
    y = y.mul(A).add(gram.mul(B).add(gram.matmul(gram).mul(C)).matmul(y));
  }
  return y;
}
