// What interventions are for, as a number: which of two completions a network prefers, or how many of the texts it writes show
// something.

import { PatchClampError } from "../../core/errors.ts";
import { plural } from "../../core/text.ts";
import type { LanguageNetwork } from "../language.ts";
import type { Doses, Measuring, Text } from "./doses.ts";
import { idsOf, mean } from "./doses.ts";
import { logProbabilities } from "./scoring.ts";
import { writtenAt } from "./writing.ts";

/** What was found at one strength. */
export interface Reading {
  /** One for each prompt; their mean is the effect. */
  readonly values: readonly number[];
  /** Token ids of what was written to find it. Absent where nothing was. */
  readonly written?: readonly (readonly number[])[];
}

/** Something that interventions are to bring about. More of it is better. */
export interface Effect {
  /** What it is, in words with its unit. */
  readonly metric: string;
  /** A network that shows more than this without interventions shows the effect already, so that they can prove nothing. */
  readonly already: number;
  /** Smallest change that counts, in its unit. */
  readonly least: number;
  /** Measures it, one reading for each strength. */
  readonly measure: (
    net: LanguageNetwork,
    doses: Doses,
    how: Measuring,
  ) => Promise<readonly Reading[]>;
}

/** What every kind of effect is told. */
export interface EffectOptions {
  /** What is continued. At least one. */
  readonly prompts: readonly string[] | readonly (readonly number[])[];
  /** What it is called. Default: told from the other options. */
  readonly metric?: string | undefined;
  /** See `Effect`; the default is said by each kind. */
  readonly already?: number | undefined;
  readonly least?: number | undefined;
}

/** Options of `preference`. */
export interface PreferenceOptions extends EffectOptions {
  /** What the network is to say: one completion for all prompts, or one for each. Tokenised apart from the prompt, so mind its first space. */
  readonly positive: Text | readonly Text[];
  /** What it is not to say. */
  readonly negative: Text | readonly Text[];
}

/**
 * How much likelier a network finds one completion than another: the mean over prompts of
 * log p(positive | prompt) / tokens - log p(negative | prompt) / tokens, in nats per token.
 *
 * `already` is log 2 by default: unsteered, the network finds every token of the positive completions twice as likely. `least` is 0.1.
 *
 * @throws PatchClampError `BAD_INPUT` when there are no prompts or a list of completions is not as long as that of the prompts
 */
export function preference(options: PreferenceOptions): Effect {
  const { prompts, positive, negative, already = Math.LN2, least = 0.1 } = options;
  checkPrompts("preference", prompts);
  const sides = { positive, negative };
  const [wanted, other] = Object.entries(sides).map(([name, side]) =>
    completions(name, side, prompts.length),
  );
  const what =
    typeof positive === "string" && typeof negative === "string"
      ? `log-probability of ${JSON.stringify(positive)} over ${JSON.stringify(negative)}`
      : "log-probability of the positive over the negative completion";
  const { metric = `${what} after ${plural(prompts.length, "prompt")} (nats per token)` } = options;
  return {
    metric,
    already,
    least,
    measure: async (net, doses, how) => {
      const passages = prompts.flatMap((prompt, i) =>
        [wanted![i]!, other![i]!].map((completion) => ({
          given: idsOf(net, prompt),
          written: idsOf(net, completion, true),
        })),
      );
      checkCompletions(passages.map(({ written }) => written.length));
      const found = await logProbabilities(net, doses, passages, how);
      return found.map((scores) => ({
        values: prompts.map((_, i) => mean(scores[2 * i]!) - mean(scores[2 * i + 1]!)),
      }));
    },
  };
}

/** Options of `matches`. */
export interface MatchOptions extends EffectOptions {
  /** Words of which a text has one, whole and in upper or lower case ... */
  readonly words?: readonly string[] | undefined;
  /** ... or what matches somewhere in it. */
  readonly pattern?: RegExp | undefined;
}

/**
 * The share of texts, 0..1, that have a word or match a pattern: of what the network writes after prompts.
 *
 * `already` is 0.5 by default, `least` 0.1.
 *
 * @throws PatchClampError `BAD_INPUT` when there are no prompts, `BAD_OPTION` when there are neither words nor a pattern, or both
 */
