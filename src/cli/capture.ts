// `patchclamp capture`: run a prompt, record values inside the network, and save them.

import { PatchClampError } from "../core/errors.ts";
import { writeSafetensors } from "../checkpoints/safetensors.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { report, table } from "../report/index.ts";
import type { Report } from "../report/index.ts";
import { command } from "./command.ts";
import { openLanguage } from "./network.ts";
import { flag, networkOperand, promptOperand, texts } from "./options.ts";
import { readPrompt } from "./prompt.ts";
import type { ReadPrompt } from "./prompt.ts";

/** A recorded value and its summary. */
interface Captured {
  readonly site: string;
  readonly shape: readonly number[];
  readonly mean: number;
  readonly std: number;
  /** L2 norm of all numbers. */
  readonly norm: number;
  readonly data: Float32Array;
}

/**
 * Runs a prompt and records sites.
 *
 * @throws PatchClampError `UNKNOWN_SITE` when a name or pattern matches none, `BAD_OPTION` when there is none
 */
async function captureSites(
  net: LanguageNetwork,
  { ids }: ReadPrompt,
  selection: readonly string[],
): Promise<Captured[]> {
  if (selection.length === 0) {
    throw new PatchClampError("BAD_OPTION", {
      where: "capture",
      problem: "no site was asked for, so there is nothing to record.",
      fix: 'add --site "blocks.*.resid_post"; `patchclamp sites` lists all.',
    });
  }
  const { activations } = await net.run([ids], { capture: selection });
  return Promise.all(
    Object.entries(activations).map(async ([site, value]) => {
      const data = Float32Array.from(await value.numbers());
      return { site, shape: value.shape, ...summaryOf(data), data };
    }),
  );
}

function summaryOf(data: Float32Array): { mean: number; std: number; norm: number } {
  let [sum, squares] = [0, 0];
  for (const x of data) {
    sum += x;
    squares += x * x;
  }
  const mean = sum / data.length;
  let spread = 0;
  for (const x of data) spread += (x - mean) ** 2;
  return { mean, std: Math.sqrt(spread / data.length), norm: Math.sqrt(squares) };
}

function captureReport(
  net: LanguageNetwork,
  prompt: string,
  captured: readonly Captured[],
): Report {
  return report({
    title: `Recorded in ${net.name}`,
    subtitle: prompt,
    sections: [
      table({
        columns: ["site", "shape", "mean", "std", "norm"],
        rows: captured.map(({ site, shape, mean, std, norm }) => [
          site,
          `[${shape.join(", ")}]`,
          mean,
          std,
          norm,
        ]),
      }),
    ],
  });
}

export const capture = command({
  name: "capture",
  summary: "record values inside a network while it reads a prompt",
  operands: [networkOperand, promptOperand],
  options: {
    site: texts("glob", "what to record, by name or pattern"),
    ids: flag("the prompt is a list of token ids, such as 2,17,9"),
  },
  formats: ["safetensors", "json", "html"],
  examples: [
    'capture "Mira found her red kite." --site "blocks.*.resid_post"',
    'capture "Mira found her red kite." --site blocks.1.attn.pattern --out pattern.safetensors',
  ],
  run: async ({ host, operands, options, note }) => {
    const net = await openLanguage(host, operands["network"]!);
    const text = operands["prompt"]!;
    const prompt = readPrompt(net, text, { isIds: options.ids });
    if (prompt.warning !== undefined) note(prompt.warning);
    const captured = await captureSites(net, prompt, options.site);
    const tensors = Object.fromEntries(
      captured.map(({ site, shape, data }) => [site, { shape, data }]),
    );
    return {
      data: {
        network: net.name,
        prompt: text,
        tokens: prompt.tokens,
        sites: captured.map(({ data, ...rest }) => ({ ...rest, values: Array.from(data) })),
      },
      report: captureReport(net, text, captured),
      files: {
        safetensors: () =>
          writeSafetensors(tensors, {
            network: net.name,
            prompt: text,
            tokens: JSON.stringify(prompt.tokens),
          }),
      },
    };
  },
});
