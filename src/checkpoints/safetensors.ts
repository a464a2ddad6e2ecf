import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import {
  bytesPerElement,
  decode,
  decodeInto,
  encode,
  isWidened,
  storedDtypes,
} from "../core/dtypes.ts";
import type { StoredDtype, TensorData } from "../core/dtypes.ts";
import { headerLength, parseHeader } from "./header.ts";

/** One tensor of a file; its numbers are read when they are asked for, and again each time. */
export interface StoredTensor {
  readonly name: string;
  /** Name of the file that holds it. */
  readonly file: string;
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  /**
   * The numbers in row-major order; all floating-point types arrive as float32, BOOL as bytes of 0 and 1. Not to be changed.
   *
   * @param range - the elements from the first up to and without the second. Default: all
   */
  readonly data: (range?: ElementRange) => Promise<TensorData>;
}

/** Elements of a tensor in row-major order: from the first up to and without the second. */
export type ElementRange = readonly [start: number, end: number];

export interface SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** A tensor to be written. */
export interface TensorToStore {
  readonly shape: readonly number[];
  readonly data: TensorData;
  /** Default: what stores `data` without loss, and for float32 the `dtype` of the whole call. */
  readonly dtype?: StoredDtype;
}

export interface WriteOptions {
  /** How float32 data is stored when a tensor does not say it itself. Default F32. */
  readonly dtype?: "F32" | "F16" | "BF16";
}

/**
 * Opens a safetensors file: reads and checks its header, and leaves the tensors where they are.
 *
 * @param path - of the file within `files`
 * @throws PatchClampError `BAD_FILE` when the file is missing or its header lies about its bytes; `UNSUPPORTED` for a tensor type
 * that PatchClamp does not read and for PyTorch's pickled files
 */
export async function readSafetensors(files: Files, path: string): Promise<SafetensorsFile> {
  if (isPickled(path)) throw pickled(files, path);
  const fileBytes = await files.size(path);
  const prefix = await files.readRange(path, 0, Math.min(8, fileBytes));
  const dataStart = 8 + headerLength(path, prefix, fileBytes);
  const json = await files.readRange(path, 8, dataStart);
  const { metadata, entries } = parseHeader(path, json, fileBytes - dataStart);
  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const size = bytesPerElement(dtype);
    const data = (
      [first, last] = [0, (end - begin) / size] as ElementRange,
    ): Promise<TensorData> => {
      const start = dataStart + begin;
      return readNumbers(files, path, dtype, [start + first * size, start + last * size]);
    };
    tensors.set(name, { name, file: path, dtype, shape, data });
  }
  return { metadata, tensors };
}

/** Bytes of stored numbers that are converted at a time, so that a tensor and its stored form never lie in memory together. */
const CHUNK_BYTES = 2 ** 22;

async function readNumbers(
  files: Files,
  path: string,
  dtype: StoredDtype,
  [start, end]: readonly [number, number],
): Promise<TensorData> {
  if (!isWidened(dtype)) return decode(dtype, await files.readRange(path, start, end));
  const size = bytesPerElement(dtype);
  const numbers = new Float32Array((end - start) / size);
  const room = new Uint8Array(Math.min(CHUNK_BYTES, end - start));
  for (let at = start; at < end; at += CHUNK_BYTES) {
    const bytes = await files.readRange(path, at, Math.min(end, at + CHUNK_BYTES), room);
    decodeInto(dtype, bytes, numbers.subarray((at - start) / size));
  }
  return numbers;
}

