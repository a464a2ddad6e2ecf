// Takes training steps: feeds the compiled graphs and reads what they measured.

import { Rng } from "../core/rng.ts";
import type { Tree } from "../core/tree.ts";
import { tensor, type Tensor } from "../runtime/index.ts";
import type { Optimiser } from "./optimiser.ts";
import type { Schedule } from "./schedules.ts";
import { trainStep } from "./train-step.ts";
import type { LossFunction, Measured, StepInputs, TrainStep, Updated } from "./train-step.ts";

/** What a step needs to know; described at `TrainOptions`. */
export interface StepperOptions<P extends Tree<Tensor>, B extends Tree<Tensor>> {
  readonly params: P;
  readonly loss: LossFunction<P, B>;
  readonly batches: (index: number) => B | Promise<B>;
  readonly optimiser: Optimiser;
  readonly schedule: Schedule | number;
  readonly clip?: number | undefined;
  readonly accumulate?: number | undefined;
  readonly seed?: number | undefined;
  readonly tokens?: ((batch: B) => number) | undefined;
}

/** What one step measured. */
export interface StepRecord {
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly learningRate: number;
  /** Squared norm of every parameter's gradient before clipping, in leaf order. */
  readonly squaredNorms: readonly number[];
  readonly tokenCount: number;
}

/** `Measured`, read. */
interface Numbers {
  readonly loss: number;
  readonly count: number;
  readonly metrics: Readonly<Record<string, number>>;
}

interface Outcome {
  readonly measured: readonly Numbers[];
  readonly norms: Tensor;
  readonly tokenCount: number;
}

/** Parameters and optimiser state on their way. */
export class Stepper<P extends Tree<Tensor>, B extends Tree<Tensor>> {
  params: P;
  state: Tree<Tensor> = {};
  readonly #options: StepperOptions<P, B>;
  readonly #graphs: TrainStep<P, B>;
  readonly #rng: Rng;

  constructor(options: StepperOptions<P, B>) {
    const { params, loss, optimiser, clip, seed = 0 } = options;
    this.#options = options;
    this.params = params;
    this.#graphs = trainStep({ loss, optimiser, clip });
    this.#rng = new Rng(seed);
  }

  /** Takes step number `step`: replaces `params` and `state`, whose old memory is given up. */
  async take(step: number): Promise<StepRecord> {
    const { schedule, accumulate = 1 } = this.#options;
    const learningRate = typeof schedule === "number" ? schedule : schedule(step);
    const { measured, norms, tokenCount } = await (accumulate === 1
      ? this.#whole(step, learningRate)
      : this.#gathered(step, learningRate, accumulate));
    const squaredNorms = Array.from(await norms.numbers());
    return { ...weightedMean(measured), learningRate, squaredNorms, tokenCount };
  }

  async #whole(step: number, learningRate: number): Promise<Outcome> {
    const { batch, tokenCount } = await this.#batch(step);
    const at = this.#inputs({ step, index: step, learningRate });
    const result = await this.#graphs.whole(this.params, this.state, batch, at);
    return { measured: [await numbersOf(result)], norms: this.#replace(result), tokenCount };
  }

  async #gathered(step: number, learningRate: number, accumulate: number): Promise<Outcome> {
    const measured: Numbers[] = [];
    let sums: Tree<Tensor> = {};
    let tokenCount = 0;
    for (let index = step * accumulate; index < (step + 1) * accumulate; index++) {
      const next = await this.#batch(index);
      const at = this.#inputs({ step, index, learningRate });
      const result = await this.#graphs.gather(this.params, sums, next.batch, at);
      measured.push(await numbersOf(result));
      sums = result.sums;
      tokenCount += next.tokenCount;
    }
    const count = total(measured);
    const share = count === 0 ? 0 : 1 / count;
    const at = this.#inputs({ step, index: step, learningRate, share });
    const result = await this.#graphs.update(this.params, this.state, sums, at);
    return { measured, norms: this.#replace(result), tokenCount };
  }

  async #batch(index: number): Promise<{ batch: B; tokenCount: number }> {
    const batch = await this.#options.batches(index);
    return { batch, tokenCount: this.#options.tokens?.(batch) ?? 0 };
  }

  #inputs(at: { step: number; index: number; learningRate: number; share?: number }): StepInputs {
    const { step, index, learningRate, share = 1 } = at;
    const { seed } = this.#rng.split(index);
    return {
      learningRate: tensor(learningRate),
      step: tensor(step),
      seed: tensor(Int32Array.of(seed), { shape: [] }),
      share: tensor(share),
    };
  }

  #replace({ params, state, squaredNorms }: Updated<P>): Tensor {
    this.params = params;
    this.state = state;
    return squaredNorms;
  }
}

async function numbersOf({ loss, count, metrics }: Measured): Promise<Numbers> {
  const read: Record<string, number> = {};
  for (const [name, metric] of Object.entries(metrics)) read[name] = await metric.item();
  return { loss: await loss.item(), count: await count.item(), metrics: read };
}

function total(parts: readonly Numbers[]): number {
  return parts.reduce((sum, { count }) => sum + count, 0);
}

/** Means over micro-batches, weighted by their counts. */
function weightedMean(parts: readonly Numbers[]): Omit<Numbers, "count"> {
  const count = total(parts);
  const mean = (pick: (part: Numbers) => number): number =>
    parts.length === 1
      ? pick(parts[0]!)
      : parts.reduce((sum, part) => sum + part.count * pick(part), 0) / Math.max(count, 1e-30);
  const names = Object.keys(parts[0]!.metrics);
  return {
    loss: mean(({ loss }) => loss),
    metrics: Object.fromEntries(names.map((name) => [name, mean(({ metrics }) => metrics[name]!)])),
  };
}
