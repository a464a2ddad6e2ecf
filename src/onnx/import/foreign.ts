// Nodes that ONNX Runtime computes as they stand in the file.

import { unreachable } from "../../core/errors.ts";
import type { Op } from "../../tensor/op.ts";
import { defineOp } from "../../tensor/op.ts";
import type { OnnxAttr } from "../../tensor/op.ts";
import type { Aval, Tensor } from "../../tensor/tensor.ts";
import { applyMany } from "../../tensor/tensor.ts";
import type { OnnxAttribute } from "../model.ts";

interface ForeignAttrs {
  readonly opType: string;
  readonly attributes: Readonly<Record<string, OnnxAttr>>;
  /** For every input of the node, whether it is given. */
  readonly given: readonly boolean[];
  readonly outputs: readonly Aval[];
}

const foreignOp: Op<ForeignAttrs> = defineOp<ForeignAttrs>({
  name: "foreign",
  infer: (_, { outputs }) => outputs,
  grad: { reason: ({ opType }) => `ONNX Runtime runs ${opType} as it stands in the file` },
  lower: ({ emitMany }, inputs, { opType, attributes, given, outputs }) => {
    let next = 0;
    const all = given.map((isGiven) => (isGiven ? inputs[next++]! : null));
    return emitMany(opType, all, attributes, outputs.length);
  },
  samples: [
    {
      inputs: [{ shape: [2, 3], dtype: "float32" }],
      attrs: {
        opType: "Hardmax",
        attributes: { axis: 1 },
        given: [true],
        outputs: [{ shape: [2, 3], dtype: "float32" }],
      },
    },
  ],
});

/** What ONNX Runtime is given in place of what the file says, where the two differ in form. */
export interface ForeignForm {
  /** With its domain, as in `com.microsoft.FastGelu`. */
  readonly opType?: string;
  readonly inputs?: readonly (Tensor | undefined)[];
  /** In place of all that the node has. */
  readonly attributes?: Readonly<Record<string, OnnxAttr>>;
}

/** The outputs of an operator of ONNX Runtime. Graphs are written in operator set 21, so the form must be the one it has there. */
export function foreign(
  opType: string,
  inputs: readonly (Tensor | undefined)[],
  attributes: Readonly<Record<string, OnnxAttr>>,
  outputs: readonly Aval[],
): readonly Tensor[] {
  return applyMany(
    foreignOp,
    inputs.filter((input) => input !== undefined),
    {
      opType,
      attributes,
      given: inputs.map((input) => input !== undefined),
      // what tells tensors apart is no part of what the graph computes
      outputs: outputs.map(({ shape, dtype }) => ({ shape, dtype })),
    },
  );
}

/** An attribute of a file for a graph that is written; undefined for what cannot be written so. */
export function attributeOf(attribute: OnnxAttribute): OnnxAttr | undefined {
  switch (attribute.kind) {
    case "int":
      return Number(attribute.value);
    case "ints":
      return attribute.value.map(Number);
    case "float":
      return { float: attribute.value };
    case "floats":
      return { floats: attribute.value };
    case "string":
      return attribute.value;
    case "strings":
      return { strings: attribute.value };
    case "tensor":
    case "graph":
    case "reference":
    case "other":
      return undefined;
    default:
      return unreachable(attribute);
  }
}
