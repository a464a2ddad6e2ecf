// `patchclamp onnx values`: every value of a graph, with its type and shape, and who makes it.

import { PatchClampError } from "../../core/errors.ts";
import { dottedGlob, nearest } from "../../core/text.ts";
import type { GraphValue } from "../../onnx/surgery/index.ts";
import { report, table } from "../../report/index.ts";
import { command } from "../command.ts";
import { choice, text } from "../options.ts";
import { findModel, modelOperand, surgeryOf } from "./model.ts";

const roles = ["input", "initializer", "computed"] as const;

function matching(values: readonly GraphValue[], glob: string): GraphValue[] {
  const found = values.filter(({ name }) => name === glob || dottedGlob(glob)(name));
  if (found.length > 0) return found;
  const near = nearest(
    glob,
    values.map(({ name }) => name),
  );
  throw new PatchClampError("UNKNOWN_NAME", {
    where: "onnx values",
    problem: `none of the ${values.length} values matches "${glob}".`,
    fix: `the nearest are ${near.map((name) => `"${name}"`).join(", ")}.`,
  });
}

/** One line: `h  float32 [batch, 16]  made by MatMul, an output`. */
function lineOf({ name, role, type, shape, producer, isOutput }: GraphValue): string {
  const sizes = shape === undefined ? "[...]" : `[${shape.map((size) => size ?? "?").join(", ")}]`;
  const from = {
    input: "an input",
    initializer: "a constant",
    computed: `made by ${producer?.opType}`,
  }[role];
  return `${name}  ${type ?? "?"} ${sizes}  ${from}${isOutput ? ", an output" : ""}`;
}

export const onnxValues = command({
  name: "onnx values",
  summary: "list the values of an ONNX file: types, shapes, and what makes them",
  operands: [modelOperand],
  options: {
    match: text("glob", "only values that match, such as /model/**"),
    role: choice(roles, "only values of this role"),
  },
  formats: ["html", "json"],
  examples: [
    "onnx values stories/onnx/model.onnx --role input",
    'onnx values stories/onnx/model.onnx --match "blocks.0.**" --json',
  ],
  run: async ({ host, operands, options }) => {
    const source = await findModel("onnx values", host, operands["model"]!);
    const model = await surgeryOf(source);
    const all = model.values();
    const chosen = options.match === undefined ? all : matching(all, options.match);
    const found = chosen.filter(({ role }) => options.role === undefined || role === options.role);
    return {
      data: {
        model: source.place,
        metadata: Object.fromEntries(model.metadata()),
        values: found.map((value) => ({
          ...value,
          type: value.type ?? null,
          shape: value.shape ?? null,
          producer: value.producer ?? null,
        })),
      },
      report: report({
        title: `Values of ${source.place}`,
        subtitle: `${found.length} of ${all.length}; an open size has its name, or ? where it is not known`,
        sections: [
          // in one column, as names are long and must be whole to be of use
          table({
            columns: ["value, type, shape, maker"],
            rows: found.map((value) => [lineOf(value)]),
          }),
        ],
      }),
    };
  },
});
