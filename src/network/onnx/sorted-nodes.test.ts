import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { OnnxGraph, OnnxNode } from "../../onnx/model.ts";
import { sortedNodes } from "./sorted-nodes.ts";

function graphOf(nodes: readonly OnnxNode[]): OnnxGraph {
  return { name: "", nodes, initializers: [], inputs: [], outputs: [], values: [] };
}

function node(
  name: string,
  inputs: readonly string[],
  attributes: OnnxNode["attributes"] = new Map(),
): OnnxNode {
  return { name, opType: "Sum", domain: "", inputs, outputs: [name], attributes };
}

const namesOf = ({ nodes }: OnnxGraph): string[] => nodes.map(({ name }) => name);

/** Node i reads some before it. */
const graphs = fc
  .integer({ min: 1, max: 30 })
  .chain((count) =>
    fc.tuple(
      ...Array.from({ length: count }, (_, i) =>
        fc.uniqueArray(fc.nat({ max: Math.max(0, i - 1) })),
      ),
    ),
  )
  .map((reads) =>
    reads.map((from, i) => node(`v${i}`, i === 0 ? ["x"] : from.map((k) => `v${k}`))),
  );

test("nodes in any order come after those that they read, each once", () => {
  const shuffled = graphs.chain((nodes) =>
    fc.shuffledSubarray(nodes, { minLength: nodes.length, maxLength: nodes.length }),
  );
  fc.assert(
    fc.property(shuffled, (nodes) => {
      const sorted = sortedNodes(graphOf(nodes));
      expect(namesOf(sorted).toSorted()).toEqual(nodes.map(({ name }) => name).toSorted());
      const made = new Set(["x"]);
      for (const { name, inputs } of sorted.nodes) {
        expect(inputs.filter((input) => !made.has(input))).toEqual([]);
        made.add(name);
      }
    }),
    { seed: 5 },
  );
});

test("a graph that is in order stays as it is", () => {
  fc.assert(
    fc.property(graphs, (nodes) => {
      const graph = graphOf(nodes);
      expect(sortedNodes(graph)).toBe(graph);
    }),
    { seed: 5 },
  );
});

test("what the body of a node reads comes before the node", () => {
  const body = { ...graphOf([node("inner", ["late"])]), outputs: [] };
  const branch = node("if", ["x"], new Map([["then_branch", { kind: "graph", value: body }]]));
  expect(namesOf(sortedNodes(graphOf([branch, node("late", ["x"])])))).toEqual(["late", "if"]);
});

test("nodes that read one another in a circle do not hold it up", () => {
  const sorted = sortedNodes(graphOf([node("a", ["b"]), node("b", ["a"]), node("c", ["x"])]));
  expect(namesOf(sorted).toSorted()).toEqual(["a", "b", "c"]);
});
