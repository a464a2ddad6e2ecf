// Nodes that ONNX Runtime computes as they stand in the file.

import type { Op } from "../../tensor/op.ts";
import { defineOp } from "../../tensor/op.ts";
import type { OnnxAttr } from "../../tensor/op.ts";
import type { Aval, Tensor } from "../../tensor/tensor.ts";
import { applyMany } from "../../tensor/tensor.ts";
import type { OnnxAttribute, OnnxNode } from "../model.ts";

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
  grad: { reason: "the operator is run as it stands in the ONNX file" },
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

/** The outputs of a node that is run as it stands. */
export function foreign(
  { opType, domain, attributes }: OnnxNode,
  inputs: readonly (Tensor | undefined)[],
  outputs: readonly Aval[],
): readonly Tensor[] {
  const written = [...attributes].map(([name, value]) => [name, attrOf(value)] as const);
  return applyMany(
    foreignOp,
    inputs.filter((input) => input !== undefined),
    {
      opType: domain === "" ? opType : `${domain}.${opType}`,
      attributes: Object.fromEntries(written.filter(([, value]) => value !== undefined)) as Record<
        string,
        OnnxAttr
      >,
      given: inputs.map((input) => input !== undefined),
      outputs,
    },
  );
}

function attrOf(attribute: OnnxAttribute): OnnxAttr | undefined {
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
    default:
      return undefined;
  }
}
