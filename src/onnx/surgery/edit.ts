// Messages with some of their fields changed, and new messages. Field numbers are those of onnx.proto.

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

import { PatchClampError } from "../../core/errors.ts";
import type { Field } from "../message.ts";
import { bytesField, fieldsOf, integerField, messageOf } from "../message.ts";
import type { OnnxType } from "../model.ts";
import type { Shape } from "./shapes/dim.ts";

/** The fields of a message within another. */
export function innerFields({ no, value }: Field): Field[] {
  if (value instanceof Uint8Array) return fieldsOf("surgery", value);
  throw new PatchClampError("BAD_FILE", {
    where: "surgery",
    problem: `field ${no} of a message holds a number in place of a message.`,
    fix: "load a whole ONNX file.",
  });
}

/** A text that a field holds. */
export function textIn({ value }: Field): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : "";
}

/** Puts another field, or none, in the place of each. The same list where nothing changed. */
export function mapFields(
  fields: readonly Field[],
  change: (field: Field) => Field | undefined,
): readonly Field[] {
  const changed = fields.map(change);
  if (changed.every((field, i) => field === fields[i])) return fields;
  return changed.filter((field) => field !== undefined);
}

/** A message within another, changed. The same field where nothing changed. */
export function changeInner(
  field: Field,
  change: (fields: readonly Field[]) => readonly Field[],
): Field {
  const before = innerFields(field);
  const after = change(before);
  return after === before ? field : bytesField(field.no, messageOf(after));
}

/** What a new node is made of. An attribute is a whole number or a list of them. */
export interface NewNode {
  readonly opType: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | Field>>;
}

/** A node of ONNX's own operators, as a field of a graph. */
export function nodeField({ opType, name, inputs, outputs, attributes = {} }: NewNode): Field {
  return message(
    1,
    ...inputs.map((input) => bytesField(1, input)),
    ...outputs.map((output) => bytesField(2, output)),
    bytesField(3, name),
    bytesField(4, opType),
    ...Object.entries(attributes).map(([key, value]) =>
      typeof value === "number"
        ? message(5, bytesField(1, key), integerField(3, value), integerField(20, 2))
        : message(5, bytesField(1, key), value, integerField(20, 4)),
    ),
  );
}

/** What stands in a message for a tensor's type. */
const TYPE_NUMBER: Partial<Record<OnnxType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  complex128: 15,
  bfloat16: 16,
  float8e4m3fn: 17,
  float8e4m3fnuz: 18,
  float8e5m2: 19,
  float8e5m2fnuz: 20,
  uint4: 21,
  int4: 22,
  float4e2m1: 23,
  float8e8m0: 24,
};

/** A tensor: its type and sizes, and its bytes or where they are. */
export interface NewTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  readonly data: Uint8Array | Place;
}

/** A stretch of another file, in bytes. */
export interface Place {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** A tensor as field `no`: 5 of a graph, 5 of an attribute. */
export function tensorField(no: number, { name, type, shape, data }: NewTensor): Field {
  return message(
    no,
    ...shape.map((size) => integerField(1, size)),
    integerField(2, TYPE_NUMBER[type]!),
    ...(name === "" ? [] : [bytesField(8, name)]),
    ...dataFields(data),
  );
}

/** Fields of a tensor that hold its data. */
const DATA_FIELDS = new Set([3, 4, 5, 6, 7, 9, 10, 11, 13, 14]);

/** A tensor's message with other data of the same type and sizes. Everything else in it stays. */
export function withData(fields: readonly Field[], data: Uint8Array | Place): readonly Field[] {
  return [...fields.filter(({ no }) => !DATA_FIELDS.has(no)), ...dataFields(data)];
}

function dataFields(data: Uint8Array | Place): Field[] {
  if (data instanceof Uint8Array) return [bytesField(9, data)];
  const entries = Object.entries(data).map(([key, value]) =>
    message(13, bytesField(1, key), bytesField(2, String(value))),
  );
  return [...entries, integerField(14, 1)];
}

/** A value's name, type and sizes as field `no` of a graph: 11 for an input, 12 for an output. */
export function valueField(
  no: number,
  name: string,
  type: OnnxType | undefined,
  shape: Shape | undefined,
): Field {
  if (type === undefined) return message(no, bytesField(1, name));
  const sizes = shape?.map((size) => {
    if (size === null) return message(1);
    return message(1, typeof size === "number" ? integerField(1, size) : bytesField(2, size));
  });
  const tensor = message(
    1,
    integerField(1, TYPE_NUMBER[type]!),
    ...(sizes === undefined ? [] : [message(2, ...sizes)]),
  );
  return message(no, bytesField(1, name), message(2, tensor));
}

/** A key and what stands under it, as field `no`. */
export function entryField(no: number, key: string, value: string): Field {
  return message(no, bytesField(1, key), bytesField(2, value));
}

/** A message as field `no` of another. */
function message(no: number, ...fields: readonly Field[]): Field {
  return bytesField(no, messageOf(fields));
}

/** What stands before the bytes of a message that is field `no` and takes `length` bytes. */
export function headOf(no: number, length: number): Uint8Array {
  return new BinaryWriter().tag(no, WireType.LengthDelimited).uint32(length).finish();
}
