// `patchclamp capture`: run a prompt, record values inside the network, and save them.

import { PatchClampError } from "../core/errors.ts";
import { writeSafetensors } from "../checkpoints/safetensors.ts";
import { report } from "../report/index.ts";
import { command } from "./command.ts";
import { inputOperand, networkOperand, texts } from "./options.ts";
import { readFor } from "./reading.ts";
import type { Reading } from "./reading.ts";
import { captured, capturedJson, capturedTable } from "./recording.ts";
import type { Captured } from "./recording.ts";
import { inputOptions } from "./shared-options.ts";

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
  operands: [networkOperand, inputOperand],
  options: { site: texts("glob", "what to record, by name or pattern"), ...inputOptions },
  formats: ["safetensors", "json", "html"],
  examples: [
    'capture "Mira found her red kite." --site "blocks.*.resid_post"',
    'capture "Mira found her red kite." --site blocks.1.attn.pattern --out pattern.safetensors',
    'capture stories/onnx/model.onnx "Mira found her red kite." --site "blocks.*.resid_post"',
  ],
  run: async ({ host, operands, options, note }) => {
    const reading = await readFor("capture", host, operands["network"]!, {
      text: operands["prompt"],
      isIds: options.ids,
      inputs: options.inputs,
    });
    const { network, prompt, tokens, warning } = reading;
    if (warning !== undefined) note(warning);
    const found = await captureSites(reading, options.site);
    const tensors = Object.fromEntries(
      found.map(({ site, shape, data }) => [site, { shape, data }]),
    );
    return {
      data: { network, prompt, tokens, sites: capturedJson(found) },
      report: report({
        title: `Recorded in ${network}`,
        subtitle: prompt,
        sections: [capturedTable(found)],
      }),
      files: {
        safetensors: () =>
          writeSafetensors(tensors, { network, prompt, tokens: JSON.stringify(tokens) }),
      },
    };
  },
});
