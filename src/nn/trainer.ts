// The training loop. Everything that happens at a step is a function of the parameters, the optimiser's state and the
// number of the step, so a run that was killed goes on from its last checkpoint as if nothing had happened.

import { PatchClampError } from "../core/errors.ts";
import { fillTree, leaves, type Tree } from "../core/tree.ts";
import { tensor, Tensor } from "../runtime/index.ts";
import type { Optimiser } from "./optimiser.ts";
import type { Schedule } from "./schedules.ts";
import { Stepper } from "./stepper.ts";
import type { LossFunction } from "./train-step.ts";
import { restore, snapshot, type CheckpointStore } from "./training-state.ts";

/** Options of `train`. */
export interface TrainOptions<P extends Tree<Tensor>, B extends Tree<Tensor>> {
  /** Where training starts; the tensors are copied and stay as they are. */
  readonly params: P;
  /** Traced once per shape of batch. */
  readonly loss: LossFunction<P, B>;
  /** Batch number `index`, from 0. It must be a function of the index alone for a run to be resumable. */
  readonly batches: (index: number) => B | Promise<B>;
  readonly optimiser: Optimiser;
  /** Learning rate, or a schedule of it. */
  readonly schedule: Schedule | number;
  /** Number of updates in all, those before a resumption included. */
  readonly steps: number;
  /** Largest global L2 norm of the gradients. Default: no limit. */
  readonly clip?: number | undefined;
  /** Micro-batches whose gradients make one update. Default 1. */
  readonly accumulate?: number | undefined;
  /** Measures the parameters after every `every`-th update and after the last. */
  readonly evaluate?: Evaluation<P> | undefined;
  /** Resumes from the store if it holds a checkpoint, and saves after every `every`-th update and after the last. */
  readonly checkpoint?: { readonly store: CheckpointStore; readonly every: number } | undefined;
  /** Seed of the loss's random numbers. Default 0. */
  readonly seed?: number | undefined;
  /** Stops after the running step, with a checkpoint if there is a store. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds since any moment, such as `() => performance.now()`; without it there are no times. */
  readonly clock?: (() => number) | undefined;
  /** How many tokens (or examples) a batch has, for `tokensPerSecond`. */
  readonly tokens?: ((batch: B) => number) | undefined;
}

/** A measurement during training. */
export interface Evaluation<P> {
  readonly every: number;
  /** The parameters may be read until the promise is settled. */
  readonly measure: (params: P, step: number) => Promise<Readonly<Record<string, number>>>;
}

/** What happened at one step. */
export interface TrainProgress {
  /** Number of the step, from 0. */
  readonly step: number;
  /** Mean loss before the update, in the loss function's unit: nats for `crossEntropy`. */
  readonly loss: number;
  /** Global L2 norm of the gradients before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  /** The loss function's metrics, by name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** What `evaluate` measured after this step, if it did. */
  readonly evaluation?: Readonly<Record<string, number>>;
  /** Duration of the step, if there is a clock. */
  readonly stepMs?: number;
  /** If there are a clock and `tokens`. */
  readonly tokensPerSecond?: number;
}

/** A training run: iterate over it to train. */
export interface Training<P> extends AsyncIterable<TrainProgress> {
  /** The parameters after the last step that was reported; they may be read until the next step is asked for. */
  readonly params: P;
}

/**
 * Trains parameters by gradient descent, one step for every record that is asked for.
 *
 * @throws PatchClampError (while iterating) `INVARIANT_BROKEN` when a loss or a gradient is not finite, naming the
 * step and the first parameter whose gradient is not
 * @throws PatchClampError (while iterating) `BAD_INPUT` when the store's checkpoint belongs to another run
 * @throws PatchClampError (while iterating) `ABORTED` when the signal stops the run
 * @throws PatchClampError `BAD_OPTION` when a number of steps is not whole or a parameter is not float32
 */
export function train<P extends Tree<Tensor>, B extends Tree<Tensor>>(
  options: TrainOptions<P, B>,
): Training<P> {
  checkOptions(options);
  const stepper = new Stepper(options);
  const iterator = records(options, stepper);
  return {
    get params() {
      return stepper.params;
    },
    [Symbol.asyncIterator]: () => iterator,
  };
}

