// `patchclamp steer`: push a network's activations along a direction while it writes.

import { readFile } from "node:fs/promises";

import { z } from "zod";

import { PatchClampError } from "../core/errors.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { report, textPairs } from "../report/index.ts";
import { command } from "./command.ts";
import { openLanguage } from "./network.ts";
import { differenceOfMeans, steered } from "./direction.ts";
import type { Contrast } from "./direction.ts";
import { networkOperand, number, numbers, promptOperand, text, texts } from "./options.ts";
import { readPrompt } from "./prompt.ts";

const pairSchema = z.strictObject({ positive: z.string().min(1), negative: z.string().min(1) });

/**
 * Reads pairs of texts, one JSON object a line: `{"positive": "...", "negative": "..."}`.
 *
 * @throws PatchClampError `BAD_FILE` when the file cannot be read or a line is no such object, naming the line
 */
async function readPairs(path: string): Promise<Contrast> {
  const content = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new PatchClampError("BAD_FILE", {
      where: "steer",
      problem: `cannot read the pairs in ${path}.`,
      fix: 'give a file with a line {"positive": "...", "negative": "..."} for each pair.',
      cause,
    });
  });
  const pairs = content
    .split("\n")
    .flatMap((line, i) => (line.trim() === "" ? [] : [parsePair(path, line, i + 1)]));
  return {
    positive: pairs.map(({ positive }) => positive),
    negative: pairs.map(({ negative }) => negative),
  };
}

function parsePair(path: string, line: string, at: number): z.infer<typeof pairSchema> {
  try {
    return pairSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new PatchClampError("BAD_FILE", {
      where: "steer",
      problem: `line ${at} of ${path} is not a pair.`,
      fix: 'write {"positive": "...", "negative": "..."} on each line.',
      facts: { path, line: at },
      cause,
    });
  }
}

/** The middle of the network, where directions that come from texts tend to work. */
function middleSite(net: LanguageNetwork): string {
  return `blocks.${Math.floor((net.config.nLayers - 1) / 2)}.resid_post`;
}

/** Room for new tokens after a prompt, at most 24. */
function roomAfter(net: LanguageNetwork, prompt: string): number {
  return Math.max(1, Math.min(24, net.config.nCtx - readPrompt(net, prompt).ids.length));
}

export const steer = command({
  name: "steer",
  summary: "push a network along the direction between two kinds of texts while it writes",
  operands: [networkOperand, promptOperand],
  options: {
    positive: texts("text", "texts of the kind to steer towards"),
    negative: texts("text", "texts of the other kind"),
    pairs: text(
      "file",
      'instead of both: a file with a line {"positive": "...", "negative": "..."} for each pair',
    ),
    site: text(
      "name",
      "where to add the direction (default: the residual stream after the middle block)",
    ),
    strength: numbers(
      "list",
      "strengths, as -4,0,4 or -6..6; 1 is half the distance between the two kinds",
      "-4,0,4",
    ),
    maxTokens: number(
      "n",
      "most new tokens; 0 stands for what the context has room for, at most 24",
      0,
    ),
    temperature: number("t", "0 takes the likeliest token, 1 draws as the network expects", 0),
    seed: number("n", "seed of the draws", 0),
  },
  formats: ["html", "json"],
  examples: [
    'steer "Mira was at the park. Mira saw a red kite." --positive "Mira found her red kite." --negative "Mira lost her red kite."',
    'steer "Mira was at the park." --pairs demo-report/mood-pairs.jsonl --site blocks.1.resid_post --strength -6..6',
  ],
  run: async ({ host, operands, options, note }) => {
    const { strength: strengths, temperature, seed } = options;
    const net = await openLanguage(host, operands["network"]!);
    const prompt = operands["prompt"]!.trim();
    const { warning } = readPrompt(net, prompt);
    if (warning !== undefined) note(warning);
    const contrast = options.pairs === undefined ? options : await readPairs(options.pairs);
    const site = options.site ?? middleSite(net);
    const direction = await differenceOfMeans(net, contrast, site);
    const maxTokens = options.maxTokens === 0 ? roomAfter(net, prompt) : options.maxTokens;
    const found = await steered(net, [prompt], {
      site,
      direction: () => direction,
      strengths: [0, ...strengths],
      generate: { maxTokens, temperature, seed },
    });
    const [plain, ...texts] = found.map(([only]) => only!.text.trim());
    return {
      data: {
        network: net.name,
        prompt,
        site,
        unsteered: plain,
        steered: strengths.map((strength, i) => ({ strength, text: texts[i]! })),
      },
      report: report({
        title: `Steering ${net.name} at ${site}`,
        subtitle: prompt,
        sections: [
          textPairs({
            columns: { label: "strength", left: "unsteered", right: "steered" },
            pairs: strengths.map((strength, i) => ({
              label: `${strength}`,
              left: plain!,
              right: texts[i]!,
            })),
            note: "Strength 1 is half the distance between the means of the two kinds of texts.",
          }),
        ],
      }),
    };
  },
});
