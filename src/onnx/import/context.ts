// What the handler of a node sees of it.

import type { OnnxAttr } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { OnnxAttribute, OnnxNode } from "../model.ts";
import { constantOf } from "./data.ts";
import { attributeOf, foreign } from "./foreign.ts";
import type { ImportContext } from "./handler.ts";
import { knownNumbers } from "./known.ts";

/** What is known where the node stands. */
export interface Surroundings extends Pick<ImportContext, "opset" | "name" | "body" | "refuse"> {
  /** The public function that errors name. */
  readonly where: string;
}

/** A node with its inputs, as its handler is given it. */
export function contextOf(
  node: OnnxNode,
  inputs: readonly (Tensor | undefined)[],
  { where, ...surroundings }: Surroundings,
): ImportContext {
  const { refuse } = surroundings;
  return {
    ...surroundings,
    ...attributesOf(node, refuse),
    opType: node.opType,
    inputs,
    outputCount: node.outputs.length,
    hasOutput: (i) => (node.outputs[i] ?? "") !== "",
    input: (i) => {
      const found = inputs[i];
      if (found === undefined) throw refuse(`lacks its input ${i}`);
      return found;
    },
    known: (i) => {
      if (inputs[i] === undefined) return undefined;
      const numbers = knownNumbers(inputs[i]);
      if (numbers !== undefined) return numbers;
      throw refuse(`takes its input ${i} from values, and it must be known before the graph runs`);
    },
    constant: (data) => constantOf(where, data),
    asItIs: (outputs, form = {}) =>
      foreign(
        form.opType ?? keyOf(node.domain, node.opType),
        form.inputs ?? inputs,
        form.attributes ?? written(node, refuse),
        outputs,
      ),
  };
}

type Attributes = Pick<ImportContext, "attribute" | "int" | "float" | "text" | "ints" | "floats">;

function attributesOf({ attributes }: OnnxNode, refuse: ImportContext["refuse"]): Attributes {
  const read = <K extends OnnxAttribute["kind"]>(
    name: string,
    kind: K,
  ): Extract<OnnxAttribute, { kind: K }> | undefined => {
    const found = attributes.get(name);
    if (found === undefined || found.kind === kind)
      return found as Extract<OnnxAttribute, { kind: K }> | undefined;
    throw refuse(`has the attribute "${name}" as ${found.kind}, not as ${kind}`);
  };
  return {
    attribute: (name) => attributes.get(name),
    int: (name, otherwise) => {
      const found = read(name, "int");
      return found === undefined ? otherwise : Number(found.value);
    },
    float: (name, otherwise) => read(name, "float")?.value ?? otherwise,
    text: (name, otherwise) => read(name, "string")?.value ?? otherwise,
    ints: (name) => read(name, "ints")?.value.map(Number),
    floats: (name) => read(name, "floats")?.value,
  };
}

/** The attributes of a node for a graph that is written. */
function written(
  { attributes }: OnnxNode,
  refuse: ImportContext["refuse"],
): Readonly<Record<string, OnnxAttr>> {
  const found = [...attributes].map(([name, value]) => {
    const own = attributeOf(value);
    if (own !== undefined) return [name, own] as const;
    throw refuse(`has the attribute "${name}" as ${value.kind}, which is not passed on`);
  });
  return Object.fromEntries(found);
}

/** The name of an operator, with its domain where that is not ONNX's own. */
export function keyOf(domain: string, opType: string): string {
  return domain === "" ? opType : `${domain}.${opType}`;
}
