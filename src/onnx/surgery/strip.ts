// What a model says for people alone, taken away.

import type { Field } from "../message.ts";
import type { Document } from "./document.ts";
import { changeInner, entryField, innerFields, mapFields, textIn } from "./edit.ts";

/** What is taken away. */
export interface StripOptions {
  /** Descriptions of the model, its graphs, nodes, values and tensors. Default true. */
  readonly docs?: boolean;
  /** Keys and texts of the model and its parts. Default true. */
  readonly metadata?: boolean;
  /** Types and shapes of values between inputs and outputs. Default true. */
  readonly valueInfo?: boolean;
  /** Names of nodes; those of values stay. Default true. */
  readonly nodeNames?: boolean;
}

type Removable = keyof StripOptions;

/** A kind of message: fields that can go, and messages within it. */
interface Kind {
  readonly removable: Readonly<Partial<Record<Removable, number>>>;
  readonly inner?: Readonly<Partial<Record<number, KindName>>>;
}

type KindName = "model" | "graph" | "node" | "attribute" | "tensor" | "value" | "function";

const KINDS: Readonly<Record<KindName, Kind>> = {
  // its graph is gone through by itself
  model: { removable: { docs: 6, metadata: 14 }, inner: { 25: "function" } },
  graph: {
    removable: { docs: 10, metadata: 16, valueInfo: 13 },
    inner: { 1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value" },
  },
  node: { removable: { docs: 6, metadata: 9, nodeNames: 3 }, inner: { 5: "attribute" } },
  attribute: {
    removable: { docs: 13 },
    inner: { 5: "tensor", 6: "graph", 10: "tensor" },
  },
  tensor: { removable: { docs: 12, metadata: 16 } },
  value: { removable: { docs: 3, metadata: 4 } },
  function: {
    removable: { docs: 8, metadata: 14, valueInfo: 12 },
    inner: { 7: "node", 11: "attribute", 12: "value" },
  },
};

/** Takes away what a model says for people alone. */
export function stripped(document: Document, options: StripOptions): Document {
  const { docs = true, metadata = true, valueInfo = true, nodeNames = true } = options;
  const wanted = Object.entries({ docs, metadata, valueInfo, nodeNames });
  const gone = wanted.flatMap(([key, isGone]) => (isGone ? [key as Removable] : []));
  const graph = without(document.graph.fields, "graph", gone);
  return document.withGraph(graph).withFields(without(document.fields, "model", gone));
}

function without(
  fields: readonly Field[],
  kind: KindName,
  gone: readonly Removable[],
): readonly Field[] {
  const { removable, inner = {} } = KINDS[kind];
  const removed = new Set(gone.map((key) => removable[key]));
  return mapFields(fields, (field) => {
    if (removed.has(field.no)) return undefined;
    const within = inner[field.no];
    if (within === undefined || !(field.value instanceof Uint8Array)) return field;
    return changeInner(field, (own) => without(own, within, gone));
  });
}

/** Sets keys of the model's metadata; undefined takes a key away. */
export function withMetadata(
  document: Document,
  metadata: Readonly<Record<string, string | undefined>>,
): Document {
  const keyIn = (field: Field): string =>
    innerFields(field).flatMap((part) => (part.no === 1 ? [textIn(part)] : []))[0] ?? "";
  const done = new Set<string>();
  const kept = mapFields(document.fields, (field) => {
    const key = field.no === 14 ? keyIn(field) : undefined;
    if (key === undefined || !Object.hasOwn(metadata, key)) return field;
    const text = done.has(key) ? undefined : metadata[key];
    done.add(key);
    return text === undefined ? undefined : entryField(14, key, text);
  });
  const added = Object.entries(metadata).flatMap(([key, text]) =>
    text === undefined || done.has(key) ? [] : [entryField(14, key, text)],
  );
  return document.withFields(added.length === 0 ? kept : [...kept, ...added]);
}
