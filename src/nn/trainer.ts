// The training loop. Everything that happens at a step is a function of the parameters, the optimiser's state and the
// number of the step, so a run that was killed goes on from its last checkpoint as if nothing had happened.

import { PatchClampError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import { fillTree, leaves, type Tree } from "../core/tree.ts";
import { tensor, Tensor } from "../runtime/index.ts";
import type { Optimiser } from "./optimiser.ts";
import type { Schedule } from "./schedules.ts";
import { trainStep } from "./train-step.ts";
import type { LossFunction, Measured, StepInputs, TrainStep, Updated } from "./train-step.ts";
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
  const run = new Run(options);
  const records = run.records();
  return {
    get params() {
      return run.params;
    },
    [Symbol.asyncIterator]: () => records,
  };
}

class Run<P extends Tree<Tensor>, B extends Tree<Tensor>> {
  params: P;
  #state: Tree<Tensor> = {};
  readonly #options: TrainOptions<P, B>;
  readonly #graphs: TrainStep<P, B>;
  readonly #rng: Rng;

  constructor(options: TrainOptions<P, B>) {
    this.#options = options;
    this.params = options.params;
    this.#graphs = trainStep({
      loss: options.loss,
      optimiser: options.optimiser,
      clip: options.clip,
    });
    this.#rng = new Rng(options.seed ?? 0);
  }

  async *records(): AsyncGenerator<TrainProgress, void> {
    const { steps, checkpoint, evaluate, signal, clock, tokens } = this.#options;
    const first = await this.#start();
    let saved = first;
    const save = async (done: number): Promise<void> => {
      if (checkpoint === undefined || saved === done) return;
      await checkpoint.store.save(
        await snapshot(this.#rng.seed, done, { params: this.params, state: this.#state }),
      );
      saved = done;
    };
    for (let step = first; step < steps; step++) {
      if (signal?.aborted === true) {
        await save(step);
        throw aborted(step, signal);
      }
      const began = clock?.();
      const { tokens: count, ...progress } = await this.#step(step);
      const stepMs = began === undefined ? undefined : clock!() - began;
      const isDue = (every: number): boolean => (step + 1) % every === 0 || step + 1 === steps;
      if (checkpoint !== undefined && isDue(checkpoint.every)) await save(step + 1);
      const evaluation =
        evaluate !== undefined && isDue(evaluate.every)
          ? await evaluate.measure(this.params, step)
          : undefined;
      yield {
        ...progress,
        ...(evaluation === undefined ? {} : { evaluation }),
        ...(stepMs === undefined ? {} : { stepMs }),
        ...(stepMs === undefined || tokens === undefined
          ? {}
          : { tokensPerSecond: (1000 * count) / stepMs }),
      };
    }
  }

  /** Takes up the store's checkpoint, or starts anew; returns the first step. */
  async #start(): Promise<number> {
    const { optimiser, checkpoint } = this.#options;
    // steps reuse the memory of what they replace, so the caller's tensors must not be among it
    this.params = (await copied(this.#options.params)) as P;
    this.#state = optimiser.init(this.params);
    const found = await checkpoint?.store.load();
    if (found === undefined) return 0;
    const { params, state } = restore(found, {
      seed: this.#rng.seed,
      params: this.params,
      state: this.#state,
    });
    this.params = params;
    this.#state = state;
    return found.step;
  }

  async #step(
    step: number,
  ): Promise<Omit<TrainProgress, "evaluation"> & { readonly tokens: number }> {
    const { accumulate = 1, schedule } = this.#options;
    const learningRate = typeof schedule === "number" ? schedule : schedule(step);
    const { measured, norms, tokens } = await (accumulate === 1
      ? this.#wholeStep(step, learningRate)
      : this.#gatheredStep(step, learningRate, accumulate));
    const { loss, metrics } = weightedMean(measured);
    const squares = Array.from(await norms.numbers());
    const gradNorm = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
      throw notFinite(
        step,
        loss,
        leaves<Tensor>(this.params)[squares.findIndex((x) => !Number.isFinite(x))]?.[0],
      );
    }
    return { step, loss, gradNorm, learningRate, metrics, tokens };
  }

  async #wholeStep(step: number, learningRate: number): Promise<StepResult> {
    const { batch, tokens } = await this.#batch(step);
    const at = this.#inputs(step, step, learningRate, 1);
    const result = await this.#graphs.whole(this.params, this.#state, batch, at);
    return { measured: [await numbersOf(result)], norms: this.#take(result), tokens };
  }

  async #gatheredStep(step: number, learningRate: number, accumulate: number): Promise<StepResult> {
    const measured: Numbers[] = [];
    let sums: Tree<Tensor> = {};
    let tokens = 0;
    for (let index = step * accumulate; index < (step + 1) * accumulate; index++) {
      const next = await this.#batch(index);
      const at = this.#inputs(step, index, learningRate, 1);
      const result = await this.#graphs.gather(this.params, sums, next.batch, at);
      measured.push(await numbersOf(result));
      sums = result.sums;
      tokens += next.tokens;
    }
    const count = measured.reduce((sum, numbers) => sum + numbers.count, 0);
    const at = this.#inputs(step, step, learningRate, count === 0 ? 0 : 1 / count);
    const norms = this.#take(await this.#graphs.update(this.params, this.#state, sums, at));
    return { measured, norms, tokens };
  }

  async #batch(index: number): Promise<{ batch: B; tokens: number }> {
    const batch = await this.#options.batches(index);
    return { batch, tokens: this.#options.tokens?.(batch) ?? 0 };
  }

  #inputs(step: number, index: number, learningRate: number, share: number): StepInputs {
    const seed = this.#rng.split(index).seed;
    return {
      learningRate: tensor(learningRate),
      step: tensor(step),
      seed: tensor(Int32Array.of(seed), { shape: [] }),
      share: tensor(share),
    };
  }

  /** Goes on with updated parameters; the old ones' memory is given up. */
  #take({ params, state, squaredNorms }: Updated<P>): Tensor {
    this.params = params;
    this.#state = state;
    return squaredNorms;
  }
}

