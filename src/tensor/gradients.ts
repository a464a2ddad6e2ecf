// Reverse-mode differentiation by graph rewriting: gradients are ordinary traced tensors, so they have gradients too.

import { PatchClampError } from "../core/errors.ts";
import type { GradRule } from "./op.ts";
import { showShape } from "./op.ts";
import { ones, tensor, zeros } from "./ops/creation.ts";
import { stack } from "./ops/joining.ts";
import { asBackward } from "./tensor.ts";
import type { Node, Tensor } from "./tensor.ts";

/** Gradient rules that replace an op's own, by op name. Relevance propagation is such a set. */
export type RuleSet = Readonly<Record<string, GradRule<never>>>;

/** Options of `gradients`. */
export interface GradientOptions {
  /** Gradient of the final quantity with respect to `y`, of `y`'s shape. Default: 1, for which `y` must be a scalar. */
  cotangent?: Tensor;
  /** Rules used in place of the ops' own. Default: none. */
  rules?: RuleSet;
  /** What to return for an `x` that `y` does not depend on. Default `"error"`. */
  unused?: "error" | "zero";
}

/**
 * Differentiates `y` with respect to each of `xs`.
 *
 * @param y - the quantity to differentiate; a scalar unless `cotangent` is given
 * @param xs - any tensors in the trace of `y`, also interior ones
 * @returns one gradient an `x`, of its shape
 * @throws PatchClampError `SHAPE_MISMATCH` when `y` is no scalar and has no cotangent
 * @throws PatchClampError `NOT_DIFFERENTIABLE` when an op on the way has no gradient
 * @throws PatchClampError `BAD_INPUT` when `y` does not depend on an `x` and `unused` is `"error"`
 */
export function gradients(
  y: Tensor,
  xs: readonly Tensor[],
  options: GradientOptions = {},
): Tensor[] {
  const { cotangent, rules = {}, unused = "error" } = options;
  if (cotangent !== undefined) sameShape("gradients", y, cotangent, "the cotangent");
  else if (y.size !== 1) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "gradients",
      problem: `y has shape ${showShape(y.shape)}, but only a scalar has a gradient.`,
      fix: "reduce it (sum, mean), or give the cotangent.",
    });
  }
  const found = asBackward(() => backpropagate([y], xs, [cotangent ?? ones(y.shape)], rules));
  return xs.map((x, i) => {
    const gradient = found[i];
    if (gradient !== null && gradient !== undefined) return gradient;
    if (unused === "zero") return zeros(x.shape, x.dtype);
    throw new PatchClampError("BAD_INPUT", {
      where: "gradients",
      problem: `y does not depend on ${x.toString()}.`,
      fix: 'leave it out, or pass { unused: "zero" }.',
    });
  });
}

/** Gradients of `ys`, summed; nothing flows on below the tensors in `ends`. */
function backpropagate(
  ys: readonly Tensor[],
  xs: readonly Tensor[],
  starts: readonly Tensor[],
  rules: RuleSet,
  ends: ReadonlySet<Tensor> = new Set(),
): (Tensor | null)[] {
  const flowing = new Map<Tensor, Tensor>();
  const flow = (to: Tensor, part: Tensor): void => {
    const sofar = flowing.get(to);
    flowing.set(to, sofar === undefined ? part : sofar.add(part));
  };
  for (const [i, y] of ys.entries()) flow(y, starts[i]!);
  for (const node of nodesBetween(ys, new Set(xs), ends)) {
    const cotangents = node.outputs.map((output) =>
      ends.has(output) ? null : (flowing.get(output) ?? null),
    );
    if (cotangents.every((g) => g === null)) continue;
    const parts = applyRule(node, cotangents, rules);
    for (const [i, input] of node.inputs.entries()) {
      const part = parts[i];
      if (part !== null && part !== undefined) flow(input, part);
    }
  }
  return xs.map((x) => flowing.get(x) ?? null);
}