export function matches(options: MatchOptions): Effect {
  const { prompts, words = [], pattern, already = 0.5, least = 0.1 } = options;
  checkPrompts("matches", prompts);
  const holds = matcher(options);
  const what = pattern === undefined ? `have ${listed(words)}` : `match /${pattern.source}/`;
  const {
    metric = `share of continuations of ${plural(prompts.length, "prompt")} that ${what} (0 to 1)`,
  } = options;
  return judged({ prompts, metric, already, least, score: (text) => Number(holds(text)) });
}

/**
 * The test of `matches` for one text.
 *
 * @throws PatchClampError `BAD_OPTION` when there are neither words nor a pattern, or both
 */
export function matcher({
  words = [],
  pattern,
}: Pick<MatchOptions, "words" | "pattern">): (text: string) => boolean {
  if ((words.length === 0) === (pattern === undefined)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "matches",
      problem: `${words.length === 0 ? "neither words nor a pattern were" : "both words and a pattern were"} given.`,
      fix: "give one of the two.",
    });
  }
  const { source, flags } = pattern ?? wholeWords(words);
  const test = new RegExp(source, flags.replaceAll(/[gy]/g, "")); // g and y would remember a text in the next
  return (text) => test.test(text);
}

/** Options of `judged`. */
export interface JudgedOptions extends EffectOptions {
  readonly metric: string;
  readonly already: number;
  /** How much of the effect a text shows. */
  readonly score: (text: string, prompt: Text) => number | Promise<number>;
}

/**
 * The mean score of texts by a function of one's own: of what the network writes after prompts. `least` is 0 by default.
 *
 * @throws PatchClampError `BAD_INPUT` when there are no prompts
 */
export function judged({ prompts, metric, already, least = 0, score }: JudgedOptions): Effect {
  checkPrompts("judged", prompts);
  return {
    metric,
    already,
    least,
    measure: async (net, doses, how) => {
      const ids = prompts.map((prompt) => idsOf(net, prompt));
      const written = await writtenAt(net, doses, ids, how);
      return Promise.all(
        written.map(async (texts) => ({
          values: await Promise.all(texts.map(async ({ text }, i) => score(text, prompts[i]!))),
          written: texts.map((one) => one.ids),
        })),
      );
    },
  };
}

/** One completion for each prompt. */
function completions(
  name: string,
  given: Text | readonly Text[],
  prompts: number,
): readonly Text[] {
  const isOne = typeof given === "string" || typeof given[0] === "number";
  if (isOne) return Array.from({ length: prompts }, () => given as Text);
  if (given.length === prompts) return given as readonly Text[];
  throw new PatchClampError("BAD_INPUT", {
    where: "preference",
    problem: `there ${given.length === 1 ? "is" : "are"} ${plural(given.length, `${name} completion`)} for ${plural(prompts, "prompt")}.`,
    fix: "give one for all prompts, or one for each.",
  });
}

function checkCompletions(lengths: readonly number[]): void {
  const empty = lengths.indexOf(0);
  if (empty < 0) return;
  throw new PatchClampError("BAD_INPUT", {
    where: "preference",
    problem: `the ${empty % 2 === 0 ? "positive" : "negative"} completion of prompt ${Math.floor(empty / 2)} has no tokens.`,
  });
}

function checkPrompts(where: string, prompts: EffectOptions["prompts"]): void {
  if (prompts.length > 0) return;
  throw new PatchClampError("BAD_INPUT", { where, problem: "the list of prompts is empty." });
}

function wholeWords(words: readonly string[]): RegExp {
  const escaped = words.map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`));
  return new RegExp(String.raw`(?<![\p{L}\p{N}_])(?:${escaped.join("|")})(?![\p{L}\p{N}_])`, "iu");
}

/** `one of the words glad, merry and 7 others`. */
function listed(words: readonly string[]): string {
  const shown = words.slice(0, 3).join(", ");
  const rest = words.length - 3;
  if (words.length === 1) return `the word ${shown}`;
  return `one of the words ${shown}${rest > 0 ? ` and ${plural(rest, "other")}` : ""}`;
}
