// What a steered network writes.

import type { LanguageNetwork } from "../language.ts";
import type { Doses, Measuring } from "./doses.ts";
import { inBatches } from "./doses.ts";

/** Most new tokens where nobody says how many. */
export const USUAL_TOKENS = 24;

/** What a network added to a prompt. */
export interface Written {
  readonly ids: readonly number[];
  /** Empty for a network without a tokenizer. */
  readonly text: string;
}

/**
 * Continues every prompt at every strength. A prompt draws the same random numbers at each, so that what differs is not chance.
 *
 * @param prompts - their token ids
 * @returns [strength][prompt]
 * @throws PatchClampError what `generate` throws
 */
export async function writtenAt(
  net: LanguageNetwork,
  { interventions, strengths }: Doses,
  prompts: readonly (readonly number[])[],
  how: Measuring,
): Promise<Written[][]> {
  const { temperature = 1, seed = 0, signal } = how;
  const lengths = prompts.map((ids) => ids.length);
  const room = net.config.nCtx - Math.max(...lengths);
  const maxTokens = how.maxTokens ?? Math.max(1, Math.min(USUAL_TOKENS, room));
  const ends = lengths.map((length) => length + maxTokens);
  return inBatches(net, strengths, ends, how, async (rows) => {
    const found = rows.map(() => ({ ids: [] as number[], text: "" }));
    const tokens = net.generate(
      rows.map(({ text }) => prompts[text]!),
      {
        interventions,
        strength: rows.map(({ strength }) => strength),
        streams: rows.map(({ text }) => text),
        maxTokens,
        temperature,
        seed,
        ...(signal === undefined ? {} : { signal }),
      },
    );
    for await (const { row, id, text } of tokens) {
      found[row]!.ids.push(id);
      found[row]!.text += text;
    }
    return found;
  });
}
