// Several continuations of a prompt, ranked by how likely the network finds them.

import { PatchClampError } from "../core/errors.ts";
import type { LanguageGenerateOptions, LanguageNetwork } from "./language.ts";
import type { LanguageInput } from "./prompt.ts";

/** Options of `bestOf`. */
export interface BestOptions extends LanguageGenerateOptions {
  /** Continuations of each prompt to draw. Default 4. */
  count?: number | undefined;
  /** How many of them to return. Default 1. */
  keep?: number | undefined;
}

/** A continuation, and how likely the network finds it. */
export interface RankedContinuation {
  /** Empty for a network without a tokenizer. */
  readonly text: string;
  readonly ids: readonly number[];
  /** Of its tokens together, in nats; that of the token that ended it is not counted. */
  readonly logProbability: number;
  /** The same a token, by which continuations are ranked: longer ones are not worse for their length. */
  readonly meanLogProbability: number;
}

/**
 * Draws continuations of every prompt and returns the likeliest, the best first.
 *
 * At temperature 0 all continuations of a prompt are the same.
 *
 * @returns `keep` continuations of each prompt, [prompt][rank]; empty ones come last
 * @throws PatchClampError `BAD_OPTION` when `keep` is no whole number from 1 to `count`, and what `generate` throws
 */
export async function bestOf(
  net: LanguageNetwork,
  given: LanguageInput,
  options: BestOptions = {},
): Promise<RankedContinuation[][]> {
  const { count = 4, keep = 1, ...rest } = options;
  if (!(Number.isInteger(keep) && keep >= 1 && keep <= count)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "bestOf",
      problem: `keep is ${keep}, not a whole number from 1 to the ${count} continuations that are drawn.`,
    });
  }
  const prompts = net.tokens(given).ids.length;
  const drawn = Array.from({ length: prompts * count }, () => ({
    text: "",
    ids: [] as number[],
    logProbability: 0,
  }));
  for await (const { row, id, text, logProbability } of net.generate(given, { ...rest, count })) {
    const own = drawn[row]!;
    own.text += text;
    own.ids.push(id);
    own.logProbability += logProbability;
  }
  const ranked = drawn.map((own) => ({
    ...own,
    meanLogProbability: own.ids.length === 0 ? -Infinity : own.logProbability / own.ids.length,
  }));
  return Array.from({ length: prompts }, (_, prompt) =>
    ranked
      .slice(prompt * count, (prompt + 1) * count)
      .toSorted((a, b) => b.meanLogProbability - a.meanLogProbability)
      .slice(0, keep),
  );
}
