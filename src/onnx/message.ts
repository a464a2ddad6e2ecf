// Protobuf messages as lists of fields, read without a schema and written back as they were: what nobody changed keeps its bytes,
// fields that nobody knows included.

import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

import { PatchClampError } from "../core/errors.ts";

/** One field of a message. */
export interface Field {
  readonly no: number;
  /** As it stands in the file, with its tag. */
  readonly raw: Uint8Array;
  /** What it holds: the bytes of a text, a message or packed numbers; eight or four bytes; or a varint. */
  readonly value: Uint8Array | bigint;
}

/**
 * Reads the fields of a message.
 *
 * @throws PatchClampError `BAD_FILE` when the bytes end within a field or have a form that protobuf does not know
 */
export function fieldsOf(where: string, bytes: Uint8Array): Field[] {
  const reader = new BinaryReader(bytes);
  const fields: Field[] = [];
  try {
    while (reader.pos < bytes.length) {
      const start = reader.pos;
      const [no, type] = reader.tag();
      const value = valueOf(reader, type, bytes);
      fields.push({ no, raw: bytes.subarray(start, reader.pos), value });
    }
  } catch (cause) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `a message breaks off or is damaged at byte ${reader.pos} of its ${bytes.length}.`,
      fix: "load a whole ONNX file.",
      cause,
    });
  }
  return fields;
}

function valueOf(reader: BinaryReader, type: WireType, bytes: Uint8Array): Field["value"] {
  if (type === WireType.Varint) return BigInt(reader.int64());
  if (type === WireType.LengthDelimited) return reader.bytes();
  if (type !== WireType.Bit32 && type !== WireType.Bit64)
    throw new RangeError(`wire type ${type} is not used by ONNX`);
  const start = reader.pos;
  const size = type === WireType.Bit32 ? 4 : 8;
  if (start + size > bytes.length) throw new RangeError("the message ends within a number");
  reader.pos += size;
  return bytes.subarray(start, start + size);
}

/** A field that holds a message, a text or bytes. */
export function bytesField(no: number, value: Uint8Array | string): Field {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  const raw = new BinaryWriter().tag(no, WireType.LengthDelimited).bytes(bytes).finish();
  return { no, raw, value: bytes };
}

/** A field that holds a whole number. */
export function integerField(no: number, value: number | bigint): Field {
  const raw = new BinaryWriter().tag(no, WireType.Varint).int64(BigInt(value)).finish();
  return { no, raw, value: BigInt(value) };
}

/** The message that has these fields. */
export function messageOf(fields: readonly Field[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, { raw }) => sum + raw.length, 0));
  let at = 0;
  for (const { raw } of fields) {
    bytes.set(raw, at);
    at += raw.length;
  }
  return bytes;
}
