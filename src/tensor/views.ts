// Reshapes of reshapes: each is a node that the runtime visits, so a chain of them becomes one.

import type { Graph } from "./graph.ts";
import { collect } from "./graph.ts";
import type { Node, Tensor } from "./tensor.ts";
import { reapply } from "./tensor.ts";

/** Lets every reshape read what the reshapes below it read. Those that nobody else needs are gone. */
export function mergeReshapes(graph: Graph): Graph {
  const inputs = new Set(graph.inputs);
  const isReshape = (x: Tensor): boolean => !inputs.has(x) && x.node.op.name === "reshape";
  if (!graph.nodes.some(({ outputs, inputs: [x] }) => isReshape(outputs[0]!) && isReshape(x!)))
    return graph;
  const replaced = new Map<Tensor, Tensor>();
  const renewed = (x: Tensor): Tensor => replaced.get(x) ?? x;
  const merged = (node: Node): Tensor => {
    let source = node.inputs[0]!;
    while (isReshape(source)) source = source.node.inputs[0]!;
    return renewed(source).reshape(node.outputs[0]!.shape);
  };
  for (const node of graph.nodes) {
    const [output] = node.outputs;
    if (isReshape(output!) && isReshape(node.inputs[0]!)) {
      replaced.set(output!, merged(node));
    } else if (node.inputs.some((input) => replaced.has(input))) {
      const outputs = reapply(node, node.inputs.map(renewed));
      for (const [i, own] of node.outputs.entries()) replaced.set(own, outputs[i]!);
    }
  }
  return collect(graph.outputs.map(renewed));
}
