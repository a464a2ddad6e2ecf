// Writes GGUF files of version 3, little-endian, byte for byte as the gguf package of Python does: tensors in the order given,
// each padded to the alignment. For small files: everything is in memory.

import type { Numbers } from "../../values/numbers.ts";

/** Metadata that can be written: texts, and numbers as uint32. */
export type GgufMetadata = Readonly<Record<string, string | number>>;

const ALIGNMENT = 32;
const TYPES = { uint32: 4, string: 8 } as const;
const FLOAT32 = 0;

/**
 * Writes metadata and float32 tensors as a GGUF file.
 *
 * @param metadata - in the order in which it is written; `general.architecture` comes first by custom
 * @param tensors - by name, in the order in which they are written
 */
export function writeGguf(
  metadata: GgufMetadata,
  tensors: readonly (readonly [name: string, numbers: Numbers])[],
): Uint8Array {
  const head = new ByteWriter();
  head.bytes(new TextEncoder().encode("GGUF"));
  head.u32(3);
  head.u64(tensors.length);
  head.u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    head.text(key);
    head.u32(typeof value === "string" ? TYPES.string : TYPES.uint32);
    if (typeof value === "string") head.text(value);
    else head.u32(value);
  }
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    head.text(name);
    head.u32(shape.length);
    // the fastest axis first
    for (const size of shape.toReversed()) head.u64(size);
    head.u32(FLOAT32);
    head.u64(offset);
    offset += aligned(data.byteLength);
  }
  const start = aligned(head.length);
  const file = new Uint8Array(start + offset);
  file.set(head.joined());
  let at = start;
  for (const [, { data }] of tensors) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += aligned(data.byteLength);
  }
  return file;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

class ByteWriter {
  readonly #parts: Uint8Array[] = [];
  length = 0;

  bytes(part: Uint8Array): void {
    this.#parts.push(part);
    this.length += part.length;
  }

  u32(value: number): void {
    const part = new Uint8Array(4);
    new DataView(part.buffer).setUint32(0, value, true);
    this.bytes(part);
  }

  u64(value: number): void {
    const part = new Uint8Array(8);
    new DataView(part.buffer).setBigUint64(0, BigInt(value), true);
    this.bytes(part);
  }

  /** UTF-8 with its length before it. */
  text(value: string): void {
    const utf8 = new TextEncoder().encode(value);
    this.u64(utf8.length);
    this.bytes(utf8);
  }

  joined(): Uint8Array {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}
