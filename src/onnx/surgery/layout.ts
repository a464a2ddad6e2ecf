// How a weight lies: what the nodes that read it do with it.

import { PatchClampError } from "../../core/errors.ts";
import type { GraphView, NodeView } from "./graph-view.ts";

/** `in-out`: the product is x W. `out-in`: it is x Wᵀ. */
export type WeightLayout = "in-out" | "out-in";

/** A layout, and what the product is multiplied by beside the weight. */
interface Use {
  readonly layout: WeightLayout;
  readonly gain: number;
}

/**
 * Finds how a weight lies.
 *
 * @param given - believed where the nodes do not say it
 * @throws PatchClampError `UNSUPPORTED` when nodes read the weight in a way that is no product, or in different ways
 */
export function layoutOf(
  where: string,
  graph: GraphView,
  name: string,
  given: WeightLayout | undefined,
): Use {
  const uses = usesOf(graph, { name, isTurned: false }, new Set());
  const isQuantised = uses.some(({ node }) => /Quantize|NBits|Integer|QLinear/.test(node.opType));
  const known = uses.flatMap(({ use }) => use ?? []);
  const [first] = known;
  const agree = known.every(({ layout, gain }) => layout === first!.layout && gain === first!.gain);
  if (!isQuantised && first !== undefined && known.length === uses.length && agree) return first;
  if (!isQuantised && given !== undefined) return { layout: given, gain: 1 };
  const odd = uses.find(({ use }) => use === undefined)?.node;
  const reason =
    uses.length === 0
      ? "no node reads it"
      : odd === undefined
        ? "the nodes that read it take it in different layouts"
        : `${odd.opType} reads it`;
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: `the layout of "${name}" is not clear: ${reason}.`,
    fix: isQuantised
      ? "merge into the floating-point model and quantise it again."
      : 'say it: { layout: "in-out" } for x W, "out-in" for x Wᵀ.',
    facts: { name },
  });
}

interface NodeUse {
  readonly node: NodeView;
  readonly use: Use | undefined;
}

/** What reads a weight, also past nodes that turn or cast it. */
function usesOf(
  graph: GraphView,
  { name, isTurned }: { name: string; isTurned: boolean },
  passed: Set<NodeView>,
): NodeUse[] {
  return (graph.readers.get(name) ?? []).flatMap((node): NodeUse[] => {
    const turns = node.opType === "Transpose" && isPlainTurn(node);
    const isPassed = turns || node.opType === "Cast" || node.opType === "Identity";
    if (!isPassed) return [{ node, use: useIn(node, name, isTurned) }];
    // a damaged graph may lead back to itself
    if (passed.has(node)) return [];
    passed.add(node);
    const next = { name: node.outputs[0] ?? "", isTurned: isTurned !== turns };
    return usesOf(graph, next, passed);
  });
}

function isPlainTurn({ attributes }: NodeView): boolean {
  const order = attributes.get("perm");
  return order === undefined || (order.kind === "ints" && order.value.join() === "1,0");
}

function useIn(node: NodeView, name: string, isTurned: boolean): Use | undefined {
  const { opType, inputs, attributes } = node;
  const flag = (key: string): boolean => {
    const found = attributes.get(key);
    return found?.kind === "int" && found.value !== 0n;
  };
  if (inputs[1] !== name || inputs.filter((input) => input === name).length > 1) return undefined;
  if (opType === "MatMul") return { layout: isTurned ? "out-in" : "in-out", gain: 1 };
  if (opType !== "Gemm" && opType !== "FusedMatMul") return undefined;
  const alpha = attributes.get("alpha");
  return {
    layout: isTurned === flag("transB") ? "in-out" : "out-in",
    gain: alpha?.kind === "float" ? alpha.value : 1,
  };
}
