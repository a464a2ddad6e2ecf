// Tasks that need a process of their own: peak memory, and what happens only the first time.

import { timed } from "./harness.ts";
import { peakMb } from "./machine.ts";
import type { Once } from "./machine.ts";
import { openGpt2 } from "./ours/gpt2.ts";
import { checkpointFolder, readAll } from "./ours/loading.ts";
import type { Storage } from "./ours/loading.ts";
import type { OurGpt2 } from "./ours/gpt2.ts";
import { countSites, externalFile } from "./ours/onnx.ts";
import { GPT2_SMALL, gpt2Weights, prompt } from "./weights.ts";

/** Makes a task ready; what it returns is timed. */
type Prepare = () => Promise<() => Promise<unknown>>;

const withGpt2 =
  (work: (ours: OurGpt2, tokens: readonly number[]) => Promise<unknown>): Prepare =>
  async () => {
    const ours = await openGpt2(gpt2Weights(GPT2_SMALL));
    return () => work(ours, prompt("clean", 128, GPT2_SMALL.dVocab));
  };

const reading =
  (storage: Storage): Prepare =>
  async () => {
    const folder = checkpointFolder(storage);
    return () => readAll(folder);
  };

const TASKS: Readonly<Record<string, Prepare>> = {
  "run-with-cache": withGpt2((ours, tokens) => ours.everySite(tokens)),
  "first-call": withGpt2((ours, tokens) => ours.logits(tokens)),
  "read-f32": reading("F32"),
  "read-bf16": reading("BF16"),
  "onnx-sites": async () => {
    const file = externalFile();
    return () => countSites(file);
  },
};

/**
 * Makes one task ready and does it, once.
 *
 * @throws Error when no task has that name
 */
export async function runOnce(name: string): Promise<Once> {
  const prepare = TASKS[name];
  if (prepare === undefined) {
    throw new Error(`no task is named "${name}"; there are ${Object.keys(TASKS).join(", ")}`);
  }
  const work = await prepare();
  const restMb = process.memoryUsage.rss() / 2 ** 20;
  const { ms } = await timed(work);
  return { ms, peakMb: peakMb(), restMb };
}
