// `patchclamp capture`: run a prompt, record values inside the network, and save them.

import { PatchClampError } from "../core/errors.ts";
import { writeSafetensors } from "../checkpoints/safetensors.ts";
import type { Pass } from "../network/network.ts";
import type { AnyNetwork } from "../organisms/load-network.ts";
import { report } from "../report/index.ts";
import { command } from "./command.ts";
import { openAny } from "./network.ts";
import { flag, networkOperand, promptOperand, texts } from "./options.ts";
import { readPrompt, toIds } from "./prompt.ts";
import type { ReadPrompt } from "./prompt.ts";
import { captured, capturedJson, capturedTable } from "./recording.ts";
import type { Captured } from "./recording.ts";

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
    Object.entries(activations).map(async ([site, value]) =>
      captured(site, value.shape, Float32Array.from(await value.numbers())),
    ),
  );
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
    const found = await captureSites(prompt, options.site);
    const { name } = any.network;
    const tensors = Object.fromEntries(
      found.map(({ site, shape, data }) => [site, { shape, data }]),
    );
    return {
      data: {
        network: name,
        prompt: text,
        tokens: prompt.tokens,
        sites: capturedJson(found),
      },
      report: report({
        title: `Recorded in ${name}`,
        subtitle: text,
        sections: [capturedTable(found)],
      }),
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
