// `patchclamp run`: continue a prompt, and look at what comes next layer by layer.

import { basename, dirname } from "node:path";

import { Chalk } from "chalk";

import { loadInterventions } from "../checkpoints/values/index.ts";
import type { InterventionSet } from "../checkpoints/values/index.ts";
import type { GenerateOptions } from "../network/generate.ts";
import type { InterventionOptions } from "../network/interventions.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { tokenLabel } from "../network/tokenizer.ts";
import type { Alternative } from "../network/sampling/likelihood.ts";
import { nodeFiles } from "../runtime/node-files.ts";
import { bars, report, table, text } from "../report/index.ts";
import type { Report, Section } from "../report/index.ts";
import { command } from "./command.ts";
import { openLanguage } from "./network.ts";
import { lensGrid, lensSection } from "./lens-section.ts";
import type { LensGrid } from "./lens-section.ts";
import {
  flag,
  networkOperand,
  number,
  optionalNumber,
  promptOperand,
  text as textOption,
  texts,
} from "./options.ts";
import { addedText, readPrompt, textEnds } from "./prompt.ts";
import type { ReadPrompt } from "./prompt.ts";

/** A token that may have been generated. */
interface Likely {
  readonly id: number;
  readonly token: string;
  /** In nats. */
  readonly logProbability: number;
}

/** A token that was generated. */
interface Written extends Likely {
  readonly probability: number;
  readonly alternatives: readonly Likely[];
}

/** One continuation of the prompt. */
interface Continuation {
  text: string;
  readonly generated: Written[];
}

/**
 * Continues a prompt.
 *
 * @param write - gets the first continuation's text piece by piece
 */
async function continuePrompt(
  net: LanguageNetwork,
  { ids }: ReadPrompt,
  options: GenerateOptions & InterventionOptions,
  write: (piece: string) => void,
): Promise<Continuation[]> {
  const written = Array.from({ length: options.count ?? 1 }, (): Continuation => ({
    text: "",
    generated: [],
  }));
  const likely = ({ id, logProbability }: Alternative): Likely => ({
    id,
    token: tokenLabel(net, id),
    logProbability,
  });
  const all = net.generate([ids], { stop: textEnds(net), ...options });
  for await (const { row, text, probability, alternatives, ...token } of all) {
    const own = written[row]!;
    own.generated.push({ ...likely(token), probability, alternatives: alternatives.map(likely) });
    const piece = net.hasTokenizer ? text : ` ${token.id}`;
    const gap = own.text === "" && piece !== "" ? gapBefore(net, ids, own.generated) : "";
    own.text += gap + piece;
    if (row === 0) write(gap + piece);
  }
  return written;
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

/** The interventions of files. */
async function readSets(paths: readonly string[]): Promise<InterventionSet[]> {
  const sets: InterventionSet[] = [];
  for (const path of paths) {
    const { set } = await loadInterventions(nodeFiles(dirname(path)), basename(path));
    sets.push(set);
  }
  return sets;
}

/** What comes next, and how it came about. */
function nextReport(net: LanguageNetwork, { tokens }: ReadPrompt, grid: LensGrid): Report {
  return report({
    title: `What ${net.name} expects next`,
    sections: [
      bars({
        title: "After the whole prompt",
        value: { label: "probability" },
        bars: grid.next.map(({ token, probability }) => ({ label: token, value: probability })),
      }),
      lensSection(tokens, grid, {
        title: "Where each layer makes up its mind",
        note: "Each cell is the word that the network would say next if it stopped at that layer.",
      }),
    ],
  });
}

function continuedReport(
  network: string,
  prompt: string,
  continuations: readonly Continuation[],
): Report {
  return report({
    title: `Written by ${network}`,
    sections: [
      text({ paragraphs: continuations.map((continuation) => prompt + continuation.text) }),
      ...likelihoods(continuations),
    ],
  });
}

/** How likely every token was, where this was asked for. */
function likelihoods(continuations: readonly Continuation[]): Section[] {
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
          alternatives
            .map((other) => `${other.token} ${other.logProbability.toFixed(3)}`)
            .join("  "),
        ]),
      }),
    ];
  });
}

