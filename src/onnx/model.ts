// What an ONNX file says, read field by field. Field numbers are those of onnx.proto. Tensors keep pointing into the file's bytes.

import { BinaryReader } from "@bufbuild/protobuf/wire";

import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";
import { sizeOf } from "../tensor/tensor.ts";
import type { Field } from "./message.ts";
import { fieldsOf } from "./message.ts";

/** A whole model. */
export interface OnnxModel {
  readonly irVersion: number;
  readonly producer: string;
  /** Versions of the operator sets by domain; that of ONNX itself is "". */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: OnnxGraph;
  /** Operators that the model defines itself. */
  readonly functions: readonly OnnxFunction[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** A graph, or the body of a node. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** What the file says of values between inputs and outputs. */
  readonly values: readonly OnnxValue[];
}

/** One operation. Empty input names are optional inputs left out. */
export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** An operator made of others. */
export interface OnnxFunction extends Pick<OnnxNode, "name" | "domain" | "inputs" | "outputs"> {
  readonly nodes: readonly OnnxNode[];
  readonly opsets: ReadonlyMap<string, number>;
  /** Names of attributes, and the defaults of those that have one. */
  readonly attributes: readonly string[];
  readonly defaults: ReadonlyMap<string, OnnxAttribute>;
}

/** An attribute's value; `reference` takes that of the function's call. */
export type OnnxAttribute =
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "tensor"; readonly value: OnnxTensor }
  | { readonly kind: "graph"; readonly value: OnnxGraph }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "ints"; readonly value: readonly bigint[] }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "reference"; readonly value: string }
  | { readonly kind: "other" };

/** A tensor's type: the number that stands for it in ONNX files, and bits of an element. */
const TYPES = {
  float32: [1, 32],
  uint8: [2, 8],
  int8: [3, 8],
  uint16: [4, 16],
  int16: [5, 16],
  int32: [6, 32],
  int64: [7, 64],
  string: [8, 0],
  bool: [9, 8],
  float16: [10, 16],
  float64: [11, 64],
  uint32: [12, 32],
  uint64: [13, 64],
  complex64: [14, 64],
  complex128: [15, 128],
  bfloat16: [16, 16],
  float8e4m3fn: [17, 8],
  float8e4m3fnuz: [18, 8],
  float8e5m2: [19, 8],
  float8e5m2fnuz: [20, 8],
  uint4: [21, 4],
  int4: [22, 4],
  float4e2m1: [23, 4],
  float8e8m0: [24, 8],
  uint2: [25, 2],
  int2: [26, 2],
} as const;

/** The type of a tensor's elements. */
export type OnnxType = keyof typeof TYPES;

const TYPE_OF = new Map(Object.entries(TYPES).map(([name, [no]]) => [no, name as OnnxType]));

/** The type that a number stands for in ONNX files. */
export function typeOf(no: number): OnnxType | undefined {
  return TYPE_OF.get(no as never);
}

/** Bits that an element takes. */
export function bitsOf(type: OnnxType): number {
  return TYPES[type][1];
}

/** Bytes that the elements of a shape take. */
export function storedSize(type: OnnxType, shape: readonly number[]): number {
  return Math.ceil((sizeOf(shape) * bitsOf(type)) / 8);
}

/** Data in a file. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  /** Elements, little-endian; of `string`, empty. Or where in another file they are. */
  readonly data: Uint8Array | ExternalData;
  readonly strings: readonly string[];
}

/** A part of a file beside the model. */
export interface ExternalData {
  /** Relative to the model's folder. */
  readonly location: string;
  readonly offset: number;
  /** In bytes; undefined says up to the end. */
  readonly length: number | undefined;
}

/** What a file says of a value. */
export interface OnnxValue {
  readonly name: string;
  /** Undefined for what is no tensor, such as a sequence. */
  readonly type: OnnxType | undefined;
  /** Sizes; a text is a size with a name, null one without. Undefined where the rank is not known. */
  readonly shape: readonly (number | string | null)[] | undefined;
}

