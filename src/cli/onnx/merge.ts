// `patchclamp onnx merge`: a LoRA adapter in the weights of an ONNX file.

import { mergeOnnx } from "../../checkpoints/merge-onnx.ts";
import { PatchClampError } from "../../core/errors.ts";
import { command } from "../command.ts";
import { number } from "../options.ts";
import { readStored } from "../value-formats.ts";
import { outOption, target } from "./edit.ts";
import { announce, findModel, modelOperand, surgeryOf, writeModel } from "./model.ts";
import { writtenReport } from "./names.ts";

export const onnxMerge = command({
  name: "onnx merge",
  summary: "merge a LoRA adapter into the weights of an ONNX file",
  operands: [modelOperand, { name: "adapter", help: "a folder of PEFT, or a PatchClamp file" }],
  options: { strength: number("x", "how much of the adapter is added", 1), ...outOption },
  examples: ["onnx merge model.onnx my-lora --out merged.onnx"],
  run: async ({ host, operands, options, note }) => {
    const out = target("onnx merge", options.out);
    const path = operands["adapter"]!;
    const source = await findModel("onnx merge", host, operands["model"]!);
    const stored = await readStored(path);
    if (stored.kind !== "adapter") {
      throw new PatchClampError("BAD_INPUT", {
        where: "onnx merge",
        problem: `${path} holds ${stored.kind}, and only an adapter is merged into weights.`,
        fix: "name a folder of PEFT; `patchclamp onnx bake` writes interventions into a model.",
      });
    }
    const { strength } = options;
    const { model, weights } = mergeOnnx(await surgeryOf(source), stored.adapter, { strength });
    const written = await writeModel(model, source, out);
    announce(note, written);
    return {
      data: { model: source.place, adapter: path, strength, ...written, weights },
      report: writtenReport(
        `${path} merged into ${source.place}`,
        written,
        Object.entries(weights),
      ),
    };
  },
});
