// The least of ONNX's file format that a graph written by hand needs; field numbers are those of onnx.proto3. It shares
// nothing with the library, so that what the library is compared with does not depend on it.

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** ONNX's numbers for the types of tensors. */
export const FLOAT = 1;
export const INT64 = 7;

const IR_VERSION = 9;
/** The first that has Gelu. */
const OPSET = 20;

/** ONNX's number for tensors that lie in another file. */
const EXTERNAL = 1;

/** Where a tensor's bytes lie: the file's name beside the graph's, and numbers of bytes. */
export interface ExternalPlace {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** A number is written as an integer where it is one. */
type Attribute = number | string | readonly number[];

/** Collects nodes in order of execution, and what they read, into the bytes of an .onnx file. */
export class GraphWriter {
  readonly #graph = new Message();
  #made = 0;

  /** Declares an input of the graph and returns its name; an axis with a name may have any size. */
  input(name: string, type: number, dims: readonly (number | string)[]): string {
    this.#graph.message(11, valueInfo(name, type, dims));
    return name;
  }

  /** Declares a float32 output of the graph, which holds `value`. */
  output(value: string, name: string, dims: readonly (number | string)[]): void {
    this.#graph.message(1, nodeProto("Identity", [value], [name], {}));
    this.#graph.message(12, valueInfo(name, FLOAT, dims));
  }

  /** Adds a node with one output and returns the output's name. */
  node(op: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}): string {
    return this.nodes(op, inputs, 1, attributes)[0]!;
  }

  /** Adds a node with `count` outputs and returns their names. */
  nodes(
    op: string,
    inputs: readonly string[],
    count: number,
    attributes: Record<string, Attribute>,
  ): string[] {
    const outputs = Array.from({ length: count }, () => `v${this.#made++}`);
    this.#graph.message(1, nodeProto(op, inputs, outputs, attributes));
    return outputs;
  }

  /** Adds a constant int64 vector and returns its name. */
  int64s(name: string, values: readonly number[]): string {
    const tensor = new Message().int(1, values.length).int(2, INT64).text(8, name);
    for (const value of values) tensor.int(7, value);
    this.#graph.message(5, tensor);
    return name;
  }

  /** Adds a constant float32 tensor and returns its name. */
  floats(name: string, dims: readonly number[], values: readonly number[]): string {
    const tensor = new Message().int(2, FLOAT).text(8, name);
    for (const dim of dims) tensor.int(1, dim);
    this.#graph.message(5, tensor.bytes(9, new Uint8Array(Float32Array.from(values).buffer)));
    return name;
  }

  /** Adds a float32 tensor whose numbers lie in another file, beside the graph's, and returns its name. */
  external(name: string, dims: readonly number[], place: ExternalPlace): string {
    const tensor = new Message().int(2, FLOAT).text(8, name).int(14, EXTERNAL);
    for (const dim of dims) tensor.int(1, dim);
    for (const [key, value] of Object.entries(place)) {
      tensor.message(13, new Message().text(1, key).text(2, String(value)));
    }
    this.#graph.message(5, tensor);
    return name;
  }

  finish(): Uint8Array<ArrayBuffer> {
    const opset = new Message().int(2, OPSET);
    const graph = this.#graph.text(2, "graph");
    return new Message().int(1, IR_VERSION).message(7, graph).message(8, opset).finish();
  }
}

function nodeProto(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Record<string, Attribute>,
): Message {
  const node = new Message().text(4, op);
  for (const input of inputs) node.text(1, input);
  for (const output of outputs) node.text(2, output);
  for (const [name, value] of Object.entries(attributes)) {
    node.message(5, attributeProto(name, value));
  }
  return node;
}

function attributeProto(name: string, value: Attribute): Message {
  const attribute = new Message().text(1, name);
  const [float, int, string, ints] = [1, 2, 3, 7];
  if (typeof value === "string") return attribute.text(4, value).int(20, string);
  if (typeof value === "number") {
    return Number.isInteger(value)
      ? attribute.int(3, value).int(20, int)
      : attribute.float(2, value).int(20, float);
  }
  for (const one of value) attribute.int(8, one);
  return attribute.int(20, ints);
}

function valueInfo(name: string, type: number, dims: readonly (number | string)[]): Message {
  const shape = new Message();
  for (const dim of dims) {
    const axis = new Message();
    shape.message(1, typeof dim === "number" ? axis.int(1, dim) : axis.text(2, dim));
  }
  const tensor = new Message().int(1, type).message(2, shape);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}

/** A protobuf message under construction. */
class Message {
  readonly #writer = new BinaryWriter();

  int(field: number, value: number): this {
    this.#writer.tag(field, WireType.Varint).int64(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#writer.tag(field, WireType.Bit32).float(value);
    return this;
  }

  text(field: number, value: string): this {
    this.#writer.tag(field, WireType.LengthDelimited).string(value);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#writer.tag(field, WireType.LengthDelimited).bytes(value);
    return this;
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }

  finish(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#writer.finish());
  }
}