async function* records<P extends Tree<Tensor>, B extends Tree<Tensor>>(
  options: TrainOptions<P, B>,
  stepper: Stepper<P, B>,
): AsyncGenerator<TrainProgress, void> {
  const { steps, checkpoint, evaluate, signal, clock = () => Number.NaN, tokens } = options;
  const first = await start(options, stepper);
  let saved = first;
  const save = async (done: number): Promise<void> => {
    if (checkpoint === undefined || saved === done) return;
    await checkpoint.store.save(await snapshot(options.seed ?? 0, done, stepper));
    saved = done;
  };
  for (let step = first; step < steps; step++) {
    if (signal?.aborted === true) {
      await save(step);
      throw aborted(step, signal);
    }
    const began = clock();
    const { tokenCount, squaredNorms, ...measured } = await stepper.take(step);
    const stepMs = clock() - began;
    const gradNorm = Math.sqrt(squaredNorms.reduce((sum, square) => sum + square, 0));
    if (!Number.isFinite(measured.loss) || !Number.isFinite(gradNorm)) {
      throw notFinite(step, measured.loss, stepper.params, squaredNorms);
    }
    const isDue = (every: number): boolean => (step + 1) % every === 0 || step + 1 === steps;
    if (checkpoint !== undefined && isDue(checkpoint.every)) await save(step + 1);
    const evaluation =
      evaluate !== undefined && isDue(evaluate.every)
        ? { evaluation: await evaluate.measure(stepper.params, step) }
        : {};
    const speed = tokens === undefined ? {} : { tokensPerSecond: (1000 * tokenCount) / stepMs };
    const times = Number.isNaN(stepMs) ? {} : { stepMs, ...speed };
    yield { step, ...measured, gradNorm, ...evaluation, ...times };
  }
}

/** Takes up the store's checkpoint, or starts anew; returns the first step. */
async function start<P extends Tree<Tensor>, B extends Tree<Tensor>>(
  options: TrainOptions<P, B>,
  stepper: Stepper<P, B>,
): Promise<number> {
  const { params, optimiser, checkpoint, seed = 0 } = options;
  stepper.state = optimiser.init(params);
  const found = await checkpoint?.store.load();
  if (found === undefined) {
    // steps reuse the memory of what they replace, so the caller's tensors must not be among it
    stepper.params = await copied(params);
    return 0;
  }
  const trees = restore(found, { seed, params, state: stepper.state });
  stepper.params = trees.params;
  stepper.state = trees.state;
  return found.step;
}

async function copied<P extends Tree<Tensor>>(params: P): Promise<P> {
  const flat = leaves<Tensor>(params);
  const copies = await Promise.all(
    flat.map(async ([, p]) => tensor((await p.data()).slice(), { shape: p.shape, dtype: p.dtype })),
  );
  return fillTree<Tensor, Tensor>(params, copies) as P;
}

function checkOptions<P extends Tree<Tensor>, B extends Tree<Tensor>>(
  options: TrainOptions<P, B>,
): void {
  const { params, steps, accumulate = 1, evaluate, checkpoint } = options;
  const counts = {
    accumulate,
    "evaluate.every": evaluate?.every ?? 1,
    "checkpoint.every": checkpoint?.every ?? 1,
  };
  for (const [name, count] of [["steps", steps + 1] as const, ...Object.entries(counts)]) {
    if (Number.isInteger(count) && count >= 1) continue;
    const [given, least] = name === "steps" ? [steps, 0] : [count, 1];
    throw new PatchClampError("BAD_OPTION", {
      where: "train",
      problem: `${name} is ${given}, not a whole number of at least ${least}.`,
    });
  }
  for (const [path, p] of leaves<Tensor>(params)) {
    if (p instanceof Tensor && p.dtype === "float32") continue;
    throw new PatchClampError("BAD_OPTION", {
      where: "train",
      problem: `params.${path} is ${p instanceof Tensor ? p.dtype : typeof p}, but only float32 tensors can be trained.`,
      fix: "leave out of params what is not to change, and close over it in the loss function.",
    });
  }
}

function notFinite(
  step: number,
  loss: number,
  params: Tree<Tensor>,
  squaredNorms: readonly number[],
): PatchClampError {
  const path = leaves<Tensor>(params)[squaredNorms.findIndex((x) => !Number.isFinite(x))]?.[0];
  const gradient =
    path === undefined
      ? "every gradient is finite"
      : `the first gradient that is not finite is that of ${path}`;
  return new PatchClampError("INVARIANT_BROKEN", {
    where: "train",
    problem: `the loss is ${loss} at step ${step}, and ${gradient}.`,
    fix: "lower the learning rate, clip the gradients, or look at the batch of this step.",
    facts: { step, loss, parameter: path },
  });
}

function aborted(step: number, signal: AbortSignal): PatchClampError {
  return new PatchClampError("ABORTED", {
    where: "train",
    problem: `stopped before step ${step}.`,
    facts: { step },
    cause: signal.reason,
  });
}
