// Our side of the suite `load`: from a file to weights in memory, and to the first logits.

import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";

import { configure, evaluate, llamaFamily, loadNetwork } from "patchclamp";
import type { LanguageNetwork } from "patchclamp";
import { Tensor } from "patchclamp/tensor";

import { root, THREADS } from "../machine.ts";

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
export const WEIGHT_BYTES = entries().reduce((sum, { size }) => sum + 4 * size, 0);

/** The folder of a checkpoint with made-up weights, which is written the first time. */
export function checkpointFolder(storage: Storage): string {
  const folder = path.join(root, ".cache", `bench-load-${storage.toLowerCase()}`);
  const file = path.join(folder, "model.safetensors");
  if (existsSync(file)) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "config.json"), JSON.stringify(CONFIG));
  const width = storage === "F32" ? 4 : 2;
  let end = 0;
  const places = entries().map(({ name, shape, size }) => {
    const begin = end;
    end += width * size;
    return [name, { dtype: storage, shape, data_offsets: [begin, end] }] as const;
  });
  const header = JSON.stringify({ __metadata__: { format: "pt" }, ...Object.fromEntries(places) });
  const json = Buffer.from(header.padEnd(Math.ceil(header.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const out = openSync(`${file}.part`, "w");
  for (const bytes of [length, json]) writeSync(out, bytes);
  for (const { name, size } of entries()) writeSync(out, numbers(name, size, width));
  closeSync(out);
  renameSync(`${file}.part`, file);
  return folder;
}

function entries(): { name: string; shape: readonly number[]; size: number }[] {
  const layout = llamaFamily.layout(llamaFamily.config(CONFIG));
  return layout.map(({ name, shape }) => ({ name, shape, size: shape.reduce((a, b) => a * b, 1) }));
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
export async function openBench(folder: string): Promise<LanguageNetwork> {
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

function tensorsOf(tree: unknown): Tensor[] {
  if (tree instanceof Tensor) return [tree];
  return Object.values(tree as object).flatMap(tensorsOf);
}
