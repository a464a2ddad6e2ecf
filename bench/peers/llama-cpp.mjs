// Generation in llama.cpp, through node-llama-cpp.

import { readFileSync } from "node:fs";

import { getLlama } from "node-llama-cpp";

const { version } = JSON.parse(
  readFileSync(new URL("node_modules/node-llama-cpp/package.json", import.meta.url), "utf8"),
);

/**
 * Greedy tokens after a prompt.
 *
 * @param {{ file: string, prompt: string, count: number, context: number, threads: number }} args
 */
export async function generate({ file, prompt, count, context, threads }) {
  const llama = await getLlama({
    gpu: false,
    build: "never",
    maxThreads: threads,
    logLevel: "error",
  });
  const model = await llama.loadModel({ modelPath: file });
  const contextOf = await model.createContext({ contextSize: context, threads, sequences: 1 });
  const sequence = contextOf.getSequence();
  const tokens = /** @type {any[]} */ (prompt.split(",").map(Number));
  const work = async () => {
    await sequence.clearHistory();
    let start = 0;
    let written = 0;
    for await (const _ of sequence.evaluate(tokens, { temperature: 0, yieldEogTokens: true })) {
      if (written === 0) start = performance.now();
      if (++written === count) break;
    }
    return { ms: (performance.now() - start) / (count - 1), result: [] };
  };
  return {
    name: `node-llama-cpp ${version} (llama.cpp ${llama.llamaCppRelease.release}), Q4_0`,
    work,
  };
}
