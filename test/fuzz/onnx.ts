// ONNX models with something in them changed: other operators, wild attributes, numbers and shapes, inputs left out.

import * as fc from "fast-check";

import { importHandlers } from "../../src/onnx/import/index.ts";
import type { OnnxAttribute, OnnxModel, OnnxNode } from "../../src/onnx/model.ts";
import type { Tensor } from "../../src/runtime/index.ts";
import { fromHost } from "../../src/tensor/leaf.ts";
import { hostArray, sizeOf } from "../../src/tensor/tensor.ts";

/** A model and what goes into it. */
export interface Given {
  readonly model: OnnxModel;
  readonly values: ReadonlyMap<string, Tensor>;
}

type Edit = (given: Given) => Given;

const OPERATORS = Object.keys(importHandlers).filter((name) => !name.includes("."));
const WILD = [0, -1, 1, 2, 7, -5, 64, 4096, 1e6, 1e9, -1e12, 2 ** 31, 2 ** 53, 9.2e18, -9.2e18];
const FLOATS = [0, -1, 1e38, Number.NaN, Infinity, -Infinity];
const SHAPES = [[], [0], [2, 0, 3], [1, 1, 1, 1, 1]];

/** One of several, by any number. */
const pick = <T>(from: readonly T[], i: number): T | undefined => from[i % from.length];

function atNode(i: number, change: (node: OnnxNode) => OnnxNode): Edit {
  return ({ model, values }) => {
    const { graph } = model;
    const at = i % graph.nodes.length;
    const nodes = graph.nodes.with(at, change(graph.nodes[at]!));
    return { model: { ...model, graph: { ...graph, nodes } }, values };
  };
}

function wildAttribute(attribute: OnnxAttribute, i: number): OnnxAttribute {
  const whole = BigInt(pick(WILD, i)!);
  switch (attribute.kind) {
    case "int":
      return { kind: "int", value: whole };
    case "ints": {
      const { value } = attribute;
      return {
        kind: "ints",
        value: value.length === 0 ? [whole] : value.with(i % value.length, whole),
      };
    }
    case "float":
      return { kind: "float", value: pick(FLOATS, i)! };
    case "string":
      return { kind: "string", value: "none" };
    case "floats":
    case "strings":
    case "tensor":
    case "graph":
    case "reference":
    case "other":
      return { kind: "int", value: whole };
    default:
      return attribute;
  }
}

function withAttribute(node: OnnxNode, i: number, wild: number): OnnxNode {
  const entry = pick([...node.attributes], i);
  if (entry === undefined) return node;
  const [name, attribute] = entry;
  return {
    ...node,
    attributes: new Map([...node.attributes, [name, wildAttribute(attribute, wild)]]),
  };
}

function atValue(i: number, change: (x: Tensor) => Tensor): Edit {
  return ({ model, values }) => {
    const entry = pick([...values], i);
    if (entry === undefined) return { model, values };
    return { model, values: new Map([...values, [entry[0], change(entry[1])]]) };
  };
}

function withNumber(x: Tensor, i: number, wild: number): Tensor {
  const data = x.value!.data!.slice();
  if (data.length === 0) return x;
  const number = pick(x.dtype === "float32" ? FLOATS : WILD, wild)!;
  data[i % data.length] = data instanceof BigInt64Array ? BigInt(number) : number;
  return fromHost(data, x);
}

function withShape({ dtype }: Tensor, i: number): Tensor {
  const shape = pick(SHAPES, i)!;
  return fromHost(hostArray(dtype, sizeOf(shape)), { shape, dtype });
}

const edit: fc.Arbitrary<Edit> = fc
  .tuple(fc.nat(7), fc.nat(), fc.nat(), fc.nat())
  .map(([kind, a, b, c]): Edit => {
    switch (kind) {
      case 0:
        return atNode(a, (node) => ({ ...node, opType: pick(OPERATORS, b)! }));
      case 1:
      case 2:
      case 3:
        return atNode(a, (node) => withAttribute(node, b, c));
      case 4:
        return atValue(a, (x) => withNumber(x, b, c));
      case 5:
        return atValue(a, (x) => withShape(x, b));
      case 6:
        return atNode(a, (node) => ({
          ...node,
          inputs: node.inputs.filter((_, i) => i !== b % 3),
        }));
      default:
        return ({ model, values }) => ({
          model: { ...model, opsets: new Map([["", 1 + (b % 26)]]) },
          values,
        });
    }
  });

/** Models, each changed in one to three ways. */
export function alteredModels(whole: readonly Given[]): fc.Arbitrary<Given> {
  return fc
    .tuple(fc.nat(whole.length - 1), fc.array(edit, { minLength: 1, maxLength: 3 }))
    .map(([i, edits]) => edits.reduce((given, change) => change(given), whole[i]!));
}
