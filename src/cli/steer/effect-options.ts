// What interventions are for, and how it is measured, from the command line.

import { PatchClampError } from "../../core/errors.ts";
import type { DoseCurveOptions } from "../../network/steering/dose-curve.ts";
import { matches, preference } from "../../network/steering/effect.ts";
import type { Effect } from "../../network/steering/effect.ts";
import type { Call, Host, OptionsOf } from "../command.ts";
import { number, optionalNumber, text, texts } from "../options.ts";
import { progress } from "../progress.ts";
import { readLines } from "./pairs.ts";

/** Options that say what the effect is and how a dose curve of it is measured. */
export const effectOptions = {
  prompts: text("file", "measure the effect after these prompts, one a line"),
  prompt: texts("text", "... or after these"),
  words: texts("word", "the effect: the share of continuations that have one of these words"),
  match: text("regexp", "... or that match this regular expression"),
  prefer: text("text", "... or how much likelier the network finds this continuation ..."),
  over: text("text", "... than this one"),
  already: optionalNumber(
    "x",
    "how much of it the unsteered network may show (default: of its kind)",
  ),
  neutral: text("file", "texts that must stay fluent, one a line (default: the prompts)"),
  random: number("n", "random directions to compare with", 3),
  maxTokens: optionalNumber("n", "most new tokens of a continuation (default: 24)"),
  temperature: number("t", "of continuations; 0 takes the likeliest token", 1),
  seed: number("n", "seed of everything that is drawn", 0),
} as const;

/** What these options give. */
export type EffectChoice = OptionsOf<typeof effectOptions>;

/** An effect with the prompts it is measured after. */
export interface ChosenEffect {
  readonly effect: Effect;
  readonly prompts: readonly string[];
  readonly neutral: readonly string[];
}

/**
 * The effect that the options name.
 *
 * @throws PatchClampError `BAD_OPTION` when they name no effect, more than one, or no prompts; `BAD_FILE` when a file cannot be read
 */
export async function effectOf(where: string, options: EffectChoice): Promise<ChosenEffect> {
  const { words, match, prefer, over, already, neutral } = options;
  const kinds = [
    ...(words.length > 0 ? ["--words"] : []),
    ...(match === undefined ? [] : ["--match"]),
    ...(prefer === undefined && over === undefined ? [] : ["--prefer"]),
  ];
  if (kinds.length !== 1) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem:
        kinds.length === 0
          ? "nothing says what the interventions are for, so no effect can be measured."
          : `${kinds.join(" and ")} name different effects.`,
      fix: "give one of --words WORD..., --match REGEXP, or --prefer TEXT --over TEXT.",
    });
  }
  const prompts = await promptsOf(where, options);
  const asked = { prompts, already };
  return {
    prompts,
    neutral: neutral === undefined ? prompts : await textsOf(where, neutral, "the neutral texts"),
    effect:
      kinds[0] === "--prefer"
        ? preference({ ...asked, ...preferred(where, prefer, over) })
        : matches({
            ...asked,
            ...(match === undefined ? { words } : { pattern: patternOf(where, match) }),
          }),
  };
}

async function promptsOf(
  where: string,
  { prompts, prompt }: EffectChoice,
): Promise<readonly string[]> {
  const read = prompts === undefined ? [] : await textsOf(where, prompts, "the prompts");
  const all = [...read, ...prompt];
  if (all.length > 0) return all;
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: "there are no prompts, so no effect can be measured.",
    fix: "give --prompts FILE with a prompt on each line, or --prompt TEXT...",
  });
}

async function textsOf(where: string, path: string, what: string): Promise<string[]> {
  const lines = await readLines(where, path, {
    what,
    fix: "give a file with a text on each line.",
  });
  return lines.map(({ line }) => line);
}

function preferred(
  where: string,
  positive: string | undefined,
  negative: string | undefined,
): { positive: string; negative: string } {
  if (positive !== undefined && negative !== undefined) return { positive, negative };
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: "a preference is of one continuation over another, and one of them is missing.",
    fix: "give both --prefer TEXT and --over TEXT.",
  });
}

function patternOf(where: string, source: string): RegExp {
  try {
    return new RegExp(source, "iu");
  } catch (cause) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `--match is ${source}, which is not a regular expression.`,
      cause,
    });
  }
}

/** How the curve is measured, with a bar for those who wait. */
export function measuring(
  host: Host,
  { random, maxTokens, temperature, seed }: EffectChoice,
): { readonly how: Omit<DoseCurveOptions, "effect" | "neutral" | "strengths">; stop: () => void } {
  const bar = progress(host, "measuring", 100);
  return {
    how: {
      random,
      temperature,
      seed,
      ...(maxTokens === undefined ? {} : { maxTokens }),
      signal: host.interrupted(),
      onProgress: ({ what, done }) => bar.update(Math.round(100 * done), what),
    },
    stop: bar.stop,
  };
}

/** Whether a set is to be saved; without, it is only shown. */
export function savesSet({ out }: Pick<Call<never>, "out">): boolean {
  return out.some((path) => path.endsWith(".safetensors"));
}
