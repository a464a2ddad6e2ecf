// Rewrites of a collected graph that save work without changing a value.

import type { Graph } from "./graph.ts";
import { collect } from "./graph.ts";
import { usePacked } from "./packed-weights.ts";
import type { Node } from "./tensor.ts";
import { apply, reapply, type Tensor } from "./tensor.ts";

/** The graph as it is run: with all rewrites made. */
export function rewritten(graph: Graph): Graph {
  return usePacked(pushSlices(graph));
}

/**
 * Moves slices towards the inputs, through ops that treat the sliced axis slice by slice.
 *
 * `unembed(x).slice({ axis: 1, start: -1 })` then computes the logits of one position only. A value that is used
 * elsewhere too, or is an output, is left whole.
 */
export function pushSlices(graph: Graph): Graph {
  let current = graph;
  for (;;) {
    const slices = movable(current);
    if (slices.size === 0) return current;
    current = rebuild(current, slices);
  }
}

interface SliceAttrs {
  readonly axis: number;
  readonly count: number;
}

/** The slices that can move below the ops they read. */
function movable({ nodes, outputs, inputs }: Graph): ReadonlySet<Node> {
  // A slice of a slice stays: two on different axes would change places for ever. An empty one stays too: operands
  // that are repeated along its axis are taken whole, so nobody would know of it.
  const candidates = nodes.filter(
    ({ op, inputs: [x], attrs }) =>
      op.name === "slice" &&
      (attrs as SliceAttrs).count > 0 &&
      x!.node.op.name !== "slice" &&
      x!.node.op.sliceThrough !== undefined,
  );
  if (candidates.length === 0) return new Set();
  const uses = new Map<Tensor, number>();
  const count = (tensor: Tensor): void => {
    uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
  };
  for (const node of nodes) node.inputs.forEach(count);
  outputs.forEach(count);
  const leaves = new Set(inputs);
  const moving = candidates.filter((slice) => {
    const x = slice.inputs[0]!;
    return uses.get(x) === 1 && !leaves.has(x) && inputAxes(slice) !== undefined;
  });
  return new Set(moving);
}

function inputAxes(slice: Node): readonly (number | null)[] | undefined {
  const x = slice.inputs[0]!;
  return x.node.op.sliceThrough?.((slice.attrs as SliceAttrs).axis, x.node.inputs, x, x.node.attrs);
}

/** The graph with each of `slices` moved below the op it reads. */
function rebuild(graph: Graph, slices: ReadonlySet<Node>): Graph {
  const replaced = new Map<Tensor, Tensor>();
  const renewed = (node: Node): readonly Tensor[] =>
    node.inputs.map((input) => replaced.get(input) ?? input);
  for (const node of graph.nodes) {
    if (slices.has(node)) {
      const { node: through } = node.inputs[0]!;
      const axes = inputAxes(node)!;
      const parts = renewed(through).map((input, i) =>
        axes[i] === null ? input : apply(node.op, [input], { ...node.attrs, axis: axes[i] }),
      );
      replaced.set(node.outputs[0]!, reapply(through, parts)[0]!);
    } else if (node.inputs.some((input) => replaced.has(input))) {
      const outputs = reapply(node, renewed(node));
      for (const [i, output] of node.outputs.entries()) replaced.set(output, outputs[i]!);
    }
  }
  return collect(graph.outputs.map((output) => replaced.get(output) ?? output));
}
