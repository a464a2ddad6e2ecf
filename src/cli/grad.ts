// `patchclamp grad`: how a number of a network's output depends on the values inside it.

import { writeSafetensors } from "../checkpoints/safetensors.ts";
import { PatchClampError } from "../core/errors.ts";
import { report } from "../report/index.ts";
import { command } from "./command.ts";
import { inputOperand, networkOperand, text, texts } from "./options.ts";
import { readFor } from "./reading.ts";
import { captured, capturedJson, capturedTable } from "./recording.ts";
import { inputOptions } from "./shared-options.ts";
import { parseTarget, targetOf } from "./target.ts";

/** @throws PatchClampError `BAD_OPTION` when it is missing */
function needed(given: string | undefined, option: string, example: string): string {
  if (given !== undefined && given !== "") return given;
  throw new PatchClampError("BAD_OPTION", {
    where: "grad",
    problem: `--${option} is missing.`,
    fix: `add --${option} ${example}.`,
  });
}

export const grad = command({
  name: "grad",
  summary: "differentiate a logit, or a difference of two, with respect to values inside",
  operands: [networkOperand, inputOperand],
  options: {
    of: text(
      "number",
      'logit("cat"), logprob("cat"), output[3], or one minus another; ids without quotes',
    ),
    at: texts("glob", "sites at which to differentiate, by name or pattern"),
    ...inputOptions,
  },
  formats: ["safetensors", "json", "html"],
  examples: [
    `grad "Mira gave the red cup to" --of 'logit("Tomo") - logit("Mira")' --at "blocks.*.attn.z"`,
    `grad "Mira gave the red cup to" --of 'logprob("Tomo")' --at blocks.1.resid_post --out grad.safetensors`,
    'grad stories/onnx/model.onnx 2,17,9 --ids --of "logit(5)" --at "blocks.*.resid_post"',
  ],
  run: async ({ host, operands, options, note }) => {
    const target = parseTarget(needed(options.of, "of", `'logit("cat")'`));
    const at = options.at.length > 0 ? options.at : [needed(undefined, "at", '"blocks.*.attn.z"')];
    const reading = await readFor("grad", host, operands["network"]!, {
      text: operands["prompt"],
      isIds: options.ids,
      inputs: options.inputs,
    });
    const { network, prompt, tokens, tokenizer, output, warning } = reading;
    if (warning !== undefined) note(warning);
    const { value, grads } = await reading.grad({
      of: (pass) => targetOf(target, pass.at(output), tokenizer),
      at,
    });
    const found = await Promise.all(
      Object.entries(grads).map(async ([site, gradient]) =>
        captured(site, gradient.shape, Float32Array.from(await gradient.numbers())),
      ),
    );
    const tensors = Object.fromEntries(
      found.map(({ site, shape, data }) => [site, { shape, data }]),
    );
    const about = { network, prompt, of: target.source };
    return {
      data: { ...about, value, tokens, sites: capturedJson(found) },
      report: report({
        title: `Gradients of ${target.source} in ${network}`,
        subtitle: prompt,
        sections: [
          capturedTable(found, `${target.source} is ${Number(value.toPrecision(6))} here.`),
        ],
      }),
      files: {
        safetensors: () =>
          writeSafetensors(tensors, {
            ...about,
            value: String(value),
            tokens: JSON.stringify(tokens),
          }),
      },
    };
  },
});
