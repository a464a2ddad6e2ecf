// What a graph's fields say: nodes, constants, and who makes and reads each value.

import { PatchClampError } from "../../core/errors.ts";
import type { Field } from "../message.ts";
import { integerField, messageOf } from "../message.ts";
import type { OnnxGraph, OnnxNode, OnnxTensor, OnnxValue } from "../model.ts";
import { ModelReader } from "../model.ts";
import { entryField, innerFields, textIn } from "./edit.ts";
import { checkedLocation } from "./location.ts";

/** The numbers of a graph's fields. */
export const GRAPH = {
  node: 1,
  initializer: 5,
  input: 11,
  output: 12,
  value: 13,
  annotation: 14,
  sparse: 15,
} as const;

/** A node, the field that it stands in, and every value that it or its bodies read. */
export interface NodeView extends OnnxNode {
  readonly field: Field;
  readonly reads: ReadonlySet<string>;
}

/** What the graph says of a value, and the field that says it. */
export interface ValueView extends OnnxValue {
  readonly field: Field;
}

/** A constant without its numbers, and its field. */
export interface InitializerView extends Omit<OnnxTensor, "strings"> {
  readonly field: Field;
}

// Fields are never changed, so that what was read from one holds for all graphs that share it.
const nodesRead = new WeakMap<Field, NodeView>();
const initializersRead = new WeakMap<Field, InitializerView>();
const valuesRead = new WeakMap<Field, ValueView>();

/** A graph, read. */
export class GraphView {
  readonly fields: readonly Field[];
  readonly nodes: readonly NodeView[];
  readonly inputs: readonly ValueView[];
  readonly outputs: readonly ValueView[];
  /** What is said of values between inputs and outputs. */
  readonly stated: ReadonlyMap<string, ValueView>;
  readonly initializers: ReadonlyMap<string, InitializerView>;
  /** Names of constants of which only few elements are kept. */
  readonly sparse: ReadonlySet<string>;
  /** The node that makes a value. */
  readonly makers: ReadonlyMap<string, NodeView>;
  /** The nodes that read a value, in themselves or in their bodies. */
  readonly readers: ReadonlyMap<string, readonly NodeView[]>;

  /** @throws PatchClampError `BAD_FILE` when a message is damaged, a value is made twice, or data lies out of the folder */
  constructor(fields: readonly Field[]) {
    const read = <T>(no: number, one: (field: Field) => T): T[] =>
      fields.flatMap((field) => (field.no === no ? [one(field)] : []));
    this.fields = fields;
    this.nodes = read(GRAPH.node, nodeView);
    this.inputs = read(GRAPH.input, valueView);
    this.outputs = read(GRAPH.output, valueView);
    this.stated = byName(read(GRAPH.value, valueView));
    this.initializers = byName(read(GRAPH.initializer, initializerView));
    this.sparse = new Set(read(GRAPH.sparse, sparseName));
    this.makers = makersOf(this.nodes);
    this.readers = readersOf(this.nodes);
  }

  /** Whether the graph knows a value of this name; those within bodies do not count. */
  has(name: string): boolean {
    return (
      this.makers.has(name) ||
      this.initializers.has(name) ||
      this.sparse.has(name) ||
      this.inputs.some((input) => input.name === name)
    );
  }

  /** Names of all values, in the order inputs, constants, what nodes make. */
  names(): string[] {
    const inputs = this.inputs.map(({ name }) => name);
    return [
      ...new Set([...inputs, ...this.initializers.keys(), ...this.sparse, ...this.makers.keys()]),
    ];
  }
}

function byName<T extends { readonly name: string }>(views: readonly T[]): Map<string, T> {
  return new Map(views.map((view) => [view.name, view]));
}

function makersOf(nodes: readonly NodeView[]): Map<string, NodeView> {
  const makers = new Map<string, NodeView>();
  for (const node of nodes) {
    for (const name of node.outputs) {
      if (name === "") continue;
      if (makers.has(name)) {
        throw new PatchClampError("BAD_FILE", {
          where: "surgery",
          problem: `two nodes make "${name}".`,
          fix: "load a whole ONNX file.",
          facts: { value: name },
        });
      }
      makers.set(name, node);
    }
  }
  return makers;
}

function readersOf(nodes: readonly NodeView[]): Map<string, NodeView[]> {
  const readers = new Map<string, NodeView[]>();
  for (const node of nodes) {
    for (const name of node.reads) {
      const known = readers.get(name);
      if (known === undefined) readers.set(name, [node]);
      else known.push(node);
    }
  }
  return readers;
}

/** A field of a graph that holds a node, read. */
export function nodeView(field: Field): NodeView {
  return remembered(nodesRead, field, (bytes) => {
    const node = new ModelReader("surgery").node(bytes);
    checkLocations(node);
    checkBodies(field, node);
    return { ...node, field, reads: readsOf(node) };
  });
}

