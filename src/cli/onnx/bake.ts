// `patchclamp onnx bake`: interventions written into an ONNX file, and a check that the new file does what they do here.

import { bakeOnnx, bakeParity } from "../../checkpoints/bake-onnx.ts";
import type { OutputDifference } from "../../checkpoints/bake-onnx.ts";
import { PatchClampError } from "../../core/errors.ts";
import { report, table } from "../../report/index.ts";
import type { Report } from "../../report/index.ts";
import { command } from "../command.ts";
import { announcement } from "../interventions.ts";
import { number, promptOperand, texts } from "../options.ts";
import { inputOptions } from "../shared-options.ts";
import { readSet } from "../value-formats.ts";
import { outOption, target } from "./edit.ts";
import { readGiven, readInputs } from "./given.ts";
import type { Written } from "./model.ts";
import { announce, findModel, modelOperand, networkOf, surgeryOf, writeModel } from "./model.ts";

function bakeReport(
  title: string,
  { file }: Written,
  parity: readonly OutputDifference[],
  notes: readonly string[],
): Report {
  return report({
    title,
    subtitle: `written to ${file}`,
    sections: [
      table({
        title: "The new file in ONNX Runtime, beside the same interventions here",
        columns: ["output", "shape", "changed by at most", "differs from ours by at most"],
        rows: parity.map(({ output, shape, maxChange, maxAbs }) => [
          output,
          `[${shape.join(", ")}]`,
          maxChange.toExponential(1),
          maxAbs.toExponential(1),
        ]),
        note: notes.join(" "),
      }),
    ],
  });
}

export const onnxBake = command({
  name: "onnx bake",
  summary: "write interventions into an ONNX file, which then needs nothing else",
  operands: [
    modelOperand,
    { ...promptOperand, help: "a text to compare on (default: an example)", isOptional: true },
  ],
  options: {
    interventions: texts("file", "what to write into it, in turn"),
    strength: number("x", "how much of every intervention is made", 1),
    ...inputOptions,
    ...outOption,
  },
  examples: [
    "onnx bake stories/onnx/model.onnx --interventions mood.safetensors --strength 2 --out happy.onnx",
  ],
  run: async ({ host, operands, options, note }) => {
    const out = target("onnx bake", options.out);
    if (options.interventions.length === 0) {
      throw new PatchClampError("BAD_OPTION", {
        where: "onnx bake",
        problem: "there are no interventions to write.",
        fix: "add --interventions FILE; `patchclamp steer learn` makes one.",
      });
    }
    const source = await findModel("onnx bake", host, operands["model"]!);
    const inputs = options.inputs === undefined ? undefined : await readInputs(options.inputs);
    const network = await networkOf(source, inputs);
    const text = operands["prompt"];
    const written = { text, isIds: options.ids, inputs };
    const given =
      text === undefined && inputs === undefined
        ? undefined
        : (await readGiven("onnx bake", source, network.inputs, written)).input;
    const paths = options.interventions;
    const sets = await Promise.all(paths.map(readSet));
    const { strength } = options;
    const baked = bakeOnnx(await surgeryOf(source), network, sets, { strength });
    const saved = await writeModel(baked, source, out);
    announce(note, saved);
    const parity = await bakeParity(saved.file, network, sets, { strength, given });
    const notes = sets.map((set, i) => announcement({ path: paths[i]!, set, origin: "unknown" }));
    return {
      data: { model: source.place, interventions: paths, strength, ...saved, parity },
      report: bakeReport(`${source.place} at strength ${strength}`, saved, parity, notes),
    };
  },
});