function applyRule(
  node: Node,
  cotangents: readonly (Tensor | null)[],
  rules: RuleSet,
): readonly (Tensor | null)[] {
  const rule = rules[node.op.name] ?? node.op.grad;
  if (typeof rule !== "function") {
    const { reason } = rule;
    const why = typeof reason === "string" ? reason : reason(node.attrs);
    throw new PatchClampError("NOT_DIFFERENTIABLE", {
      where: "gradients",
      problem: `cannot differentiate through ${node.label ?? node.op.name}: ${why}.`,
      fix: "use stopGradient or straightThrough around it.",
      facts: { op: node.op.name },
    });
  }
  const inputs = node.inputs.map((input) => savedForm(input));
  return (rule as GradRule<object>)({
    inputs,
    outputs: node.outputs,
    cotangents,
    attrs: node.attrs,
    pullback: (ys, xs, starts) => backpropagate(ys, xs, starts, rules, new Set(xs)),
  });
}

/** What a backward pass reads in place of a forward value; `saveAs` registers another form here. */
const savedForms = new WeakMap<Node, () => Tensor>();

/** Makes backward passes read `form()` in place of the node's output. */
export function registerSavedForm(node: Node, form: () => Tensor): void {
  savedForms.set(node, form);
}

function savedForm(input: Tensor): Tensor {
  return savedForms.get(input.node)?.() ?? input;
}

/** Nodes through which `ys` depend on `xs` without passing `ends`, latest first. */
function nodesBetween(
  ys: readonly Tensor[],
  xs: ReadonlySet<Tensor>,
  ends: ReadonlySet<Tensor>,
): Node[] {
  const earliest = Math.min(...[...xs].map((x) => x.node.id));
  const reached = new Map<number, Node>();
  const stack = [...ys];
  while (stack.length > 0) {
    const tensor = stack.pop()!;
    const { node } = tensor;
    if (ends.has(tensor) || reached.has(node.id) || node.id < earliest) continue;
    reached.set(node.id, node);
    stack.push(...node.inputs);
  }
  const ascending = [...reached.values()].toSorted((a, b) => a.id - b.id);
  const depends = new Set<Tensor>(xs);
  const between: Node[] = [];
  for (const node of ascending) {
    if (!node.inputs.some((input) => depends.has(input))) continue;
    between.push(node);
    for (const output of node.outputs) depends.add(output);
  }
  return between.toReversed();
}

/**
 * Pushes a tangent forward: the directional derivative of `y` along `tangents` at `xs`.
 *
 * The reverse rules are linear in their cotangent, so transposing them gives the forward derivative.
 *
 * @param xs - inputs, and `tangents` one direction each, of the same shape
 * @returns the derivative, of `y`'s shape
 * @throws PatchClampError `SHAPE_MISMATCH` when a tangent is missing or has another shape than its input
 * @source Townsend 2017, "A new trick for calculating Jacobian vector products"
 */
export function jvp(y: Tensor, xs: readonly Tensor[], tangents: readonly Tensor[]): Tensor {
  if (tangents.length !== xs.length) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "jvp",
      problem: `there are ${tangents.length} tangents for ${xs.length} inputs.`,
      fix: "give one tangent for every input.",
    });
  }
  for (const [i, x] of xs.entries()) sameShape("jvp", x, tangents[i]!, `tangent ${i}`);
  const u = zeros(y.shape).add(tensor(0));
  const pulled = gradients(y, xs, { cotangent: u });
  const along = pulled
    .map((g, i) => g.mul(tangents[i]!).sum())
    .reduce((sum, term) => sum.add(term));
  return gradients(along, [u], { unused: "zero" })[0]!;
}

/**
 * All first derivatives of a small tensor.
 *
 * @param y - any shape; one backward pass is traced for each of its elements, so keep it small
 * @param x - any shape
 * @returns the Jacobian, shape `[...y.shape, ...x.shape]`
 */
export function jacobian(y: Tensor, x: Tensor): Tensor {
  const flat = y.reshape([y.size]);
  const rows = Array.from({ length: y.size }, (_, i) => {
    const element = flat.slice({ axis: 0, start: i, end: i + 1 }).sum();
    return gradients(element, [x], { unused: "zero" })[0]!;
  });
  return stack(rows, { axis: 0 }).reshape([...y.shape, ...x.shape]);
}

function sameShape(where: string, x: Tensor, other: Tensor, name: string): void {
  if (x.shape.length === other.shape.length && x.shape.every((size, i) => size === other.shape[i]))
    return;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where,
    problem: `${name} has shape ${showShape(other.shape)}, not ${showShape(x.shape)}.`,
  });
}
