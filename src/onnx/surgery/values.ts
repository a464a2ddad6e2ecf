// Every value of a graph: what it is, who makes it and who reads it.

import { PatchClampError } from "../../core/errors.ts";
import { nearest, plural } from "../../core/text.ts";
import type { OnnxType } from "../model.ts";
import type { Document } from "./document.ts";
import type { GraphView, NodeView } from "./graph-view.ts";
import { tensorOf } from "./graph-view.ts";
import type { Shape } from "./shapes/dim.ts";
import { believed, inferred, knownOf } from "./shapes/infer.ts";
import type { Known } from "./shapes/rule.ts";
import { UNKNOWN } from "./shapes/rule.ts";

/** A node as others name it. */
export interface NodeLabel {
  /** As the file has it; "" for a node without a name. */
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
}

/** A value of a graph. */
export interface GraphValue {
  readonly name: string;
  /** Given by the caller, kept in the file, or made by a node. */
  readonly role: "input" | "initializer" | "computed";
  readonly isOutput: boolean;
  /** Undefined where neither the file nor what leads to the value says it. */
  readonly type: OnnxType | undefined;
  /** Sizes; a text where it is a name or a sum of names, null where it is not known. Undefined where the rank is not known. */
  readonly shape: Shape | undefined;
  readonly producer: NodeLabel | undefined;
  readonly consumers: readonly NodeLabel[];
}

const known = new WeakMap<GraphView, ReadonlyMap<string, Known>>();

/** Types and shapes of all values of a graph by name. */
export function knownValues(document: Document): ReadonlyMap<string, Known> {
  const { graph } = document;
  let found = known.get(graph);
  if (found === undefined) {
    const outputs = new Map(graph.outputs.map((output) => [output.name, output]));
    const stated = (name: string): Known => {
      const [inner, output] = [graph.stated.get(name) ?? UNKNOWN, outputs.get(name) ?? UNKNOWN];
      return believed(inner, output);
    };
    found = inferred(document.head().functions, graph.nodes, givenOf(graph), stated);
    known.set(graph, found);
  }
  return found;
}

function givenOf(graph: GraphView): Map<string, Known> {
  const given = new Map<string, Known>();
  for (const input of graph.inputs) given.set(input.name, input);
  for (const initializer of graph.initializers.values()) {
    const { type, shape, data } = initializer;
    const isShort = shape.length <= 1 && (shape[0] ?? 1) <= 256 && data instanceof Uint8Array;
    const isWhole = type === "int64" || type === "int32";
    given.set(
      initializer.name,
      isShort && isWhole ? knownOf(tensorOf(initializer)) : { type, shape },
    );
  }
  return given;
}

/** Lists the values of a graph: inputs, constants, and what nodes make, in the order of the file. */
export function listValues(document: Document): GraphValue[] {
  return document.graph.names().map((name) => valueOf(document, name));
}

/** One value of a graph. */
export function valueOf(document: Document, name: string): GraphValue {
  const { graph } = document;
  const { type, shape } = knownValues(document).get(name) ?? UNKNOWN;
  const maker = graph.makers.get(name);
  const isInitializer = graph.initializers.has(name) || graph.sparse.has(name);
  return {
    name,
    role: maker !== undefined ? "computed" : isInitializer ? "initializer" : "input",
    isOutput: graph.outputs.some((output) => output.name === name),
    type,
    shape,
    producer: maker && labelOf(maker),
    consumers: (graph.readers.get(name) ?? []).map(labelOf),
  };
}

function labelOf({ name, opType, domain }: NodeView): NodeLabel {
  return { name, opType, domain };
}

/** @throws PatchClampError `UNKNOWN_NAME` with the nearest names when the graph has no such value */
export function checkValue(where: string, { graph }: Document, name: string): void {
  if (name !== "" && graph.has(name)) return;
  const near = nearest(name, graph.names());
  const nearby = near.map((other) => JSON.stringify(other)).join(", ");
  throw new PatchClampError("UNKNOWN_NAME", {
    where,
    problem: `the graph has no value ${JSON.stringify(name)} among its ${plural(graph.names().length, "value")}; values within the bodies of nodes do not count.`,
    fix: near.length === 0 ? undefined : `the nearest names are ${nearby}.`,
    facts: { value: name, near },
  });
}
