// Update rules, each written for one parameter at a time.

import { PatchClampError } from "../core/errors.ts";
import type { Tensor } from "../runtime/index.ts";
import {
  optimiser,
  type LeafRule,
  type Optimiser,
  type OptimiserOptions,
  type StepScalars,
} from "./optimiser.ts";

/** Options of `sgd`. */
export interface SgdOptions extends OptimiserOptions {
  /** Share of the last direction that is kept, in [0, 1). Default 0. */
  readonly momentum?: number;
  /** Looks ahead along the momentum. Default false. */
  readonly nesterov?: boolean;
  /** L2 penalty: this times the parameter is added to its gradient. Default 0. */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent, optionally with momentum; the conventions are PyTorch's.
 *
 * @throws PatchClampError `BAD_OPTION` when an option is out of range
 * @source Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning" (Nesterov's form)
 */
export function sgd(options: SgdOptions = {}): Optimiser {
  const { momentum = 0, nesterov = false, weightDecay = 0, groups } = options;
  checkShares("sgd", { momentum });
  const slots = momentum === 0 ? [] : ["velocity"];
  return optimiser(
    "sgd",
    { slots, weightDecay, groups },
    () =>
      ({ p, g, moments, rate, decay }) => {
        const slope = decay === 0 ? g : g.add(p.mul(decay));
        if (momentum === 0) return { p: p.sub(slope.mul(rate)), moments };
        const velocity = moments[0]!.mul(momentum).add(slope);
        const direction = nesterov ? slope.add(velocity.mul(momentum)) : velocity;
        return { p: p.sub(direction.mul(rate)), moments: [velocity] };
      },
  );
}

/** Options of `adam` and `adamW`. */
export interface AdamOptions extends OptimiserOptions {
  /** Share of the mean gradient that is kept at each step, in [0, 1). Default 0.9. */
  readonly beta1?: number;
  /** Share of the mean squared gradient that is kept at each step, in [0, 1). Default 0.999. */
  readonly beta2?: number;
  /** Added to the root of the mean square. Default 1e-8. */
  readonly epsilon?: number;
  /** For `adam` an L2 penalty, default 0; for `adamW` the shrinkage per step and unit of rate, default 0.01. */
  readonly weightDecay?: number;
}

/**
 * Adam; its weight decay is an L2 penalty, added to the gradient.
 *
 * @throws PatchClampError `BAD_OPTION` when an option is out of range
 * @source Kingma & Ba 2015, arXiv:1412.6980, algorithm 1, computed in the order given at the end of its section 2
 */
export function adam(options: AdamOptions = {}): Optimiser {
  const { weightDecay = 0 } = options;
  return adaptive("adam", { ...options, weightDecay }, false);
}

/**
 * Adam with weight decay apart from the gradient.
 *
 * @throws PatchClampError `BAD_OPTION` when an option is out of range
 * @source Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2
 */
export function adamW(options: AdamOptions = {}): Optimiser {
  const { weightDecay = 0.01 } = options;
  return adaptive("adamW", { ...options, weightDecay }, true);
}

function adaptive(
  name: string,
  options: AdamOptions & { readonly weightDecay: number },
  isDecoupled: boolean,
): Optimiser {
  const { weightDecay, groups } = options;
  const slots = ["gradSum", "squareSum"];
  return optimiser(name, { slots, weightDecay, groups }, adamRule(name, options, isDecoupled));
}

/** The rule of `adam` or, with decay apart from the gradient, of `adamW`; its slots are `gradSum` and `squareSum`. */
export function adamRule(
  name: string,
  options: AdamOptions,
  isDecoupled: boolean,
): (at: StepScalars) => LeafRule {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  checkShares(name, { beta1, beta2 });
  // With m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2 and c = 1 - b^t:  p -= rate (m / c1) / (sqrt(v / c2) + epsilon).
  // Kept are the sums m / (1 - b1) and v / (1 - b2), and the corrections are moved into scalars: that saves four passes
  // over every tensor.
  return ({ step }) => {
    const t = step.add(1);
    const root = oneMinusPower(beta2, t)
      .mul(1 / (1 - beta2))
      .sqrt();
    const size = root.div(oneMinusPower(beta1, t)).mul(1 - beta1);
    const least = root.mul(epsilon);
    return ({ p, g, moments: [m, v], rate, decay }) => {
      const slope = decay === 0 || isDecoupled ? g : g.add(p.mul(decay));
      const gradSum = m!.mul(beta1).add(slope);
      const squareSum = v!.mul(beta2).add(slope.square());
      const change = gradSum.mul(rate.mul(size)).div(squareSum.sqrt().add(least));
      const start = isDecoupled ? shrunk(p, rate, decay) : p;
      return { p: start.sub(change), moments: [gradSum, squareSum] };
    };
  };
}

/** Options of `lion`. */
export interface LionOptions extends OptimiserOptions {
  /** Share of the mean gradient in the direction of a step, in [0, 1). Default 0.9. */
  readonly beta1?: number;
  /** Share of the mean gradient that is kept, in [0, 1). Default 0.99. */
  readonly beta2?: number;
  /** Shrinkage per step and unit of rate. Default 0. */
  readonly weightDecay?: number;
}

/**
 * Lion: steps of one size along the sign of the smoothed gradient. Its rates are 3 to 10 times smaller than Adam's.
 *
 * @throws PatchClampError `BAD_OPTION` when an option is out of range
 * @source Chen et al. 2023, arXiv:2302.06675, program 1
 */
export function lion(options: LionOptions = {}): Optimiser {
  const { beta1 = 0.9, beta2 = 0.99, weightDecay = 0, groups } = options;
  checkShares("lion", { beta1, beta2 });
  return optimiser(
    "lion",
    { slots: ["mean"], weightDecay, groups },
    () =>
      ({ p, g, moments: [m], rate, decay }) => {
        const direction = m!
          .mul(beta1)
          .add(g.mul(1 - beta1))
          .sign();
        const mean = m!.mul(beta2).add(g.mul(1 - beta2));
        return { p: shrunk(p, rate, decay).sub(direction.mul(rate)), moments: [mean] };
      },
  );
}

/** p (1 - rate decay) */
export function shrunk(p: Tensor, rate: Tensor, decay: number): Tensor {
  return decay === 0 ? p : p.mul(rate.mul(-decay).add(1));
}

/** 1 - b^t for a scalar t, without the cancellation that float32 suffers where b^t is close to 1. */
function oneMinusPower(b: number, t: Tensor): Tensor {
  if (b === 0) return t.onesLike();
  // with u = tanh(t ln(b) / 2):  1 - exp(2 atanh(u)) = -2 u / (1 - u)
  const u = t.mul(Math.log(b) / 2).tanh();
  return u.mul(-2).div(u.neg().add(1));
}

/** Refuses shares that are not in [0, 1). */
export function checkShares(where: string, shares: Readonly<Record<string, number>>): void {
  for (const [name, share] of Object.entries(shares)) {
    if (share >= 0 && share < 1) continue;
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `${name} is ${share}, not in [0, 1).`,
    });
  }
}