/**
 * Writes tensors as a safetensors file, byte for byte as the reference implementation does: wide types first, then by name.
 *
 * @param metadata - free text to keep with the tensors
 * @returns the whole file
 * @throws PatchClampError `SHAPE_MISMATCH` when a shape does not fit its data; `DTYPE_MISMATCH` when data cannot be stored as its
 * dtype; `BAD_INPUT` when a finite number would become infinite in a narrower type
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, TensorToStore>>,
  metadata: Readonly<Record<string, string>> = {},
  options: WriteOptions = {},
): Uint8Array {
  const { dtype: floatDtype = "F32" } = options;
  const encoder = new TextEncoder();
  const parts = Object.entries(tensors)
    .map(([name, tensor]) => ({
      name,
      utf8: encoder.encode(name),
      ...stored(name, tensor, floatDtype),
    }))
    .toSorted(
      (a, b) =>
        storedDtypes.indexOf(a.dtype) - storedDtypes.indexOf(b.dtype) ||
        compareBytes(a.utf8, b.utf8),
    );

  const fields: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) fields.push(["__metadata__", metadata]);
  let dataBytes = 0;
  for (const { name, dtype, shape, bytes } of parts) {
    const end = dataBytes + bytes.length;
    fields.push([name, { dtype, shape, data_offsets: [dataBytes, end] }]);
    dataBytes = end;
  }
  // Not through an object, which would move names such as "0" to the front and lose "__proto__".
  const members = fields.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const json = encoder.encode(`{${members.join(",")}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;

  const file = new Uint8Array(8 + headerBytes + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, 8, 8 + headerBytes).set(json, 8);
  let at = 8 + headerBytes;
  for (const { bytes } of parts) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

interface EncodedTensor {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

function stored(name: string, tensor: TensorToStore, floatDtype: StoredDtype): EncodedTensor {
  const { shape, data, dtype = naturalDtype(data, floatDtype) } = tensor;
  const where = "writeSafetensors";
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== data.length) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where,
      problem: `tensor "${name}" has ${data.length} numbers, but its shape [${shape.join(", ")}] takes ${count}.`,
      facts: { tensor: name, shape },
    });
  }
  const bytes = encode(dtype, data);
  if (bytes === undefined) {
    throw new PatchClampError("DTYPE_MISMATCH", {
      where,
      problem: `tensor "${name}" is a ${data.constructor.name}, which cannot be stored as ${dtype}.`,
      facts: { tensor: name, dtype },
    });
  }
  if (data instanceof Float32Array && bytesPerElement(dtype) < 4) {
    checkOverflow(name, dtype, data, decode(dtype, bytes));
  }
  return { dtype, shape, bytes };
}

function naturalDtype(data: TensorData, floatDtype: StoredDtype): StoredDtype {
  if (data instanceof Float32Array) return floatDtype;
  if (data instanceof BigInt64Array) return "I64";
  if (data instanceof Int32Array) return "I32";
  return data instanceof Int8Array ? "I8" : "U8";
}

function checkOverflow(
  name: string,
  dtype: StoredDtype,
  given: Float32Array,
  kept: TensorData,
): void {
  const at = given.findIndex((x, i) => Number.isFinite(x) && !Number.isFinite(kept[i]));
  if (at < 0) return;
  throw new PatchClampError("BAD_INPUT", {
    where: "writeSafetensors",
    problem: `tensor "${name}" holds ${given[at]}, which is too large for ${dtype}.`,
    fix: "store it as F32.",
    facts: { tensor: name, dtype, position: at },
  });
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const differs = a.findIndex((byte, i) => byte !== b[i]);
  return differs < 0 ? a.length - b.length : a[differs]! - (b[differs] ?? -1);
}

/** Whether a file name is one of PyTorch's pickled checkpoints, which are programs: opening one would run it. */
export function isPickled(path: string): boolean {
  return /\.(bin|pt|pth|ckpt|pkl|pickle)$/.test(path);
}

/** The refusal of a pickled checkpoint. */
export function pickled(files: Files, path: string): PatchClampError {
  return new PatchClampError("UNSUPPORTED", {
    where: "readSafetensors",
    problem: `${path} in ${files.name} is a pickled PyTorch file; PatchClamp reads only safetensors.`,
    fix: "convert it in Python: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder).",
    facts: { folder: files.name, path },
  });
}
