// Our side of the suite `train`: PatchClamp's trainer on one of its networks, and on the recipe of an organism.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { openFolder, organismNamed, saveNetwork, trainOrganism } from "patchclamp";
import type { Organism, Tap } from "patchclamp";
import { adamW, crossEntropy, train } from "patchclamp/nn";
import type { TrainProgress } from "patchclamp/nn";
import { configure, tensor } from "patchclamp/tensor";
import type { Tensor } from "patchclamp/tensor";

import { root, THREADS } from "../machine.ts";
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

/** A training run as a function that takes the next step. */
export function stepsOf(training: AsyncIterable<TrainProgress>): () => Promise<TrainProgress> {
  const records = training[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await records.next();
    if (done === true) throw new Error("the training run ended");
    return value;
  };
}

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
  const step = stepsOf(
    train({
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
    }),
  );
  return async () => (await step()).loss;
}

/** Batches that take turns; texts are packed before anything is timed, as the peer cannot make them. */
const BATCHES = 8;

/** A run of an organism's recipe, and where its first weights and its batches lie for the peer. */
export interface RecipeRun {
  readonly folder: string;
  readonly rows: number;
  readonly pos: number;
  readonly recipe: Organism["recipe"];
  /** Takes one step and returns its loss before the update, in nats. */
  readonly step: () => Promise<number>;
}

/** Prepares training by the recipe of `organism:language`. */
export async function openLanguageTraining(): Promise<RecipeRun> {
  await configure({ threads: THREADS });
  const organism = await organismNamed("language");
  const { config, recipe } = organism;
  const batches = Array.from(
    { length: BATCHES },
    (_, i) => recipe.batch(i, recipe.seed) as PackedRows,
  );
  const batch = (index: number) => batches[index % BATCHES]!;
  const training = await trainOrganism({ ...organism, recipe: { ...recipe, batch } });
  const folder = path.join(root, ".cache", "bench-language");
  mkdirSync(folder, { recursive: true });
  const { params } = training.network();
  await saveNetwork(openFolder(folder), { config, params });
  writeFileSync(path.join(folder, "batches.bin"), await bytesOf(batches));
  const [rows, pos] = batches[0]!.tokens.shape as [number, number];
  const step = stepsOf(training);
  return { folder, rows, pos, recipe, step: async () => (await step()).loss };
}

/** What the recipe's batches are, each [rows, pos]. */
type PackedRows = Readonly<Record<"tokens" | "positions" | "segments" | "weights", Tensor>>;

/** All batches, one after another: tokens, positions and segments as int32, weights as float32. */
async function bytesOf(batches: readonly PackedRows[]): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (const { tokens, positions, segments, weights } of batches) {
    for (const one of [tokens, positions, segments, weights]) {
      const { buffer, byteOffset, byteLength } = await one.data();
      parts.push(new Uint8Array(buffer, byteOffset, byteLength));
    }
  }
  return Buffer.concat(parts);
}
