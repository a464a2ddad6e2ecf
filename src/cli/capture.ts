// `patchclamp capture`: run a prompt, record values inside the network, and save them.

import { PatchClampError } from "../core/errors.ts";
import { writeSafetensors } from "../checkpoints/safetensors.ts";
import type { Pass } from "../network/network.ts";
import type { AnyNetwork } from "../organisms/load-network.ts";
import { report, table } from "../report/index.ts";
import type { Report } from "../report/index.ts";
import { command } from "./command.ts";
import { openAny } from "./network.ts";
import { flag, networkOperand, promptOperand, texts } from "./options.ts";
import { readPrompt, toIds } from "./prompt.ts";
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

/** A prompt as its network reads it. */
interface Reading extends Pick<ReadPrompt, "tokens" | "warning"> {
  readonly run: (capture: readonly string[]) => Promise<Pass>;
}

/**
 * Reads the prompt of a network that reads text.
 *
 * @throws PatchClampError `UNSUPPORTED` for a network that takes something else
 */
function reading(any: AnyNetwork, text: string, isIds: boolean): Reading {
  if (any.kind === "decoder") {
    const { network } = any;
    const { ids, ...rest } = readPrompt(network, text, { isIds });
    return { ...rest, run: (capture) => network.run([ids], { capture }) };
  }
  if (any.kind === "encoder") {
    const { network } = any;
    const given = isIds ? toIds(text) : text;
    const ids = network.tokens(given).ids[0]!;
    const tokens = ids.map((id) => (isIds ? String(id) : network.tokenizer.token(id)));
    return { tokens, warning: undefined, run: (capture) => network.run(given, { capture }) };
  }
  throw new PatchClampError("UNSUPPORTED", {
    where: "capture",
    problem: `${any.network.name} takes more than one text (it is of the kind "${any.kind}").`,
    fix: "record in a program of yours: net.run(..., { capture }).",
    facts: { kind: any.kind },
  });
}

/**
 * Runs a prompt and records sites.
 *
 * @throws PatchClampError `UNKNOWN_SITE` when a name or pattern matches none, `BAD_OPTION` when there is none
 */
async function captureSites({ run }: Reading, selection: readonly string[]): Promise<Captured[]> {
  if (selection.length === 0) {
    throw new PatchClampError("BAD_OPTION", {
      where: "capture",
      problem: "no site was asked for, so there is nothing to record.",
      fix: 'add --site "blocks.*.resid_post"; `patchclamp sites` lists all.',
    });
  }
  const { activations } = await run(selection);
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

function captureReport(network: string, prompt: string, captured: readonly Captured[]): Report {
  return report({
    title: `Recorded in ${network}`,
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
    const any = await openAny(host, operands["network"]!);
    const text = operands["prompt"]!;
    const prompt = reading(any, text, options.ids);
    if (prompt.warning !== undefined) note(prompt.warning);
    const captured = await captureSites(prompt, options.site);
    const { name } = any.network;
    const tensors = Object.fromEntries(
      captured.map(({ site, shape, data }) => [site, { shape, data }]),
    );
    return {
      data: {
        network: name,
        prompt: text,
        tokens: prompt.tokens,
        sites: captured.map(({ data, ...rest }) => ({ ...rest, values: Array.from(data) })),
      },
      report: captureReport(name, text, captured),
      files: {
        safetensors: () =>
          writeSafetensors(tensors, {
            network: name,
            prompt: text,
            tokens: JSON.stringify(prompt.tokens),
          }),
      },
    };
  },
});
