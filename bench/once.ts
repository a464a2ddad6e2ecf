// Tasks that need a process of their own: peak memory, and what happens only the first time.

import { timed } from "./harness.ts";
import { peakMb } from "./machine.ts";
import type { Once } from "./machine.ts";
import { openGpt2 } from "./ours/gpt2.ts";
import type { OurGpt2 } from "./ours/gpt2.ts";
import { GPT2_SMALL, gpt2Weights, prompt } from "./weights.ts";

type Work = (ours: OurGpt2, tokens: readonly number[]) => Promise<unknown>;

const TASKS: Readonly<Record<string, Work>> = {
  "run-with-cache": (ours, tokens) => ours.everySite(tokens),
  "first-call": (ours, tokens) => ours.logits(tokens),
};

/**
 * Loads GPT-2 small and does one task with it, once.
 *
 * @throws Error when no task has that name
 */
export async function runOnce(name: string): Promise<Once> {
  const task = TASKS[name];
  if (task === undefined) {
    throw new Error(`no task is named "${name}"; there are ${Object.keys(TASKS).join(", ")}`);
  }
  const ours = await openGpt2(gpt2Weights(GPT2_SMALL));
  const { ms } = await timed(() => task(ours, prompt("clean", 128, GPT2_SMALL.dVocab)));
  return { ms, peakMb: peakMb() };
}
