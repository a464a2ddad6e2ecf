// Nodes in an order in which each comes after those it reads. The format asks for it; converters forget it, and ONNX Runtime does not mind.

import type { OnnxGraph, OnnxNode } from "../../onnx/model.ts";

/** The graph with its nodes in order, those that need not move as they stood. Nodes that read one another in a circle keep their places. */
export function sortedNodes(graph: OnnxGraph): OnnxGraph {
  const makers = new Map<string, number>();
  for (const [i, { outputs }] of graph.nodes.entries())
    for (const output of outputs) if (output !== "") makers.set(output, i);
  const before = graph.nodes.map((node) =>
    [...namesRead(node)].flatMap((name) => makers.get(name) ?? []),
  );
  if (before.every((makersOf, i) => makersOf.every((maker) => maker < i))) return graph;
  const order = new Set<number>();
  const opened = new Set<number>();
  const open = [...before.keys()].toReversed();
  for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
    const missing = before[at]!.filter((maker) => !order.has(maker) && !opened.has(maker));
    opened.add(at);
    if (missing.length > 0 && !order.has(at)) {
      open.push(...missing.toReversed());
    } else {
      order.add(at);
      open.pop();
    }
  }
  return { ...graph, nodes: [...order].map((i) => graph.nodes[i]!) };
}

/** What a node reads, its bodies too. */
function namesRead(node: OnnxNode): Set<string> {
  const names = new Set(node.inputs);
  for (const attribute of node.attributes.values()) {
    if (attribute.kind !== "graph") continue;
    const { nodes, inputs, outputs, initializers } = attribute.value;
    const own = new Set([
      ...[...inputs, ...initializers].map(({ name }) => name),
      ...nodes.flatMap((inner) => inner.outputs),
    ]);
    const read = [
      ...nodes.flatMap((inner) => [...namesRead(inner)]),
      ...outputs.map(({ name }) => name),
    ];
    for (const name of read) if (!own.has(name)) names.add(name);
  }
  return names;
}
