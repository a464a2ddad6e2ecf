// `patchclamp run`: continue a prompt, and look at what comes next layer by layer.

import { Chalk } from "chalk";

import type { GenerateOptions } from "../network/generate.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { bars, report, text } from "../report/index.ts";
import type { Report } from "../report/index.ts";
import { command } from "./command.ts";
import { openLanguage } from "./network.ts";
import { lensGrid, lensSection, tokenText } from "./lens-section.ts";
import type { LensGrid } from "./lens-section.ts";
import {
  flag,
  networkOperand,
  number,
  optionalNumber,
  promptOperand,
  text as textOption,
} from "./options.ts";
import { addedText, readPrompt, textEnds } from "./prompt.ts";
import type { ReadPrompt } from "./prompt.ts";

/** A token that was generated. */
interface Written {
  readonly id: number;
  readonly token: string;
  readonly probability: number;
}

/**
 * Continues a prompt.
 *
 * @param write - gets the text piece by piece
 */
async function continuePrompt(
  net: LanguageNetwork,
  { ids }: ReadPrompt,
  options: GenerateOptions,
  write: (piece: string) => void,
): Promise<{ text: string; tokens: Written[] }> {
  const tokens: Written[] = [];
  let shown = "";
  for await (const { id, probability } of net.generate([ids], {
    stop: textEnds(net),
    ...options,
  })) {
    tokens.push({ id, token: tokenText(net, id), probability });
    const whole = addedText(
      net,
      ids,
      tokens.map((token) => token.id),
    );
    if (whole.endsWith("\uFFFD") || !whole.startsWith(shown)) continue; // a character that is not whole yet
    write(whole.slice(shown.length));
    shown = whole;
  }
  return {
    text: addedText(
      net,
      ids,
      tokens.map(({ id }) => id),
    ),
    tokens,
  };
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

function continuedReport({
  network,
  prompt,
  continuation,
}: Record<"network" | "prompt" | "continuation", string>): Report {
  return report({
    title: `Written by ${network}`,
    sections: [text({ paragraphs: [prompt + continuation] })],
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
    seed: number("n", "seed of the draws", 0),
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
  run: async ({ host, operands, options, print, note }) => {
    const { ids: isIds, chat, system, lens, maxTokens, topK, topP, ...rest } = options;
    const net = await openLanguage(host, operands["network"]!);
    const prompt = readPrompt(net, operands["prompt"]!, {
      isIds,
      ...(chat || system !== undefined ? { chat: { system } } : {}),
    });
    if (prompt.warning !== undefined) note(prompt.warning);
    const ink = new Chalk({ level: host.color });
    print(ink.dim(net.hasTokenizer ? operands["prompt"]!.trim() : prompt.tokens.join(" ")));
    const sampling = {
      ...rest,
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(topK === undefined ? {} : { topK }),
      ...(topP === undefined ? {} : { topP }),
    };
    const written = await continuePrompt(net, prompt, sampling, print);
    print("\n");
    const data = {
      network: net.name,
      prompt: operands["prompt"]!,
      tokens: prompt.tokens,
      continuation: written.text,
      generated: written.tokens,
    };
    if (!lens) return { data, report: continuedReport(data), isPrinted: true };
    const grid = await lensGrid(net, prompt.ids);
    print("\n");
    return {
      data: { ...data, next: grid.next, layers: grid.layers },
      report: nextReport(net, prompt, grid),
    };
  },
});