interface StepResult {
  readonly measured: readonly Numbers[];
  /** Squared norm of every gradient, [parameters]. */
  readonly norms: Tensor;
  readonly tokens: number;
}

/** `Measured`, read. */
interface Numbers {
  readonly loss: number;
  readonly count: number;
  readonly metrics: Readonly<Record<string, number>>;
}

async function numbersOf({ loss, count, metrics }: Measured): Promise<Numbers> {
  const named = Object.entries(metrics).map(
    async ([name, metric]) => [name, await metric.item()] as const,
  );
  return {
    loss: await loss.item(),
    count: await count.item(),
    metrics: Object.fromEntries(await Promise.all(named)),
  };
}

/** Means over micro-batches, weighted by their counts. */
function weightedMean(parts: readonly Numbers[]): Omit<Numbers, "count"> {
  if (parts.length === 1) return parts[0]!;
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const mean = (pick: (part: Numbers) => number): number =>
    count === 0 ? 0 : parts.reduce((sum, part) => sum + part.count * pick(part), 0) / count;
  const names = Object.keys(parts[0]!.metrics);
  return {
    loss: mean(({ loss }) => loss),
    metrics: Object.fromEntries(names.map((name) => [name, mean(({ metrics }) => metrics[name]!)])),
  };
}

async function copied(params: Tree<Tensor>): Promise<Tree<Tensor>> {
  const flat = leaves<Tensor>(params);
  const copies = await Promise.all(
    flat.map(async ([, p]) => tensor((await p.data()).slice(), { shape: p.shape, dtype: p.dtype })),
  );
  return fillTree<Tensor, Tensor>(params, copies);
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

function notFinite(step: number, loss: number, path: string | undefined): PatchClampError {
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
