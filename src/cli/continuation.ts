// What a network writes after prompts, with how likely it found it.

import { PatchClampError } from "../core/errors.ts";
import type { GeneratedToken } from "../network/open-row.ts";
import type { LanguageGenerateOptions, LanguageNetwork } from "../network/language.ts";
import type { Alternative } from "../network/sampling/likelihood.ts";
import { tokenLabel } from "../network/tokenizer.ts";
import { table } from "../report/index.ts";
import type { Section } from "../report/index.ts";
import { addedText, textEnds } from "./prompt.ts";
import type { ReadPrompt } from "./prompt.ts";

/** A token that may have been generated. */
export interface Likely {
  readonly id: number;
  readonly token: string;
  /** In nats. */
  readonly logProbability: number;
}

/** A token that was generated. */
export interface Written extends Likely {
  readonly probability: number;
  readonly alternatives: readonly Likely[];
}

/** One continuation of a prompt. */
export interface Continuation {
  text: string;
  readonly generated: Written[];
}

/** Who hears of what is written. */
export interface Listener {
  /** Gets the first continuation's text piece by piece. */
  readonly write?: (piece: string) => void;
  /** Gets every token. */
  readonly record?: (token: GeneratedToken) => Promise<void>;
}

/** All continuations; those of a prompt stand in turn. */
export interface Continued {
  readonly continuations: readonly Continuation[];
  /** Whether the signal ended it early; what was written until then is there. */
  readonly isAborted: boolean;
}

/**
 * Continues prompts.
 *
 * @throws PatchClampError what `LanguageNetwork.generate` throws, but not that its signal ended it
 */
export async function continuePrompts(
  net: LanguageNetwork,
  prompts: readonly Pick<ReadPrompt, "ids">[],
  options: LanguageGenerateOptions,
  { write, record }: Listener = {},
): Promise<Continued> {
  const { count = 1 } = options;
  const continuations = Array.from({ length: prompts.length * count }, (): Continuation => ({
    text: "",
    generated: [],
  }));
  const likely = ({ id, logProbability }: Alternative): Likely => ({
    id,
    token: tokenLabel(net, id),
    logProbability,
  });
  const ids = prompts.map((prompt) => prompt.ids);
  try {
    for await (const token of net.generate(ids, { stop: textEnds(net), ...options })) {
      await record?.(token);
      const { row, text, probability, alternatives } = token;
      const own = continuations[row]!;
      own.generated.push({ ...likely(token), probability, alternatives: alternatives.map(likely) });
      const piece = net.hasTokenizer ? text : ` ${token.id}`;
      const isFirst = own.text === "" && piece !== "";
      const gap = isFirst ? gapBefore(net, ids[Math.floor(row / count)]!, own.generated) : "";
      own.text += gap + piece;
      if (row === 0) write?.(gap + piece);
    }
    return { continuations, isAborted: false };
  } catch (error) {
    if (error instanceof PatchClampError && error.code === "ABORTED") {
      return { continuations, isAborted: true };
    }
    throw error;
  }
}

/** The space between a prompt and what was written so far. */
function gapBefore(
  net: LanguageNetwork,
  prompt: readonly number[],
  generated: readonly Written[],
): string {
  if (!net.hasTokenizer) return "";
  const ids = generated.map(({ id }) => id);
  const [whole, alone] = [addedText(net, prompt, ids), addedText(net, [], ids)];
  return whole.endsWith(alone) ? whole.slice(0, whole.length - alone.length) : "";
}

/** How likely every token was, where this was asked for. */
export function likelihoods(continuations: readonly Continuation[]): Section[] {
  return continuations.flatMap(({ generated }, i) => {
    if (generated.every(({ alternatives }) => alternatives.length === 0)) return [];
    const number = continuations.length > 1 ? ` of continuation ${i + 1}` : "";
    return [
      table({
        title: `Log-probabilities${number}, in nats`,
        columns: ["token", { label: "log p", decimals: 3 }, "likeliest"],
        rows: generated.map(({ token, logProbability, alternatives }) => [
          token,
          logProbability,
          alternatives.map((other) => `${other.token} ${short(other.logProbability)}`).join(", "),
        ]),
      }),
    ];
  });
}

/** Three decimals; what rounds to zero has no sign. */
function short(x: number): string {
  return (Math.round(1000 * x) / 1000 + 0).toFixed(3);
}
