// Llama 3.2 1B's shape with random weights: the file that llama.cpp opens, opened here and quantised.

import path from "node:path";

import { configure, loadNetwork } from "patchclamp";

import { root, THREADS } from "../machine.ts";
import { peerOnce } from "../peer-process.ts";
import { prompt } from "../weights.ts";
import { decode } from "./decoding.ts";
import type { Side } from "../harness.ts";

const SHAPE = {
  layers: 16,
  width: 2048,
  heads: 32,
  kv_heads: 8,
  hidden: 8192,
  vocabulary: 128256,
  context: 8192,
};
const POS = 128;
const COUNT = 64;

/** What both sides are told. */
export interface LlamaTask {
  readonly file: string;
  readonly args: { prompt: string; count: number; context: number; threads: number };
  readonly ours: Side;
}

/**
 * Makes the file and opens it in four bits.
 *
 * @throws Error when there is no Python with `gguf` to write the file
 */
export async function openLlama(): Promise<LlamaTask> {
  const file = path.join(root, ".cache", "bench-llama-1b", "llama-1b-q4_0.gguf");
  if (peerOnce("llama_file:write", { file, ...SHAPE }) === undefined) {
    throw new Error("there is no Python to write the file with; run `node bench/peers/setup.mjs`");
  }
  await configure({ threads: THREADS });
  const net = await loadNetwork(file, { check: false, weights: "q4" });
  const tokens = prompt("llama", POS, SHAPE.vocabulary);
  return {
    file,
    args: { prompt: tokens.join(), count: COUNT, context: 1024, threads: THREADS },
    ours: async () => {
      const { value } = await decode(net, [tokens], { maxTokens: COUNT, stop: [] });
      return { value };
    },
  };
}
