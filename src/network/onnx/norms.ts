// Norms, also those that an export takes apart: x over its root mean square, of x itself or of what differs from its mean.

import type { GraphView } from "./graph-view.ts";

/** What a value that is a norm's output is made of. */
export interface Norm {
  /** What is normalised. */
  readonly x: string;
  /** The normalised value before gain and bias, where the graph has it. */
  readonly normalized: string | undefined;
}

const NORMS = new Set(["LayerNormalization", "SimplifiedLayerNormalization", "RMSNormalization"]);

/** Gain, bias and their casts. */
const MOST_AFFINE = 3;

/** From the sum of squares to what divides: mean, epsilon, root, reciprocal and casts. */
const MOST_SCALE = 10;

/** Reads a value as the output of a norm, with or without its gain and bias. */
export function normOf(view: GraphView, value: string): Norm | undefined {
  const sum = view.normedSum(value);
  if (sum !== undefined) return { x: sum.out, normalized: undefined };
  let at = value;
  for (let i = 0; i <= MOST_AFFINE; i++) {
    at = view.same(at).at(-1)!;
    const node = view.maker(at);
    if (node === undefined) return undefined;
    if (NORMS.has(node.opType) && node.outputs[0] === at)
      return { x: node.inputs[0]!, normalized: undefined };
    const core = divided(view, at);
    if (core !== undefined) return { x: core, normalized: at };
    const affine = view.operands(at, "Mul", "Add");
    if (affine?.values.length !== 1 || affine.constants.length !== 1) return undefined;
    at = affine.values[0]!;
  }
  return undefined;
}

/** The x of which a value is x (or x less its mean) over the root mean square of the same. */
function divided(view: GraphView, value: string): string | undefined {
  const quotient = view.operands(value, "Div")?.values ?? [];
  const product = view.operands(value, "Mul")?.values ?? [];
  const pairs = [quotient, product, product.toReversed()].filter((pair) => pair.length === 2);
  for (const [numerator, divisor] of pairs) {
    const squared = squaredOf(view, divisor!);
    const root = view.root(numerator!);
    if (squared === undefined || view.root(squared) !== root) continue;
    return centredOf(view, root) ?? numerator!;
  }
  return undefined;
}

/** The x in a root of the mean of x², or in one over it. */
function squaredOf(view: GraphView, value: string): string | undefined {
  let at = value;
  for (let i = 0; i < MOST_SCALE; i++) {
    at = view.same(at).at(-1)!;
    const node = view.maker(at);
    if (node === undefined) return undefined;
    if (node.opType === "ReduceMean" || node.opType === "ReduceSum") {
      const power = view.operands(node.inputs[0]!, "Pow", "Mul");
      const [base, again = base] = power?.values ?? [];
      return base !== undefined && view.root(base) === view.root(again!) ? base : undefined;
    }
    const step = view.operands(at, "Sqrt", "Reciprocal", "Div", "Pow", "Add", "Max", "Clip");
    if (step?.values.length !== 1) return undefined;
    at = step.values[0]!;
  }
  return undefined;
}

/** The x of x less its mean. */
function centredOf(view: GraphView, value: string): string | undefined {
  const [x, mean] = view.operands(value, "Sub")?.values ?? [];
  if (x === undefined || mean === undefined) return undefined;
  const node = view.maker(view.same(mean).at(-1)!);
  const isMean = node?.opType === "ReduceMean" && view.root(node.inputs[0]!) === view.root(x);
  return isMean ? x : undefined;
}
