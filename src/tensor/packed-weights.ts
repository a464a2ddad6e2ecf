// Before a graph runs, what it does with packed weights is rewritten so that it never makes them whole.

import type { Graph } from "./graph.ts";
import { collect } from "./graph.ts";
import { prepackedPart } from "./ops/matmul.ts";
import { dequantise, packedGrouped, packedLinear, packedParts } from "./ops/quantised.ts";
import type { Node, Tensor } from "./tensor.ts";
import { apply, reapply } from "./tensor.ts";

/**
 * Multiplies by packed weights as they are, and unpacks only the rows that are looked up.
 *
 * Gradients with respect to what is multiplied still take the weights whole, one at a time.
 */
export function usePacked(graph: Graph): Graph {
  const isStored = ({ op, inputs }: Node): boolean =>
    op.isStored === true || inputs[0]?.dtype === "float16";
  if (!graph.nodes.some(isStored)) return graph;
  const replaced = new Map<Tensor, Tensor>();
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => replaced.get(input) ?? input);
    if (prepackedPart(node.outputs[0]!) !== undefined) {
      replaced.set(node.outputs[0]!, inputs[0]!);
      continue;
    }
    const made = prepackedForm(node, inputs) ?? packedForm(node, inputs);
    if (made === undefined && !node.inputs.some((input) => replaced.has(input))) continue;
    const outputs = made === undefined ? reapply(node, inputs) : [made];
    const { label, origin, isBackward } = node;
    Object.assign(outputs[0]!.node, { label, origin, isBackward });
    for (const [i, output] of node.outputs.entries()) replaced.set(output, outputs[i]!);
  }
  return collect(graph.outputs.map((output) => replaced.get(output) ?? output));
}

/** Rows up to which prepacked weights pay: with more, multiplying takes longer than reading the weights. */
const FEW_ROWS = 16;

/** A linear map of few rows that has its prepacked weights in the graph. */
function prepackedForm(
  { op, inputs: [, w], attrs }: Node,
  inputs: readonly Tensor[],
): Tensor | undefined {
  const isLinear = op.name === "linear" && (attrs as { transposed: boolean }).transposed;
  if (!isLinear || prepackedPart(w!) === undefined) return undefined;
  const [x] = inputs;
  if (x!.size / x!.shape.at(-1)! > FEW_ROWS) return undefined;
  return apply(op, inputs, { ...attrs, isBaked: true });
}

/** What a node computes, without its packed weights made whole; undefined where it has none, or needs them whole. */
function packedForm({ op, attrs }: Node, inputs: readonly Tensor[]): Tensor | undefined {
  const [x, w, ...rest] = inputs;
  const { transposed, transposeA, transposeB, axis } = attrs as Readonly<Record<string, unknown>>;
  switch (op.name) {
    case "gather":
      return axis === 0 ? rowsOf(x!, w!) : undefined;
    case "linear":
      return transposed === true ? linearOf(x!, w!, rest[0]) : undefined;
    case "matmul":
      return transposeB === true && transposeA === false ? linearOf(x!, w!) : undefined;
    case "groupedLinear":
      return transposed === true
        ? groupedOf([x!, w!], rest, attrs as { groups: number })
        : undefined;
    default:
      return undefined;
  }
}

function rowsOf(table: Tensor, ids: Tensor): Tensor | undefined {
  const parts = packedParts(table);
  if (parts !== undefined)
    return dequantise(parts.packed.gather(ids), parts.scales.gather(ids), parts.form);
  const { op, inputs } = table.node;
  const isHalf = op.name === "cast" && inputs[0]!.dtype === "float16";
  return isHalf ? inputs[0]!.gather(ids).cast(table.dtype) : undefined;
}

function linearOf(x: Tensor, w: Tensor, bias?: Tensor): Tensor | undefined {
  const parts = w.rank === 2 ? packedParts(w) : undefined;
  return parts && packedLinear([x, parts.packed, parts.scales, bias], parts.form);
}

function groupedOf(
  rows: readonly [Tensor, Tensor],
  params: readonly Tensor[],
  { groups }: { readonly groups: number },
): Tensor | undefined {
  const all = params.slice(0, groups).flatMap((w) => packedParts(w) ?? []);
  const { form } = all[0] ?? {};
  const isAlike = all.every(
    (own) => own.form.bits === form!.bits && own.form.blockSize === form!.blockSize,
  );
  if (form === undefined || all.length < groups || !isAlike) return undefined;
  const weights = { packed: all.map((p) => p.packed), scales: all.map((p) => p.scales) };
  return packedGrouped(rows, { ...weights, biases: params.slice(groups) }, form);
}
