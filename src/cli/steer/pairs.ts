// Texts of two kinds, from the command line or from a file.

import { readFile } from "node:fs/promises";

import { z } from "zod";

import { PatchClampError } from "../../core/errors.ts";
import type { Contrast } from "../../network/steering/contrast.ts";
import { text, texts } from "../options.ts";

/** Options that name the texts of a contrast. */
export const contrastOptions = {
  positive: texts("text", "texts of the kind to steer towards"),
  negative: texts("text", "texts of the other kind"),
  pairs: text(
    "file",
    'instead of both: a file with a line {"positive": "...", "negative": "..."} for each pair, with a "prompt" where both answer one',
  ),
} as const;

/** What these options give. */
export interface ContrastChoice {
  readonly positive: readonly string[];
  readonly negative: readonly string[];
  readonly pairs: string | undefined;
}

/** Whether any texts were named. */
export function hasContrast({ positive, negative, pairs }: ContrastChoice): boolean {
  return pairs !== undefined || positive.length > 0 || negative.length > 0;
}

/**
 * The contrast that the options name.
 *
 * @throws PatchClampError `BAD_FILE` when the pairs cannot be read, `BAD_OPTION` when there are both texts and pairs, or one kind of texts
 */
export async function contrastOf(
  where: string,
  { positive, negative, pairs }: ContrastChoice,
): Promise<Contrast> {
  const hasTexts = positive.length > 0 || negative.length > 0;
  if (hasTexts && pairs !== undefined) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: "there are texts and a file of pairs, and a direction is made of one of the two.",
      fix: "leave --pairs out, or --positive and --negative.",
    });
  }
  if (pairs !== undefined) return readPairs(where, pairs);
  if (positive.length > 0 && negative.length > 0) return { positive, negative };
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: hasTexts
      ? `there are no ${positive.length === 0 ? "positive" : "negative"} texts, but a direction needs both kinds.`
      : "a direction needs texts of two kinds, and there are none.",
    fix: "give --positive and --negative texts, or --pairs FILE.",
  });
}

const pairSchema = z.strictObject({
  prompt: z.string().min(1).optional(),
  positive: z.string().min(1),
  negative: z.string().min(1),
});

type Pair = z.infer<typeof pairSchema>;

/**
 * Reads pairs of texts, one JSON object a line.
 *
 * @throws PatchClampError `BAD_FILE` when the file cannot be read, a line is no such object, naming the line, or some pairs have prompts and
 * others have none
 */
async function readPairs(where: string, path: string): Promise<Contrast> {
  const lines = await readLines(where, path, {
    what: "the pairs",
    fix: 'give a file with a line {"positive": "...", "negative": "..."} for each pair.',
  });
  const pairs = lines.map(({ line, at }) => parsePair(where, path, line, at));
  const asked = pairs.filter(({ prompt }) => prompt !== undefined);
  if (asked.length === 0) {
    return {
      positive: pairs.map(({ positive }) => positive),
      negative: pairs.map(({ negative }) => negative),
    };
  }
  if (asked.length === pairs.length) {
    return { pairs: pairs.map(({ prompt, ...answers }) => ({ prompt: prompt!, ...answers })) };
  }
  throw new PatchClampError("BAD_FILE", {
    where,
    problem: `${asked.length} of ${pairs.length} pairs in ${path} have a prompt.`,
    fix: "give all of them a prompt, or none.",
    facts: { path },
  });
}

/** A line of a file, and its number, from 1. */
export interface NumberedLine {
  readonly line: string;
  readonly at: number;
}

/**
 * The lines of a file that are not empty.
 *
 * @throws PatchClampError `BAD_FILE` when it cannot be read
 */
export async function readLines(
  where: string,
  path: string,
  { what, fix }: { readonly what: string; readonly fix: string },
): Promise<NumberedLine[]> {
  const content = await readFile(path, "utf8").catch((cause: unknown) => {
    const problem = `cannot read ${what} in ${path}.`;
    throw new PatchClampError("BAD_FILE", { where, problem, fix, cause });
  });
  return content
    .split(/\r?\n/)
    .map((line, i) => ({ line, at: i + 1 }))
    .filter(({ line }) => line.trim() !== "");
}

function parsePair(where: string, path: string, line: string, at: number): Pair {
  try {
    return pairSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `line ${at} of ${path} is not a pair.`,
      fix: 'write {"positive": "...", "negative": "..."} on each line.',
      facts: { path, line: at },
      cause,
    });
  }
}