/** Bodies within bodies that are read, at most. */
const DEEPEST = 32;

/**
 * Reads a model.
 *
 * @param bytes - of the `.onnx` file
 * @throws PatchClampError `BAD_FILE` when they are no ONNX model, naming what is wrong
 */
export function readModel(where: string, bytes: Uint8Array): OnnxModel {
  return new ModelReader(where).model(bytes);
}

/** Reads messages of ONNX for one public function, which errors name. */
export class ModelReader {
  readonly #where: string;
  #depth = 0;

  constructor(where: string) {
    this.#where = where;
  }

  model(bytes: Uint8Array): OnnxModel {
    const fields = this.#fields(bytes);
    const graphs = all(fields, 7);
    if (graphs.length !== 1) {
      throw this.#bad(`the file has ${plural(graphs.length, "graph")}, so it is no ONNX model`);
    }
    const entries = all(fields, 14).map((entry) => this.#entry(entry));
    return {
      irVersion: Number(this.#integer(fields, 1) ?? 0n),
      producer: this.#text(fields, 2),
      opsets: this.#opsets(all(fields, 8)),
      graph: this.graph(graphs[0]!),
      functions: all(fields, 25).map((part) => this.#function(part)),
      metadata: new Map(entries),
    };
  }

  graph(bytes: Uint8Array): OnnxGraph {
    if (++this.#depth > DEEPEST)
      throw this.#bad(`bodies lie more than ${DEEPEST} deep in one another`);
    const fields = this.#fields(bytes);
    if (all(fields, 15).length > 0)
      throw this.#bad("the file has sparse constants, which are not read");
    const graph = {
      name: this.#text(fields, 2),
      nodes: all(fields, 1).map((part) => this.node(part)),
      initializers: all(fields, 5).map((part) => this.tensor(part)),
      inputs: all(fields, 11).map((part) => this.value(part)),
      outputs: all(fields, 12).map((part) => this.value(part)),
      values: all(fields, 13).map((part) => this.value(part)),
    };
    this.#depth--;
    return graph;
  }

  node(bytes: Uint8Array): OnnxNode {
    const fields = this.#fields(bytes);
    return {
      name: this.#text(fields, 3),
      opType: this.#text(fields, 4),
      domain: domainOf(this.#text(fields, 7)),
      inputs: all(fields, 1).map((part) => this.#decode(part)),
      outputs: all(fields, 2).map((part) => this.#decode(part)),
      attributes: this.#attributes(all(fields, 5)),
    };
  }

  tensor(bytes: Uint8Array): OnnxTensor {
    const fields = this.#fields(bytes);
    const name = this.#text(fields, 8);
    const shape = this.#sizes(fields, name);
    const type = this.#type(this.#integer(fields, 2), `the constant "${name}"`);
    const strings = all(fields, 6).map((part) => this.#decode(part));
    if (this.#integer(fields, 14) === 1n)
      return { name, type, shape, strings, data: this.#external(fields, name) };
    const raw = all(fields, 9).at(-1);
    const data = raw ?? this.#typedBytes(fields, type);
    const held = type === "string" ? strings.length : data.length;
    const expected = type === "string" ? sizeOf(shape) : storedSize(type, shape);
    if (held !== expected) {
      const unit = type === "string" ? "text" : "byte";
      throw this.#bad(
        `the constant "${name}" has ${plural(held, unit)}, but ${type} [${shape.join(", ")}] takes ${expected}`,
      );
    }
    return { name, type, shape, strings, data };
  }

  value(bytes: Uint8Array): OnnxValue {
    const fields = this.#fields(bytes);
    const name = this.#text(fields, 1);
    const types = all(fields, 2).flatMap((type) => all(this.#fields(type), 1));
    const tensor = types.at(-1);
    if (tensor === undefined) return { name, type: undefined, shape: undefined };
    const parts = this.#fields(tensor);
    const code = this.#integer(parts, 1);
    const shape = all(parts, 2).at(-1);
    return {
      name,
      type: code === undefined ? undefined : TYPE_OF.get(Number(code) as never),
      shape: shape && all(this.#fields(shape), 1).map((part) => this.#dimension(part)),
    };
  }

  #dimension(bytes: Uint8Array): number | string | null {
    const fields = this.#fields(bytes);
    const size = this.#integer(fields, 1);
    if (size !== undefined) return size < 0n ? null : Number(size);
    return all(fields, 2).length > 0 ? this.#text(fields, 2) : null;
  }

  #function(bytes: Uint8Array): OnnxFunction {
    const fields = this.#fields(bytes);
    const texts = (no: number): string[] => all(fields, no).map((part) => this.#decode(part));
    return {
      name: this.#text(fields, 1),
      domain: domainOf(this.#text(fields, 10)),
      inputs: texts(4),
      outputs: texts(5),
      attributes: texts(6),
      defaults: this.#attributes(all(fields, 11)),
      nodes: all(fields, 7).map((part) => this.node(part)),
      opsets: this.#opsets(all(fields, 9)),
    };
  }

  #attributes(parts: readonly Uint8Array[]): Map<string, OnnxAttribute> {
    return new Map(
      parts.map((part) => {
        const fields = this.#fields(part);
        return [this.#text(fields, 1), this.#attribute(fields)];
      }),
    );
  }

  #attribute(fields: readonly Field[]): OnnxAttribute {
    const reference = this.#text(fields, 21);
    if (reference !== "") return { kind: "reference", value: reference };
    // models of the first versions do not say the type, which then is that of the field that is there
    const type = Number(this.#integer(fields, 20) ?? 0n) || typeOfFields(fields);
    const message = (no: number): Uint8Array => {
      const found = all(fields, no).at(-1);
      if (found === undefined) throw this.#bad(`the attribute "${this.#text(fields, 1)}" is empty`);
      return found;
    };
    switch (type) {
      case 1:
        return { kind: "float", value: floatsOf(fields, 2)[0] ?? 0 };
      case 2:
        return { kind: "int", value: this.#integer(fields, 3) ?? 0n };
      case 3:
        return { kind: "string", value: this.#text(fields, 4) };
      case 4:
        return { kind: "tensor", value: this.tensor(message(5)) };
      case 5:
        return { kind: "graph", value: this.graph(message(6)) };
      case 6:
        return { kind: "floats", value: floatsOf(fields, 7) };
      case 7:
        return { kind: "ints", value: this.#numbers(fields, 8) };
      case 8:
        return { kind: "strings", value: all(fields, 9).map((part) => this.#decode(part)) };
      default:
        return { kind: "other" };
    }
  }

  #external(fields: readonly Field[], name: string): ExternalData {
    const entries = new Map(all(fields, 13).map((part) => this.#entry(part)));
    const location = entries.get("location");
    if (location === undefined || location === "")
      throw this.#bad(`the constant "${name}" lies in another file that it does not name`);
    const whole = (key: string): number | undefined => {
      const text = entries.get(key);
      if (text === undefined) return undefined;
      const value = Number(text);
      if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
      throw this.#bad(
        `the ${key} of the constant "${name}" is ${JSON.stringify(text)}, no number of bytes`,
      );
    };
    return { location, offset: whole("offset") ?? 0, length: whole("length") };
  }

  #sizes(fields: readonly Field[], name: string): number[] {
    const sizes = this.#numbers(fields, 1).map(Number);
    const count = sizeOf(sizes);
    if (sizes.every((size) => size >= 0) && Number.isSafeInteger(count)) return sizes;
    throw this.#bad(`the constant "${name}" has the shape [${sizes.join(", ")}]`);
  }

  #type(code: bigint | undefined, what: string): OnnxType {
    const type = TYPE_OF.get(Number(code ?? 0n) as never);
    if (type === undefined)
      throw this.#bad(`${what} has the element type ${code ?? 0n}, which is unknown`);
    return type;
  }

  #opsets(parts: readonly Uint8Array[]): Map<string, number> {
    return new Map(
      parts.map((part) => {
        const fields = this.#fields(part);
        return [domainOf(this.#text(fields, 1)), Number(this.#integer(fields, 2) ?? 1n)];
      }),
    );
  }

  #entry(bytes: Uint8Array): [key: string, value: string] {
    const fields = this.#fields(bytes);
    return [this.#text(fields, 1), this.#text(fields, 2)];
  }

  #fields(bytes: Uint8Array): Field[] {
    return fieldsOf(this.#where, bytes);
  }

  #integer(fields: readonly Field[], no: number): bigint | undefined {
    const value = fields.findLast((field) => field.no === no)?.value;
    if (value === undefined || typeof value === "bigint") return value;
    throw this.#bad(`field ${no} of a message holds bytes in place of a number`);
  }

  #text(fields: readonly Field[], no: number): string {
    const bytes = all(fields, no).at(-1);
    return bytes === undefined ? "" : this.#decode(bytes);
  }

  #decode(bytes: Uint8Array): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new PatchClampError("BAD_FILE", {
        where: this.#where,
        problem: "a name in the file is no UTF-8 text.",
        fix: "load a whole ONNX file.",
        cause,
      });
    }
  }

  /** Elements that are written as numbers of their kind and not as bytes. */
  #typedBytes(fields: readonly Field[], type: OnnxType): Uint8Array {
    if (type === "float32" || type === "complex64") return joined(all(fields, 4));
    if (type === "float64" || type === "complex128") return joined(all(fields, 10));
    const no = type === "int64" ? 7 : type === "uint64" || type === "uint32" ? 11 : 5;
    const numbers = this.#numbers(fields, no);
    // two numbers of 4 bits are written as one of 8
    const size = Math.ceil(bitsOf(type) / 8);
    const bytes = new Uint8Array(numbers.length * size);
    for (const [i, number] of numbers.entries()) {
      for (let part = 0; part < size; part++)
        bytes[i * size + part] = Number((number >> BigInt(8 * part)) & 0xffn);
    }
    return bytes;
  }

  /** Whole numbers, one a field or packed. */
  #numbers(fields: readonly Field[], no: number): bigint[] {
    return fields
      .filter((field) => field.no === no)
      .flatMap(({ value }) => (typeof value === "bigint" ? [value] : this.#packed(value)));
  }

  #packed(bytes: Uint8Array): bigint[] {
    const reader = new BinaryReader(bytes);
    const numbers: bigint[] = [];
    try {
      while (reader.pos < bytes.length) numbers.push(BigInt(reader.int64()));
    } catch {
      throw this.#bad("a list of numbers breaks off");
    }
    return numbers;
  }

  #bad(problem: string): PatchClampError {
    return new PatchClampError("BAD_FILE", {
      where: this.#where,
      problem: `${problem}.`,
      fix: "load a whole ONNX file.",
    });
  }
}

/** What the fields of one number hold, where they hold bytes. */
function all(fields: readonly Field[], no: number): Uint8Array[] {
  return fields.flatMap((field) =>
    field.no === no && field.value instanceof Uint8Array ? [field.value] : [],
  );
}

/** ONNX's own domain has two names. */
function domainOf(name: string): string {
  return name === "ai.onnx" ? "" : name;
}

/** The fields of an attribute by the type that each stands for. */
const TYPE_OF_FIELD: Readonly<Record<number, number>> = {
  2: 1,
  3: 2,
  4: 3,
  5: 4,
  6: 5,
  7: 6,
  8: 7,
  9: 8,
};

function typeOfFields(fields: readonly Field[]): number {
  return fields.map(({ no }) => TYPE_OF_FIELD[no]).find((type) => type !== undefined) ?? 0;
}

/** Numbers of four bytes, one a field or packed. */
function floatsOf(fields: readonly Field[], no: number): number[] {
  const bytes = joined(all(fields, no));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) =>
    view.getFloat32(4 * i, true),
  );
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
