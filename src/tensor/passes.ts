// Rewrites of a collected graph that save work without changing a value.

import type { Graph } from "./graph.ts";
import { collect } from "./graph.ts";
import type { Node } from "./tensor.ts";
import { apply, applyMany, type Tensor } from "./tensor.ts";

/**
 * Moves slices towards the inputs, through ops that treat the sliced axis slice by slice.
 *
 * `unembed(x).slice({ axis: 1, start: -1 })` then computes the logits of one position only. A value that is used
 * elsewhere too, or is an output, is left whole.
 */
export function pushSlices(graph: Graph): Graph {
  let current = graph;
  for (;;) {
    const slice = movable(current);
    if (slice === undefined) return current;
    current = rebuild(current, slice);
  }
}

interface SliceAttrs {
  readonly axis: number;
}

/** The last slice that can move below the op it reads. */
function movable({ nodes, outputs, inputs }: Graph): Node | undefined {
  // A slice of a slice stays: two on different axes would change places for ever.
  const candidates = nodes.filter(
    ({ op, inputs: [x] }) =>
      op.name === "slice" && x!.node.op.name !== "slice" && x!.node.op.sliceThrough !== undefined,
  );
  if (candidates.length === 0) return undefined;
  const uses = new Map<Tensor, number>();
  const count = (tensor: Tensor): void => {
    uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
  };
  for (const node of nodes) node.inputs.forEach(count);
  outputs.forEach(count);
  const leaves = new Set(inputs);
  return candidates.findLast((slice) => {
    const x = slice.inputs[0]!;
    return uses.get(x) === 1 && !leaves.has(x) && inputAxes(slice) !== undefined;
  });
}

function inputAxes(slice: Node): readonly (number | null)[] | undefined {
  const x = slice.inputs[0]!;
  return x.node.op.sliceThrough?.((slice.attrs as SliceAttrs).axis, x.node.inputs, x, x.node.attrs);
}

/** The graph with `slice` moved below the op it reads. */
function rebuild(graph: Graph, slice: Node): Graph {
  const { node } = slice.inputs[0]!;
  const moved = apply(
    node.op,
    node.inputs.map((input, i) => {
      const axis = inputAxes(slice)![i]!;
      return axis === null ? input : apply(slice.op, [input], { ...slice.attrs, axis });
    }),
    node.attrs,
  );
  if (node.label !== undefined) moved.named(node.label);
  const replaced = new Map<Tensor, Tensor>([[slice.outputs[0]!, moved]]);
  for (const user of graph.nodes) {
    if (user.id < slice.id || !user.inputs.some((input) => replaced.has(input))) continue;
    const outputs = applyMany(
      user.op,
      user.inputs.map((input) => replaced.get(input) ?? input),
      user.attrs,
    );
    for (const [i, output] of user.outputs.entries()) {
      if (user.label !== undefined) outputs[i]!.named(user.label);
      replaced.set(output, outputs[i]!);
    }
  }
  return collect(graph.outputs.map((output) => replaced.get(output) ?? output));
}
