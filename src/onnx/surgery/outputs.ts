// Graphs that give other values than before: more, fewer, or half of the way.

import { PatchClampError } from "../../core/errors.ts";
import type { Field } from "../message.ts";
import { bytesField } from "../message.ts";
import type { Document } from "./document.ts";
import { valueField } from "./edit.ts";
import { GRAPH } from "./graph-view.ts";
import { nodesFor, partOf } from "./reach.ts";
import { checkValue, knownValues } from "./values.ts";

/** Adds values to the outputs of the graph. */
export function exposed(document: Document, names: readonly string[]): Document {
  const where = "surgery.expose";
  for (const name of names) checkValue(where, document, name);
  const { fields, outputs } = document.graph;
  const present = new Set(outputs.map(({ name }) => name));
  const added = [...new Set(names)].filter((name) => !present.has(name));
  if (added.length === 0) return document;
  return document.withGraph([
    ...fields,
    ...added.map((name) => portField(document, GRAPH.output, name)),
  ]);
}

/** A graph that ends with these values, and holds what they need alone. */
export function cut(document: Document, names: readonly string[]): Document {
  const where = "surgery.cutAfter";
  if (names.length === 0) throw nothingToGive(where);
  for (const name of names) checkComputed(where, document, name);
  const { graph } = document;
  const unique = [...new Set(names)];
  const outputs = unique.map((name) => portField(document, GRAPH.output, name));
  return document.withGraph(partOf(graph, { nodes: nodesFor(graph, unique), outputs }));
}

/** The two halves of a graph. */
export interface Halves {
  readonly head: Document;
  readonly tail: Document;
  readonly passed: readonly string[];
}

/** Parts a graph: the first half makes `names`, the second goes on from there. No node is in both. */
export function halves(document: Document, names: readonly string[]): Halves {
  const where = "surgery.split";
  if (names.length === 0) throw nothingToGive(where);
  for (const name of names) checkComputed(where, document, name);
  const { graph } = document;
  const first = nodesFor(graph, names);
  const isFirst = (name: string): boolean => {
    const maker = graph.makers.get(name);
    return maker !== undefined && first.has(maker);
  };
  const outputs = graph.outputs.map(({ name }) => name);
  const later = outputs.filter((name) => graph.makers.has(name) && !isFirst(name));
  const second = nodesFor(graph, later, isFirst);
  if (second.size === 0) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `nothing is left to compute after ${names.map((name) => JSON.stringify(name)).join(", ")}.`,
      fix: "split at a value that other nodes read.",
    });
  }
  const read = new Set([...second].flatMap((node) => [...node.reads]));
  const passed = [...new Set([...names, ...read])].filter(
    (name) => read.has(name) && isFirst(name),
  );
  const early = outputs.filter((name) => !later.includes(name));
  const port =
    (no: number) =>
    (name: string): Field =>
      portField(document, no, name);
  return {
    head: document.withGraph(
      partOf(graph, {
        nodes: first,
        outputs: [...new Set([...names, ...passed, ...early])].map(port(GRAPH.output)),
      }),
    ),
    tail: document.withGraph(
      partOf(graph, {
        nodes: second,
        newInputs: passed.map((name) => inputField(document, name)),
        outputs: later.map(port(GRAPH.output)),
      }),
    ),
    passed,
  };
}

/** A value as an output or an input. What the file says of it is taken as it stands where that is all that is known. */
function portField(document: Document, no: number, name: string): Field {
  const { graph } = document;
  const output = graph.outputs.find((value) => value.name === name);
  const stated = output ?? graph.stated.get(name);
  const known = knownValues(document).get(name);
  const saysAll =
    stated !== undefined && (known?.type === undefined || stated.shape?.every((s) => s !== null));
  if (stated !== undefined && (saysAll || output !== undefined))
    return stated.field.no === no ? stated.field : bytesField(no, stated.field.value as Uint8Array);
  return valueField(no, name, known?.type, known?.shape);
}

function inputField(document: Document, name: string): Field {
  const isTyped = knownValues(document).get(name)?.type !== undefined;
  if (isTyped || document.graph.stated.has(name)) return portField(document, GRAPH.input, name);
  throw new PatchClampError("UNSUPPORTED", {
    where: "surgery.split",
    problem: `the second half reads ${JSON.stringify(name)}, whose type is not known, and an input must have one.`,
    fix: "split at another value, or run onnx.shape_inference over the file first.",
    facts: { value: name },
  });
}

function checkComputed(where: string, document: Document, name: string): void {
  checkValue(where, document, name);
  if (document.graph.makers.has(name)) return;
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: `${JSON.stringify(name)} is an input or a constant, so nothing is computed up to there.`,
    fix: "name a value that a node makes.",
    facts: { value: name },
  });
}

function nothingToGive(where: string): PatchClampError {
  return new PatchClampError("BAD_OPTION", {
    where,
    problem: "no value is named.",
    fix: "name a value; values() lists them.",
  });
}
