// Data of an ONNX file as tensors. Types that traced tensors lack become the nearest that they have.

import { bfloat16ToFloat32, float16ToFloat32 } from "../../core/dtypes.ts";
import { PatchClampError } from "../../core/errors.ts";
import { fromHost, fromSource } from "../../tensor/leaf.ts";
import type { DType, Tensor, TypedArray } from "../../tensor/tensor.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import type { ExternalData, OnnxTensor, OnnxType } from "../model.ts";

/** Reads bytes that lie in a file beside the model. */
export type ReadExternal = (data: ExternalData) => Promise<Uint8Array>;

/** How elements lie in a file, and what they become. */
interface Storage {
  readonly dtype: DType;
  /** Of an element. */
  readonly bytes: number;
  readonly read: (buffer: ArrayBufferLike, at: number, count: number) => TypedArray;
}

/** Types that traced tensors hold: halves and doubles are computed as float32, whole numbers as the next type that has them all. */
const HELD: Partial<Record<OnnxType, Storage>> = {
  float32: { dtype: "float32", bytes: 4, read: (...part) => new Float32Array(...part) },
  float16: {
    dtype: "float32",
    bytes: 2,
    read: (...part) => float16ToFloat32(new Uint16Array(...part)),
  },
  bfloat16: {
    dtype: "float32",
    bytes: 2,
    read: (...part) => bfloat16ToFloat32(new Uint16Array(...part)),
  },
  float64: {
    dtype: "float32",
    bytes: 8,
    read: (...part) => Float32Array.from(new Float64Array(...part)),
  },
  int8: { dtype: "int8", bytes: 1, read: (...part) => new Int8Array(...part) },
  uint8: { dtype: "uint8", bytes: 1, read: (...part) => new Uint8Array(...part) },
  bool: { dtype: "bool", bytes: 1, read: (...part) => new Uint8Array(...part) },
  int16: { dtype: "int32", bytes: 2, read: (...part) => Int32Array.from(new Int16Array(...part)) },
  uint16: {
    dtype: "int32",
    bytes: 2,
    read: (...part) => Int32Array.from(new Uint16Array(...part)),
  },
  int32: { dtype: "int32", bytes: 4, read: (...part) => new Int32Array(...part) },
  uint32: {
    dtype: "int64",
    bytes: 4,
    read: (...part) => BigInt64Array.from(new Uint32Array(...part), BigInt),
  },
  int64: { dtype: "int64", bytes: 8, read: (...part) => new BigInt64Array(...part) },
  // the largest of them, which nothing counts up to, are read as negative
  uint64: { dtype: "int64", bytes: 8, read: (...part) => new BigInt64Array(...part) },
};

/**
 * The type in which traced tensors hold an ONNX type.
 *
 * @throws PatchClampError `UNSUPPORTED` for texts, complex numbers and numbers of fewer than 8 bits
 */
export function heldAs(where: string, type: OnnxType, what: string): DType {
  const held = HELD[type];
  if (held !== undefined) return held.dtype;
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: `${what} holds ${type}, and values of that type are not computed here.`,
    facts: { type },
  });
}

/** Bytes from which on data is read from the file when it is first needed. */
const SMALL = 65_536;

/**
 * Data as a leaf.
 *
 * @throws PatchClampError `UNSUPPORTED` when its type cannot be held; for data in another file, what `read` throws, when it is first
 * needed
 */
export async function leafOf(
  where: string,
  tensor: OnnxTensor,
  read: ReadExternal,
): Promise<Tensor> {
  const { name, type, shape, data } = tensor;
  const dtype = heldAs(where, type, `the constant "${name}"`);
  const aval = { shape, dtype };
  if (data instanceof Uint8Array) return fromHost(decode(type, data), aval, name);
  const load = async (range?: readonly [start: number, end: number]): Promise<TypedArray> => {
    if (range !== undefined) return decode(type, await read(partOf(data, type, range)));
    const bytes = await read(data);
    if (bytes.length === bytesOf(type, shape)) return decode(type, bytes);
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `the constant "${name}" takes ${bytesOf(type, shape)} bytes, but ${data.location} holds ${bytes.length} for it.`,
      fix: "load the model with the files that were saved with it.",
    });
  };
  return bytesOf(type, shape) <= SMALL
    ? fromHost(await load(), aval, name)
    : fromSource(load, aval, name);
}

function partOf(
  data: ExternalData,
  type: OnnxType,
  [start, end]: readonly [start: number, end: number],
): ExternalData {
  const { bytes } = HELD[type]!;
  return { ...data, offset: data.offset + start * bytes, length: (end - start) * bytes };
}

/**
 * Data within the model as a leaf.
 *
 * @throws PatchClampError `UNSUPPORTED` when its type cannot be held, or it lies in another file
 */
export function constantOf(where: string, { name, type, shape, data }: OnnxTensor): Tensor {
  const dtype = heldAs(where, type, `the constant "${name}"`);
  if (data instanceof Uint8Array) return fromHost(decode(type, data), { shape, dtype }, name);
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: "a constant of a node lies in another file.",
  });
}

function bytesOf(type: OnnxType, shape: readonly number[]): number {
  return sizeOf(shape) * HELD[type]!.bytes;
}

/** Elements from little-endian bytes. */
function decode(type: OnnxType, bytes: Uint8Array): TypedArray {
  const held = HELD[type]!;
  // typed arrays begin at multiples of their size; slice() of a Buffer would not copy
  const { buffer, byteOffset } = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  return held.read(buffer, byteOffset, bytes.length / held.bytes);
}
