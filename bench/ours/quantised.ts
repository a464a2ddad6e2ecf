// What weights in few bits change: a network's predictions on its own kind of text, beside those of the same network in float32.

import path from "node:path";

import { configure, loadNetwork, Rng } from "patchclamp";
import type { LanguageNetwork } from "patchclamp";
import { storiesSample } from "patchclamp/worlds";

import { root, THREADS } from "../machine.ts";
import { gpt2Tensors, hashedNumbers } from "../weights.ts";
import type { Shape } from "../weights.ts";
import { sizeOf, writeCheckpoint } from "./checkpoint-files.ts";

/** How predictions of quantised weights differ from those of float32. */
export interface Change {
  /** Mean over positions of KL(float32 || quantised), in nats. */
  readonly klNats: number;
  /** Of the text's own tokens. */
  readonly perplexity: number;
  readonly exactPerplexity: number;
}

/** A network that can be opened with weights of any form, and texts for it. */
export interface Subject {
  readonly open: (weights: "q4" | "q8" | "fp32") => Promise<LanguageNetwork>;
  readonly texts: (exact: LanguageNetwork) => Promise<readonly (readonly number[])[]>;
}

const ROWS = 48;
/** Parameters: 98 million. */
const SHAPE: Shape = {
  nLayers: 12,
  dModel: 768,
  nHeads: 12,
  dMlp: 3072,
  dVocab: 16384,
  nCtx: 256,
};
const WRITTEN = { rows: 4, tokens: 96 };

/** The stories organism on held-out texts. */
export const storiesSubject: Subject = {
  open: (weights) => loadNetwork("organism:stories", { check: false, weights }),
  texts: async ({ tokenizer }) => {
    const rng = new Rng(11);
    return Array.from({ length: ROWS }, () =>
      tokenizer.encode(storiesSample(rng, { split: "heldOut" }).text),
    );
  },
};

/** A network of GPT-2's form whose weights look like a trained one's, on texts that it writes itself. */
export const trainedShapeSubject: Subject = {
  open: (weights) => loadNetwork(trainedShapeFolder(), { check: false, weights }),
  texts: async (exact) => {
    const rows = Array.from({ length: WRITTEN.rows }, (_, row) => [1000 * row + 1]);
    const options = { maxTokens: WRITTEN.tokens, temperature: 1, seed: 3, stop: [] };
    for await (const { row, id } of exact.generate(
      rows.map((ids) => [...ids]),
      options,
    )) {
      rows[row]!.push(id);
    }
    return rows;
  },
};

/** Compares the predictions of one form of weights with those of float32, text by text. */
export async function changeOf(subject: Subject, weights: "q4" | "q8"): Promise<Change> {
  await configure({ threads: THREADS });
  const exact = await subject.open("fp32");
  const few = await subject.open(weights);
  const sums = { kl: 0, nll: 0, exactNll: 0, positions: 0 };
  for (const ids of await subject.texts(exact)) {
    const [p, q] = [await logProbabilities(exact, ids), await logProbabilities(few, ids)];
    for (let pos = 0; pos + 1 < ids.length; pos++) {
      const next = ids[pos + 1]!;
      const [own, other] = [p[pos]!, q[pos]!];
      sums.kl += own.reduce((sum, log, id) => sum + Math.exp(log) * (log - other[id]!), 0);
      sums.nll -= other[next]!;
      sums.exactNll -= own[next]!;
      sums.positions++;
    }
  }
  return {
    klNats: sums.kl / sums.positions,
    perplexity: Math.exp(sums.nll / sums.positions),
    exactPerplexity: Math.exp(sums.exactNll / sums.positions),
  };
}

/** Of every position, in float64: differences are far below what float32 sums resolve. */
async function logProbabilities(
  net: LanguageNetwork,
  ids: readonly number[],
): Promise<readonly Float64Array[]> {
  using pass = await net.run([ids]);
  const logits = Float64Array.from(await pass.logits.numbers());
  const size = net.config.dVocab;
  return ids.map((_, pos) => {
    const row = logits.subarray(pos * size, (pos + 1) * size);
    const most = row.reduce((a, b) => Math.max(a, b));
    const total = Math.log(row.reduce((sum, x) => sum + Math.exp(x - most), 0)) + most;
    return row.map((x) => x - total);
  });
}

/** Channels of the residual stream that multilayer perceptrons make far larger than others, as in every trained GPT-2. */
const LARGE = new Set([138, 378, 447]);

/**
 * Writes the checkpoint: heavy tails, scales that differ from channel to channel, a few large channels, gains below 1 and biases,
 * with about the spreads of GPT-2 small's weights after training.
 */
function trainedShapeFolder(): string {
  const { nLayers, dModel, nHeads, dMlp, dVocab, nCtx } = SHAPE;
  const config = {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    n_layer: nLayers,
    n_embd: dModel,
    n_head: nHeads,
    n_inner: dMlp,
    vocab_size: dVocab,
    n_positions: nCtx,
  };
  const tensors = gpt2Tensors(SHAPE).map(([name, shape]) => ({
    name,
    shape,
    storage: "F32" as const,
    bytes: () => new Uint8Array(trainedLooking(name, shape).buffer),
  }));
  return writeCheckpoint(path.join(root, ".cache", "bench-trained-shape"), config, tensors);
}

/** Standard deviations of GPT-2 small's weights, by the end of their names. */
const SPREADS: readonly (readonly [end: string, std: number])[] = [
  ["wte.weight", 0.14],
  ["wpe.weight", 0.12],
  ["attn.c_attn.weight", 0.14],
  ["attn.c_proj.weight", 0.09],
  ["mlp.c_fc.weight", 0.13],
  ["mlp.c_proj.weight", 0.09],
  [".bias", 0.1],
];

function trainedLooking(name: string, shape: readonly number[]): Float32Array {
  const size = sizeOf(shape);
  // the text that the network writes then has about the perplexity of ordinary text, 30
  if (name.endsWith("ln_f.weight")) return hashedNumbers(name, size, 0.6, 0.75);
  if (/ln_[12]\.weight$/.test(name)) return hashedNumbers(name, size, 0.1, 0.3);
  const std = SPREADS.find(([end]) => name.endsWith(end))![1];
  const columns = shape.at(-1)!;
  // of each column, exp of a normal number with deviation 0.25
  const scales = bells(`${name} columns`, columns).map((x) => std * Math.exp(0.25 * x));
  const isStream = name.endsWith("mlp.c_proj.weight");
  return bells(name, size).map((x, i) => {
    const column = i % columns;
    const large = isStream && LARGE.has(column) ? 6 : 1;
    // the cube makes the tails heavy
    return large * scales[column]! * x * (0.8 + 0.1 * x * x);
  });
}

/** Numbers of about a normal distribution with deviation 1: sums of three uniform ones. */
function bells(name: string, size: number): Float32Array {
  const parts = ["a", "b", "c"].map((part) => hashedNumbers(`${name} ${part}`, size, -1, 1));
  return parts[0]!.map((x, i) => x + parts[1]![i]! + parts[2]![i]!);
}
