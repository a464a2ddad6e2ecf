// Our side of the suite `train`: PatchClamp's trainer on GPT-2's function.

import { gpt2Family } from "patchclamp";
import type { Tap } from "patchclamp";
import { adamW, crossEntropy, train } from "patchclamp/nn";
import { causalMask, configure, tensor } from "patchclamp/tensor";

import { THREADS } from "../machine.ts";
import type { Weights } from "../weights.ts";
import { gpt2ConfigOf, gpt2Params } from "./network.ts";

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
  const config = gpt2ConfigOf(weights.shape);
  const pos = weights.shape.nCtx;
  const rows = Array.from({ length: batch }, (_, i) =>
    text.slice(i * (pos + 1), (i + 1) * (pos + 1)),
  );
  const ids = (from: number) => {
    const data = Int32Array.from(rows.flatMap((row) => row.slice(from, from + pos)));
    return tensor(data, { shape: [batch, pos] });
  };
  const positions = tensor(
    Int32Array.from({ length: pos }, (_, i) => i),
    { shape: [1, pos] },
  );
  const mask = causalMask(pos).reshape([1, 1, pos, pos]);
  const data = { tokens: ids(0), targets: ids(1) };
  const training = train({
    params: gpt2Params(weights),
    batches: () => data,
    loss: (params, { tokens, targets }) =>
      crossEntropy(
        gpt2Family.forward(params as never, { tokens, positions, mask }, untapped, config),
        targets,
      ),
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