function valueView(field: Field): ValueView {
  return remembered(valuesRead, field, (bytes) => ({
    ...new ModelReader("surgery").value(bytes),
    field,
  }));
}

/** What stands for a tensor's data while only its type and sizes are read. */
const ELSEWHERE = [entryField(13, "location", "elsewhere"), integerField(14, 1)];

function initializerView(field: Field): InitializerView {
  return remembered(initializersRead, field, () => {
    const fields = innerFields(field);
    const isExternal = fields.some(({ no, value }) => no === 14 && value === 1n);
    const kept = fields.filter(
      ({ no }) => no === 1 || no === 2 || no === 8 || (isExternal && (no === 13 || no === 14)),
    );
    const bytes = messageOf(isExternal ? kept : [...kept, ...ELSEWHERE]);
    const { name, type, shape, data } = new ModelReader("surgery").tensor(bytes);
    return { name, type, shape, field, data: isExternal ? data : new Uint8Array() };
  });
}

/** A constant with its numbers. */
export function tensorOf({ field }: InitializerView): OnnxTensor {
  return new ModelReader("surgery").tensor(field.value as Uint8Array);
}

function sparseName(field: Field): string {
  const values = innerFields(field).find(({ no }) => no === 1);
  const name = values && innerFields(values).find(({ no }) => no === 8);
  return name === undefined ? "" : textIn(name);
}

function remembered<T>(known: WeakMap<Field, T>, field: Field, read: (bytes: Uint8Array) => T): T {
  let found = known.get(field);
  if (found === undefined) {
    innerFields(field);
    found = read(field.value as Uint8Array);
    known.set(field, found);
  }
  return found;
}

/** The graphs in a node. */
function bodiesOf({ attributes }: OnnxNode): OnnxGraph[] {
  return [...attributes.values()].flatMap((attribute) =>
    attribute.kind === "graph" ? [attribute.value] : [],
  );
}

/** Every value that a node reads: its inputs, and what its bodies take from around them. */
function readsOf(node: OnnxNode): Set<string> {
  const reads = new Set(node.inputs.filter((name) => name !== ""));
  for (const body of bodiesOf(node)) for (const name of outerReads(body)) reads.add(name);
  return reads;
}

function outerReads(body: OnnxGraph): Set<string> {
  const own = namesMadeIn(body);
  const reads = new Set<string>();
  for (const node of body.nodes) for (const name of readsOf(node)) reads.add(name);
  for (const { name } of body.outputs) reads.add(name);
  for (const name of own) reads.delete(name);
  return reads;
}

/** Names that a body gives to values of its own. */
function namesMadeIn({ inputs, initializers, nodes }: OnnxGraph): Set<string> {
  return new Set([
    ...inputs.map(({ name }) => name),
    ...initializers.map(({ name }) => name),
    ...nodes.flatMap(({ outputs }) => outputs),
  ]);
}

/** The tensors that a node holds, those of its bodies too. */
export function tensorsIn(node: OnnxNode): OnnxTensor[] {
  const own = [...node.attributes.values()].flatMap((attribute) =>
    attribute.kind === "tensor" ? [attribute.value] : [],
  );
  const inner = bodiesOf(node).flatMap(({ initializers, nodes }) => [
    ...initializers,
    ...nodes.flatMap(tensorsIn),
  ]);
  return [...own, ...inner];
}

function checkLocations(node: OnnxNode): void {
  for (const { data } of tensorsIn(node))
    if (!(data instanceof Uint8Array)) checkedLocation("surgery", data.location);
}

/** A list of graphs in one attribute is allowed by the format; no operator has one, and what is in it would be missed. */
function checkBodies(field: Field, { name, opType, attributes }: OnnxNode): void {
  if (![...attributes.values()].some(({ kind }) => kind === "other")) return;
  const lists = innerFields(field).filter(
    (part) => part.no === 5 && innerFields(part).some(({ no }) => no === 11),
  );
  if (lists.length === 0) return;
  throw new PatchClampError("UNSUPPORTED", {
    where: "surgery",
    problem: `the node "${name}" (${opType}) has an attribute with a list of graphs, which is not read.`,
  });
}

/** Every name in a graph, of values and of nodes, those in bodies too. */
export function allNames(graph: GraphView): Set<string> {
  const names = new Set(graph.names());
  for (const { name } of [...graph.outputs, ...graph.stated.values()]) names.add(name);
  const add = (node: OnnxNode): void => {
    for (const name of [node.name, ...node.inputs, ...node.outputs]) names.add(name);
    for (const body of bodiesOf(node)) {
      for (const name of namesMadeIn(body)) names.add(name);
      for (const { name } of body.outputs) names.add(name);
      body.nodes.forEach(add);
    }
  };
  graph.nodes.forEach(add);
  return names;
}
