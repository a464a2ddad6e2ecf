// A Graph is the part of the trace that some outputs need: nodes in an order in which they can run, the leaves they
// start from, and a printed form. Two graphs with one printed form are one computation, whatever data they run on.

import { isLeaf } from "./leaf.ts";
import { showShape } from "./op.ts";
import type { Node, Tensor } from "./tensor.ts";

/** What some outputs need. */
export interface Graph {
  /** In execution order, leaves left out. */
  readonly nodes: readonly Node[];
  /** Where the graph starts: data, placeholders and tensors computed before. */
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** Collects what `outputs` need; tensors that have a value already are inputs. */
export function collect(outputs: readonly Tensor[]): Graph {
  const nodes = new Map<number, Node>();
  const inputs = new Map<Tensor, true>();
  const stack = [...outputs];
  const seen = new Set<Tensor>();
  while (stack.length > 0) {
    const tensor = stack.pop()!;
    if (seen.has(tensor)) continue;
    seen.add(tensor);
    const isKnown = tensor.value !== undefined && tensor.node.op.isStored !== true;
    if (isKnown || isLeaf(tensor)) {
      inputs.set(tensor, true);
    } else if (!nodes.has(tensor.node.id)) {
      nodes.set(tensor.node.id, tensor.node);
      stack.push(...tensor.node.inputs);
    }
  }
  return {
    nodes: [...nodes.values()].toSorted((a, b) => a.id - b.id),
    inputs: [...inputs.keys()].toSorted((a, b) => a.node.id - b.node.id || a.index - b.index),
    outputs,
  };
}

/** Leaves whose data go into the compiled graph, and whether ops read them as inputs of the graph too. */
export function bakedLeaves({ nodes, outputs }: Graph): ReadonlyMap<Tensor, { isInput: boolean }> {
  const baked = new Map<Tensor, { isInput: boolean }>();
  const others = new Set<Tensor>(outputs);
  for (const { op, inputs, attrs } of nodes) {
    const positions = new Set(op.bakes?.(attrs));
    for (const [i, input] of inputs.entries()) {
      if (positions.has(i) && canBake(input)) baked.set(input, { isInput: false });
      else others.add(input);
    }
  }
  for (const [leaf, use] of baked) use.isInput = others.has(leaf);
  return baked;
}

/** Whether a tensor is data that is there before the graph runs. */
function canBake(tensor: Tensor): boolean {
  return isLeaf(tensor) && tensor.value !== undefined;
}

/**
 * Prints a graph in a stable form: one line a node, values numbered in order.
 *
 * Names given to nodes are left out, so the form says what is computed and nothing else; it is the key under which
 * compiled graphs are cached. Leaves that go into the compiled graph show which they are.
 */
export function printGraph(graph: Graph): string {
  const { nodes, inputs, outputs } = graph;
  const baked = bakedLeaves(graph);
  const names = new Map<Tensor, string>();
  const lines: string[] = [];
  const define = (tensor: Tensor): string => {
    const name = `%${names.size}`;
    names.set(tensor, name);
    return name;
  };
  for (const input of inputs) {
    const own = baked.has(input) ? ` leaf ${input.node.id}` : "";
    lines.push(`${define(input)} = input ${input.dtype}${showShape(input.shape)}${own}`);
  }
  for (const { op, inputs: from, attrs, outputs: made } of nodes) {
    const args = from.map((tensor) => names.get(tensor)!).join(" ");
    const results = made.map(define).join(" ");
    const text = JSON.stringify(attrs);
    lines.push(
      `${results} = ${op.name}${args === "" ? "" : ` ${args}`}${text === "{}" ? "" : ` ${text}`}`,
    );
  }
  lines.push(`return ${outputs.map((tensor) => names.get(tensor)!).join(" ")}`);
  return lines.join("\n");
}
