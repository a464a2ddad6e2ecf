// A training run that another process kills and starts again: `node child.mjs FOLDER`.

import { Rng } from "../../src/core/rng.ts";
import { trainingStore } from "../../src/checkpoints/training.ts";
import { adamW, cosineDecay, crossEntropy, kaimingNormal, train } from "../../src/nn/index.ts";
import type { CheckpointStore, Training } from "../../src/nn/index.ts";
import { nodeFiles } from "../../src/runtime/node-files.ts";
import { tensor, type Tensor } from "../../src/runtime/index.ts";

/** Updates of the whole run: many more than a process gets to before it is killed. */
export const STEPS = 100;

const WIDTH = 128; // 0.1 MB of state, so that saving takes a while

/** The run: parameters, data, dropout, decay and clipping all matter for its losses. */
export function training(store?: CheckpointStore): Training<Record<"first" | "second", Tensor>> {
  return train({
    params: {
      first: kaimingNormal([WIDTH, 64], { seed: 1 }),
      second: kaimingNormal([10, WIDTH], { seed: 2 }),
    },
    loss: ({ first, second }, { x, label }: { x: Tensor; label: Tensor }, { seed }) =>
      crossEntropy(x.linear(first).gelu().dropout({ rate: 0.2, seed }).linear(second), label),
    batches: (index) => {
      const rng = new Rng(3).split(index);
      return {
        x: tensor(rng.normals(32 * 64), { shape: [32, 64] }),
        label: tensor(Int32Array.from({ length: 32 }, () => rng.below(10))),
      };
    },
    optimiser: adamW(),
    schedule: cosineDecay({ from: 0.01, steps: STEPS }),
    steps: STEPS,
    clip: 1,
    accumulate: 2,
    seed: 4,
    checkpoint: store === undefined ? undefined : { store, every: 1 },
  });
}

/** Trains in a folder and prints `step loss` for every step. */
export async function main(folder: string): Promise<void> {
  for await (const { step, loss } of training(trainingStore(nodeFiles(folder)))) {
    process.stdout.write(`${step} ${loss}\n`);
  }
}
