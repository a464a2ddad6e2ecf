// The traced side of training: what one step computes, and how it is cut into compiled graphs.

import { fillTree, leaves, type Tree } from "../core/tree.ts";
import { compile, full, gradients, Tensor } from "../runtime/index.ts";
import { clipFactor, scaled, squaredNorms } from "./clip.ts";
import type { Optimiser } from "./optimiser.ts";

/** What a loss function knows besides parameters and batch. */
export interface LossContext {
  /** How many updates came before, a float32 scalar. */
  readonly step: Tensor;
  /** Another int32 scalar for every micro-batch, for dropout and noise. */
  readonly seed: Tensor;
}

/** What a loss function may return in place of the bare loss. */
export interface LossResult {
  /** Mean loss of the batch, a scalar. */
  readonly loss: Tensor;
  /** How many things the mean is over, a scalar; micro-batches are weighted by it. Default: 1. */
  readonly count?: Tensor;
  /** Further scalars to report. */
  readonly metrics?: Readonly<Record<string, Tensor>>;
}

/** A traced loss: it must not wait or look at data. */
export type LossFunction<P extends Tree<Tensor>, B extends Tree<Tensor>> = (
  params: P,
  batch: B,
  context: LossContext,
) => Tensor | LossResult;

/** Scalars that a step is given. */
export type StepInputs = {
  /** float32 */
  readonly learningRate: Tensor;
  /** float32 */
  readonly step: Tensor;
  /** int32 */
  readonly seed: Tensor;
  /** What gathered gradients are multiplied by, float32. */
  readonly share: Tensor;
};

/** What is read of a batch besides its gradients. */
export type Measured = {
  readonly loss: Tensor;
  readonly count: Tensor;
  readonly metrics: Readonly<Record<string, Tensor>>;
};

/** What an update makes. */
export type Updated<P> = {
  readonly params: P;
  readonly state: Tree<Tensor>;
  /** Squared norm of every gradient before clipping, [parameters]. */
  readonly squaredNorms: Tensor;
};

/** Options of `trainStep`. */
export interface TrainStepOptions<P extends Tree<Tensor>, B extends Tree<Tensor>> {
  readonly loss: LossFunction<P, B>;
  readonly optimiser: Optimiser;
  /** Largest global norm of the gradients. */
  readonly clip: number | undefined;
}

/** The compiled graphs of a training step. What is donated must not be read after the call. */
export interface TrainStep<P, B> {
  /** Forward, backward and update on one batch; `params` and `state` are donated. */
  readonly whole: (
    params: P,
    state: Tree<Tensor>,
    batch: B,
    at: StepInputs,
  ) => Promise<Measured & Updated<P>>;
  /** Adds a micro-batch's gradients, times its count, to `sums`, which are donated; `{}` stands for none yet. */
  readonly gather: (
    params: P,
    sums: Tree<Tensor>,
    batch: B,
    at: StepInputs,
  ) => Promise<Measured & { readonly sums: Tree<Tensor> }>;
  /** Updates with gathered gradients; `params`, `state` and `sums` are donated. */
  readonly update: (
    params: P,
    state: Tree<Tensor>,
    sums: Tree<Tensor>,
    at: StepInputs,
  ) => Promise<Updated<P>>;
}

/** Makes the graphs of a training step; each is compiled when it is first called. */
export function trainStep<P extends Tree<Tensor>, B extends Tree<Tensor>>(
  options: TrainStepOptions<P, B>,
): TrainStep<P, B> {
  const { optimiser, clip } = options;

  const measure = (params: P, batch: B, { step, seed }: StepInputs): Measured => {
    const result = options.loss(params, batch, { step, seed });
    const {
      loss,
      count = full([], 1),
      metrics = {},
    } = result instanceof Tensor ? { loss: result } : result;
    return { loss, count: count.stopGradient(), metrics };
  };
  const slopes = (y: Tensor, params: P): P => {
    const xs = leaves<Tensor>(params).map(([path, p]) => p.named(path));
    return fillTree<Tensor, Tensor>(params, gradients(y, xs)) as P;
  };
  const apply = (params: P, state: Tree<Tensor>, grads: P, at: StepInputs): Updated<P> => {
    const norms = squaredNorms(grads);
    const clipped =
      clip === undefined ? grads : scaled(grads, clipFactor(norms.sum().sqrt(), clip));
    return { ...optimiser.update(params, clipped, state, at), squaredNorms: norms };
  };

  return {
    whole: compile(
      (params: P, state: Tree<Tensor>, batch: B, at: StepInputs) => {
        const measured = measure(params, batch, at);
        return { ...measured, ...apply(params, state, slopes(measured.loss, params), at) };
      },
      { donate: [0, 1] },
    ),
    gather: compile(
      (params: P, sums: Tree<Tensor>, batch: B, at: StepInputs) => {
        const measured = measure(params, batch, at);
        const grads = slopes(measured.loss.mul(measured.count), params);
        const before = leaves<Tensor>(sums);
        const added = leaves<Tensor>(grads).map(([, g], i) => before[i]?.[1].add(g) ?? g);
        return { ...measured, sums: fillTree<Tensor, Tensor>(grads, added) };
      },
      { donate: [1] },
    ),
    update: compile(
      (params: P, state: Tree<Tensor>, sums: Tree<Tensor>, at: StepInputs) =>
        apply(params, state, scaled(sums, at.share) as P, at),
      { donate: [0, 1, 2] },
    ),
  };
}
