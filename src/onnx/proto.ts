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

/** A constant: stored in the model, or beside it, where the session's `externalData` has it under its name. */
export interface InitializerForm {
  readonly name: string;
  readonly onnxType: number;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array | "external";
}

/** A graph input or output; a text is a size that is known when it runs. A shape of `"sequence"` declares a sequence of float tensors. */
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
    w.tag(field, WireType.Varint).int64(value);
const message =
  (field: number, ...parts: readonly Write[]): Write =>
  (w) => {
    w.tag(field, WireType.LengthDelimited).fork();
    for (const part of parts) part(w);
    return w.join();
  };

const IR_VERSION = 10;

/** Encodes a model. */
export function encodeModel({ opsets, ...graph }: ModelForm): Uint8Array {
  const w = new BinaryWriter();
  integer(1, IR_VERSION)(w);
  text(2, "patchclamp")(w);
  for (const [domain, version] of Object.entries(opsets))
    message(8, text(1, domain), integer(2, version))(w);
  message(7, ...graphParts(graph))(w);
  return w.finish();
}

function graphParts({ nodes, initializers, inputs, outputs }: GraphForm): Write[] {
  return [
    ...nodes.map((node) => message(1, ...nodeParts(node))),
    text(2, "patchclamp"),
    ...initializers.map((initializer) => message(5, ...initializerParts(initializer))),
    ...inputs.map((port) => message(11, ...portParts(port))),
    ...outputs.map((port) => message(12, ...portParts(port))),
  ];
}

function nodeParts({ name, opType, domain, inputs, outputs, attrs }: NodeForm): Write[] {
  const always =
    (field: number, value: string): Write =>
    (w) =>
      w.tag(field, WireType.LengthDelimited).string(value);
  return [
    ...inputs.map((input) => always(1, input)),
    ...outputs.map((output) => always(2, output)),
    text(3, name),
    text(4, opType),
    ...Object.entries(attrs).map(([key, value]) => message(5, text(1, key), ...attrParts(value))),
    text(7, domain),
  ];
}

const ATTR_TYPE = { float: 1, int: 2, string: 3, graph: 5, floats: 6, ints: 7 } as const;

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
  return typed("ints", ...value.map((v) => integer(8, v)));
}

function initializerParts({ name, onnxType, shape, bytes }: InitializerForm): Write[] {
  return [
    ...shape.map((size) => integer(1, size)),
    integer(2, onnxType),
    text(8, name),
    ...(bytes === "external"
      ? [message(13, text(1, "location"), text(2, name)), integer(14, 1)]
      : [(w: BinaryWriter) => w.tag(9, WireType.LengthDelimited).bytes(bytes)]),
  ];
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
