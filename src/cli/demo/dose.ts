// What a direction does to stories at every strength: how they end, and how much the text suffers.

import { Rng } from "../../core/rng.ts";
import type { LanguageNetwork } from "../../network/language.ts";
import { evaluate, tensor } from "../../runtime/index.ts";
import { moodOf, moodPairs, neutralPrompts } from "../../worlds/index.ts";
import { meanOf } from "./chapter.ts";
import { steered } from "./steered.ts";
import type { Ending } from "./steered.ts";

/** Most words of an ending. */
const maxTokens = 20;

/** How some stories ended at one strength. */
export interface DosePoint {
  readonly strength: number;
  /** Numbers of endings by mood. */
  readonly happy: number;
  readonly sad: number;
  readonly mixed: number;
  readonly none: number;
  readonly total: number;
  /** Mean surprise of the unsteered network at a word of these endings, in nats. */
  readonly surpriseNats: number;
}

/** A direction's effect by strength. */
export interface Dose {
  readonly points: readonly DosePoint[];
  /** What was written, [strength][prompt]. */
  readonly endings: readonly (readonly Ending[])[];
}

/** Draws beginnings without a mood that leave room for an ending. */
export function openBeginnings(net: LanguageNetwork, seed: number, count: number): string[] {
  return withRoom(net, neutralPrompts(new Rng(seed), 2 * count)).slice(0, count);
}

/** Draws beginnings of sad stories that leave room for an ending. */
export function sadBeginnings(net: LanguageNetwork, seed: number, count: number): string[] {
  const pairs = moodPairs(new Rng(seed), 2 * count);
  return withRoom(
    net,
    pairs.map(({ sad }) => sad),
  ).slice(0, count);
}

function withRoom(net: LanguageNetwork, prompts: readonly string[]): string[] {
  const longest = net.config.nCtx - maxTokens;
  return prompts.filter((prompt) => net.tokenizer.encode(prompt).length <= longest);
}

/** Lets the network end every story at every strength, drawing words as it expects them. */
export async function measureDose(
  net: LanguageNetwork,
  prompts: readonly string[],
  at: {
    site: string;
    direction: (prompt: number) => Float32Array;
    strengths: readonly number[];
    seed: number;
  },
): Promise<Dose> {
  const { seed, ...push } = at;
  const endings = await steered(net, prompts, {
    ...push,
    generate: { maxTokens, temperature: 1, seed },
  });
  const surprises = await surpriseOf(net, prompts, endings.flat());
  const points = endings.map((some, i) => ({
    strength: at.strengths[i]!,
    ...countMoods(some),
    total: some.length,
    surpriseNats: meanOf(surprises.slice(i * prompts.length, (i + 1) * prompts.length)),
  }));
  return { points, endings };
}

function countMoods(
  endings: readonly Ending[],
): Record<"happy" | "sad" | "mixed" | "none", number> {
  const count = { happy: 0, sad: 0, mixed: 0, none: 0 };
  for (const { text } of endings) count[moodOf(text)]++;
  return count;
}

/** Mean surprise of the network at each ending's words, in nats; endings of all prompts in turn. */
async function surpriseOf(
  net: LanguageNetwork,
  prompts: readonly string[],
  endings: readonly Ending[],
): Promise<number[]> {
  const promptIds = prompts.map((prompt) => net.tokenizer.encode(prompt));
  const rows = endings.map(({ ids }, i) => [...promptIds[i % prompts.length]!, ...ids]);
  const { logits } = net.trace({ prompts: rows, padding: "right" });
  const pos = logits.shape[1]!;
  // the logits at a position are about the next one; what they say of padding is not read
  const next = tensor(
    Int32Array.from(rows.flatMap((row) => Array.from({ length: pos }, (_, i) => row[i + 1] ?? 0))),
    {
      shape: [rows.length, pos, 1],
      dtype: "int32",
    },
  );
  const found = logits.logSoftmax().takeAlongAxis(next).squeeze(2);
  await evaluate([found]);
  const logProbabilities = await found.numbers();
  return rows.map((row, i) => {
    const first = promptIds[i % prompts.length]!.length - 1;
    const own = Array.from(logProbabilities.slice(i * pos + first, i * pos + row.length - 1));
    return own.length === 0 ? 0 : -meanOf(own);
  });
}
