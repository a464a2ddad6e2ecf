// Writing ONNX protobuf messages: just the fields that we emit, over a protobuf library's wire writer. Field numbers
// are those of onnx.proto (IR version 10).

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

import type { OnnxAttr } from "../tensor/op.ts";

/** One node of an ONNX graph. Empty input names are optional inputs left out. */
export interface NodeForm {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: Readonly<Record<string, OnnxAttr | GraphForm>>;
}

/** Where numbers lie beside a model, in bytes. */
export interface Beside {
  /** A path, seen from the model. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** A constant: stored in the model, or beside it; `"external"` is where the session's `externalData` has it under its name. */
export interface InitializerForm {
  readonly name: string;
  readonly onnxType: number;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array | Beside | "external";
}

/**
 * A value of a graph; a text is a size that is known when it runs, an empty one a size without a name. A shape of `"sequence"` declares a
 * sequence of float tensors.
 */
export interface PortForm {
  readonly name: string;
  readonly onnxType: number;
  readonly shape: readonly (number | string)[] | "sequence";
}

/** A graph. Where it is the body of a node, it also reads what the graph around it has made before. */
export interface GraphForm {
  readonly nodes: readonly NodeForm[];
  readonly initializers: readonly InitializerForm[];
  readonly inputs: readonly PortForm[];
  readonly outputs: readonly PortForm[];
  /** What is known of values between inputs and outputs; optimisers of runtimes ask for it. Default: nothing. */
  readonly values?: readonly PortForm[];
}

/** A whole model. */
export interface ModelForm extends GraphForm {
  readonly opsets: Readonly<Record<string, number>>;
}

type Write = (w: BinaryWriter) => BinaryWriter;

const text =
  (field: number, value: string): Write =>
  (w) =>
    value === "" ? w : w.tag(field, WireType.LengthDelimited).string(value);
const integer =
  (field: number, value: number): Write =>
  (w) =>
    // the number nearest to the largest whole number of 64 bits is the one above it
    w.tag(field, WireType.Varint).int64(value < 2 ** 63 ? value : 2n ** 63n - 1n);
const message =
  (field: number, ...parts: readonly Write[]): Write =>
  (w) => {
    w.tag(field, WireType.LengthDelimited).fork();
    for (const part of parts) part(w);
    return w.join();
  };

const IR_VERSION = 10;

/** Encodes a model. */
export function encodeModel(model: ModelForm): Uint8Array {
  return encodeModelStart(model, 0);
}

/**
 * Encodes a model that goes on after these bytes with more constants.
 *
 * @param bytesToCome - that these constants take: for each what `encodeConstantStart` gives, and its numbers
 */
export function encodeModelStart({ opsets, ...graph }: ModelForm, bytesToCome: number): Uint8Array {
  const w = new BinaryWriter();
  integer(1, IR_VERSION)(w);
  text(2, "patchclamp")(w);
  for (const [domain, version] of Object.entries(opsets))
    message(8, text(1, domain), integer(2, version))(w);
  const inside = new BinaryWriter();
  for (const part of graphParts(graph)) part(inside);
  const start = inside.finish();
  w.tag(7, WireType.LengthDelimited)
    .uint32(start.length + bytesToCome)
    .raw(start);
  return w.finish();
}

/** Encodes a constant up to its numbers, which are to follow. */
export function encodeConstantStart(
  constant: Omit<InitializerForm, "bytes">,
  size: number,
): Uint8Array {
  const inside = new BinaryWriter();
  for (const part of constantParts(constant)) part(inside);
  const start = inside.tag(9, WireType.LengthDelimited).uint32(size).finish();
  const w = new BinaryWriter().tag(5, WireType.LengthDelimited);
  return w
    .uint32(start.length + size)
    .raw(start)
    .finish();
}

function graphParts({ nodes, initializers, inputs, outputs, values = [] }: GraphForm): Write[] {
  return [
    ...nodes.map((node) => message(1, ...nodeParts(node))),
    text(2, "patchclamp"),
    ...initializers.map((initializer) => message(5, ...initializerParts(initializer))),
    ...inputs.map((port) => message(11, ...portParts(port))),
    ...outputs.map((port) => message(12, ...portParts(port))),
    ...values.map((port) => message(13, ...portParts(port))),
  ];
}

function nodeParts({ name, opType, domain, inputs, outputs, attrs }: NodeForm): Write[] {
  const always =
    (field: number, value: string): Write =>
    (w) =>
      w.tag(field, WireType.LengthDelimited).string(value);
  // an optimiser of ONNX Runtime 1.30 falls over a layer norm whose last input is there without a name
  const last = inputs.findLastIndex((input) => input !== "");
  return [
    ...inputs.slice(0, last + 1).map((input) => always(1, input)),
    ...outputs.map((output) => always(2, output)),
    text(3, name),
    text(4, opType),
    ...Object.entries(attrs).map(([key, value]) => message(5, text(1, key), ...attrParts(value))),
    text(7, domain),
  ];
}

const ATTR_TYPE = {
  float: 1,
  int: 2,
  string: 3,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;

function attrParts(value: OnnxAttr | GraphForm): Write[] {
  const typed = (type: keyof typeof ATTR_TYPE, ...parts: readonly Write[]): Write[] => [
    ...parts,
    integer(20, ATTR_TYPE[type]),
  ];
  const float =
    (field: number, v: number): Write =>
    (w) =>
      w.tag(field, WireType.Bit32).float(v);
  if (typeof value === "number") return typed("int", integer(3, value));
  if (typeof value === "string") {
    return typed("string", (w) =>
      w.tag(4, WireType.LengthDelimited).bytes(new TextEncoder().encode(value)),
    );
  }
  if ("nodes" in value) return typed("graph", message(6, ...graphParts(value)));
  if ("float" in value) return typed("float", float(2, value.float));
  if ("floats" in value) return typed("floats", ...value.floats.map((v) => float(7, v)));
  if ("strings" in value) {
    const utf8 = new TextEncoder();
    return typed(
      "strings",
      ...value.strings.map(
        (v): Write =>
          (w) =>
            w.tag(9, WireType.LengthDelimited).bytes(utf8.encode(v)),
      ),
    );
  }
  return typed("ints", ...value.map((v) => integer(8, v)));
}

function initializerParts({ bytes, ...constant }: InitializerForm): Write[] {
  const parts = constantParts(constant);
  if (bytes instanceof Uint8Array)
    return [...parts, (w) => w.tag(9, WireType.LengthDelimited).bytes(bytes)];
  const { location, ...range } = bytes === "external" ? { location: constant.name } : bytes;
  const entry = (key: string, value: string): Write => message(13, text(1, key), text(2, value));
  const numbers = Object.entries(range).map(([key, value]) => entry(key, `${value}`));
  return [...parts, entry("location", location), ...numbers, integer(14, 1)];
}

function constantParts({ name, onnxType, shape }: Omit<InitializerForm, "bytes">): Write[] {
  return [...shape.map((size) => integer(1, size)), integer(2, onnxType), text(8, name)];
}

function portParts({ name, onnxType, shape }: PortForm): Write[] {
  const size = (one: number | string): Write =>
    message(1, typeof one === "number" ? integer(1, one) : text(2, one));
  const element = (sizes: readonly (number | string)[] | undefined): Write[] => [
    integer(1, onnxType),
    ...(sizes === undefined ? [] : [message(2, ...sizes.map(size))]),
  ];
  const type =
    shape === "sequence"
      ? message(4, message(1, message(1, ...element(undefined))))
      : message(1, ...element(shape));
  return [text(1, name), message(2, type)];
}
