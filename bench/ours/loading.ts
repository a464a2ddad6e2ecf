// Our side of the suite `load`: from a file to weights in memory, and to the first logits.

import path from "node:path";

import { configure, evaluate, llamaFamily, loadNetwork } from "patchclamp";
import type { LanguageNetwork } from "patchclamp";
import { Tensor } from "patchclamp/tensor";

import { root, THREADS } from "../machine.ts";
import { sizeOf, writeCheckpoint } from "./checkpoint-files.ts";

/** A Llama of 124 million weights: 494 MB as float32. */
const CONFIG = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 50257,
  hidden_size: 768,
  intermediate_size: 2048,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  max_position_embeddings: 1024,
  tie_word_embeddings: true,
};

/** Storage types of the checkpoints. */
export type Storage = "F32" | "BF16";

/** Bytes of the weights as float32. */
export const WEIGHT_BYTES = entries().reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);

/** The folder of a checkpoint with made-up weights, which is written the first time. */
export function checkpointFolder(storage: Storage): string {
  const folder = path.join(root, ".cache", `bench-load-${storage.toLowerCase()}`);
  const width = storage === "F32" ? 4 : 2;
  const tensors = entries().map(({ name, shape }) => ({
    name,
    shape,
    storage,
    bytes: () => numbers(name, sizeOf(shape), width),
  }));
  return writeCheckpoint(folder, CONFIG, tensors);
}

function entries(): readonly { name: string; shape: readonly number[] }[] {
  return llamaFamily.layout(llamaFamily.config(CONFIG));
}

/** Values in -0.05..0.05 that a bfloat16 holds too; gains are 1. */
function numbers(name: string, size: number, width: number): Uint8Array {
  const isGain = name.endsWith("norm.weight");
  const words = new Uint32Array(new Float32Array(size).buffer);
  const floats = new Float32Array(words.buffer);
  for (let i = 0; i < size; i++) floats[i] = isGain ? 1 : (((i * 40503) % 101) - 50) / 1000;
  for (let i = 0; i < size; i++) words[i]! &= 0xffff0000;
  if (width === 4) return new Uint8Array(floats.buffer);
  return new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer);
}

/** Opens a checkpoint anew. */
async function openBench(folder: string): Promise<LanguageNetwork> {
  await configure({ threads: THREADS });
  return loadNetwork(folder, { check: false });
}

/** Reads every weight of a checkpoint; returns the sum of the largest of each tensor, which looks at each number once. */
export async function readAll(folder: string): Promise<readonly number[]> {
  const net = await openBench(folder);
  const largest = tensorsOf(net.params).map((tensor) => tensor.max());
  await evaluate(largest);
  let total = 0;
  for (const one of largest) total += await one.item();
  return [total];
}

/** From a folder to the logits of four tokens. */
export async function firstLogits(folder: string): Promise<readonly number[]> {
  const net = await openBench(folder);
  const { logits } = await net.run([1, 2, 3, 4]);
  return Array.from(await logits.numbers())
    .slice(-CONFIG.vocab_size)
    .slice(0, 8);
}

/** The tensors at the leaves of nested objects and arrays. */
export function tensorsOf(tree: unknown): Tensor[] {
  if (tree instanceof Tensor) return [tree];
  return Object.values(tree as object).flatMap(tensorsOf);
}