export const run = command({
  name: "run",
  summary: "continue a prompt; with --lens, show what each layer expects next",
  operands: [networkOperand, promptOperand],
  options: {
    maxTokens: optionalNumber("n", "most new tokens (default: room in the context, at most 64)"),
    temperature: number("t", "0 takes the likeliest token, 1 draws as the network expects", 0),
    topK: optionalNumber("k", "draw from the k likeliest tokens only"),
    topP: optionalNumber("p", "draw from the likeliest tokens that add up to p"),
    minP: optionalNumber("p", "draw from tokens at least p times as likely as the likeliest"),
    typicalP: optionalNumber("p", "draw from the most typical tokens that add up to p"),
    repetitionPenalty: optionalNumber("x", "divide the scores of tokens that are there already"),
    frequencyPenalty: optionalNumber("x", "taken off a token's score each time it is written"),
    presencePenalty: optionalNumber("x", "taken off the score of a token that was written"),
    stop: texts("text", "end before any of these texts"),
    count: number("n", "continuations, drawn apart from each other", 1),
    logProbabilities: optionalNumber("n", "show log-probabilities and the n likeliest tokens"),
    seed: number("n", "seed of the draws", 0),
    interventions: texts("file", "steer with the interventions in these files, in turn"),
    strength: number("x", "how much of every intervention is made", 1),
    lens: flag("show the likeliest next tokens, and what each layer expects"),
    ids: flag("the prompt is a list of token ids, such as 2,17,9"),
    chat: flag("the prompt is a message: write it as the network's chat template says"),
    system: textOption("text", "a system message before it; implies --chat"),
  },
  formats: ["html", "json"],
  examples: [
    'run "When Mira and Tomo went to the park, Mira gave the red cup to"',
    'run "It was a windy morning at the park." --temperature 1 --seed 4',
    'run "Mira and Tomo were at the park. Mira gave a red cup to" --lens --max-tokens 1',
  ],
  run: async ({ host, operands, options, print, show, note }) => {
    const { ids: isIds, chat, system, lens, maxTokens, stop, interventions, ...sampling } = options;
    const net = await openLanguage(host, operands["network"]!);
    const prompt = readPrompt(net, operands["prompt"]!, {
      isIds,
      ...(chat || system !== undefined ? { chat: { system } } : {}),
    });
    if (prompt.warning !== undefined) note(prompt.warning);
    const ink = new Chalk({ level: host.color });
    print(ink.dim(net.hasTokenizer ? operands["prompt"]!.trim() : prompt.tokens.join(" ")));
    const given = {
      ...sampling,
      stopStrings: stop,
      interventions: await readSets(interventions),
      ...(maxTokens === undefined ? {} : { maxTokens }),
    };
    const continuations = await continuePrompt(net, prompt, given, print);
    const [first, ...others] = continuations as [Continuation, ...Continuation[]];
    for (const other of others) print(`\n\n${ink.dim("...")}${other.text}`);
    print("\n");
    const sections = likelihoods(continuations);
    if (sections.length > 0) show(report({ title: `How likely ${net.name} found it`, sections }));
    const data = {
      network: net.name,
      prompt: operands["prompt"]!,
      tokens: prompt.tokens,
      continuation: first.text,
      generated: first.generated,
      ...(others.length === 0 ? {} : { continuations }),
    };
    if (!lens)
      return {
        data,
        report: continuedReport(net.name, data.prompt, continuations),
        isPrinted: true,
      };
    const grid = await lensGrid(net, prompt.ids);
    print("\n");
    return {
      data: { ...data, next: grid.next, layers: grid.layers },
      report: nextReport(net, prompt, grid),
    };
  },
});
