// Generation at several strengths of a direction, which may be another one for every prompt.

import type { GenerateOptions } from "../../network/generate.ts";
import type { LanguageNetwork } from "../../network/language.ts";
import { textEnds } from "../prompt.ts";
import { continuePrompts } from "../continuation.ts";

/** What a network added to a prompt. */
export interface Ending {
  readonly ids: readonly number[];
  readonly text: string;
}

/** Options of `steered`. */
export interface SteerOptions {
  readonly site: string;
  /** The direction for each prompt, dModel numbers. */
  readonly direction: (prompt: number) => Float32Array;
  readonly strengths: readonly number[];
  readonly generate: GenerateOptions;
}

/**
 * Continues every prompt at every strength, all in one batch: each row adds its own multiple of its direction to every
 * position.
 *
 * @returns what was added, [strength][prompt]
 */
export async function steered(
  net: LanguageNetwork,
  prompts: readonly string[],
  { site, direction, strengths, generate }: SteerOptions,
): Promise<Ending[][]> {
  const rows = strengths.flatMap((strength) => prompts.map((_, prompt) => ({ strength, prompt })));
  const ids = prompts.map((prompt) => net.tokenizer.encode(prompt));
  const { continuations } = await continuePrompts(
    net,
    rows.map(({ prompt }) => ({ ids: ids[prompt]! })),
    {
      stop: textEnds(net),
      ...generate,
      rowInterventions: rows.map(({ prompt }) => [
        { kind: "add", site, vector: direction(prompt) },
      ]),
      strength: rows.map(({ strength }) => strength),
    },
  );
  const endings = continuations.map(({ text, generated }) => ({
    ids: generated.map(({ id }) => id),
    text,
  }));
  return strengths.map((_, i) => endings.slice(i * prompts.length, (i + 1) * prompts.length));
}
