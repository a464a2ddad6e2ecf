// Our side of the suite `train`: PatchClamp's trainer on one of its networks.

import type { Tap } from "patchclamp";
import { adamW, crossEntropy, train } from "patchclamp/nn";
import { configure, tensor } from "patchclamp/tensor";

import { THREADS } from "../machine.ts";
import type { Weights } from "../weights.ts";
import { gpt2Network } from "./network.ts";

export interface TrainingOptions {
  /** Token ids, `batch` rows of one more than the context. */
  readonly text: readonly number[];
  readonly batch: number;
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** Nothing is recorded or edited while training. */
const untapped: Tap = Object.assign((_: string, x: Parameters<Tap>[1]) => x, {
  in: () => untapped,
});

/**
 * Prepares a training run.
 *
 * @returns takes one step and returns its loss before the update, in nats
 */
export async function openTraining(
  weights: Weights,
  options: TrainingOptions,
): Promise<() => Promise<number>> {
  const { text, batch, learningRate, weightDecay } = options;
  await configure({ threads: THREADS });
  const net = gpt2Network(weights);
  const pos = weights.shape.nCtx;
  const windows = (from: number) =>
    Array.from({ length: batch }, (_, row) => {
      const start = row * (pos + 1) + from;
      return text.slice(start, start + pos);
    });
  const { tokens, ...rest } = net.definition.prepare(windows(0));
  const targets = tensor(Int32Array.from(windows(1).flat()), { shape: [batch, pos] });
  const data = { tokens: tokens!, targets };
  const training = train({
    params: net.params,
    batches: () => data,
    loss: (params, given) => {
      const inputs = { ...rest, tokens: given.tokens };
      const logits = net.definition.forward(params as never, inputs as never, untapped);
      return crossEntropy(logits, given.targets);
    },
    optimiser: adamW({ weightDecay }),
    schedule: learningRate,
    steps: Number.MAX_SAFE_INTEGER,
  });
  const records = training[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await records.next();
    if (done === true) throw new Error("the training run ended");
    return value.loss;
  };
}
