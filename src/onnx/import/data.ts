// Data of an ONNX file as tensors. Types that traced tensors lack become the nearest that they have.

import { bfloat16ToFloat32, float16ToFloat32 } from "../../core/dtypes.ts";
import { PatchClampError } from "../../core/errors.ts";
import { fromHost, fromSource } from "../../tensor/leaf.ts";
import type { DType, Tensor, TypedArray } from "../../tensor/tensor.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { bitsOf, storedSize } from "../model.ts";
import type { ExternalData, OnnxTensor, OnnxType } from "../model.ts";

/** Reads bytes that lie in a file beside the model. */
export type ReadExternal = (data: ExternalData) => Promise<Uint8Array>;

/** What the elements of a file become. */
interface Storage {
  readonly dtype: DType;
  readonly read: (buffer: ArrayBufferLike, at: number, count: number) => TypedArray;
}

/** Types that traced tensors hold: halves and doubles are computed as float32, whole numbers as the next type that has them all. */
const HELD: Partial<Record<OnnxType, Storage>> = {
  float32: { dtype: "float32", read: (...part) => new Float32Array(...part) },
  float16: {
    dtype: "float32",
    read: (...part) => float16ToFloat32(new Uint16Array(...part)),
  },
  bfloat16: {
    dtype: "float32",
    read: (...part) => bfloat16ToFloat32(new Uint16Array(...part)),
  },
  float64: {
    dtype: "float32",
    read: (...part) => Float32Array.from(new Float64Array(...part)),
  },
  int8: { dtype: "int8", read: (...part) => new Int8Array(...part) },
  uint8: { dtype: "uint8", read: (...part) => new Uint8Array(...part) },
  int4: { dtype: "int8", read: fewBits(Int8Array, 4, 16) },
  uint4: { dtype: "uint8", read: fewBits(Uint8Array, 4) },
  int2: { dtype: "int8", read: fewBits(Int8Array, 2, 4) },
  uint2: { dtype: "uint8", read: fewBits(Uint8Array, 2) },
  bool: { dtype: "bool", read: (...part) => new Uint8Array(...part) },
  int16: { dtype: "int32", read: (...part) => Int32Array.from(new Int16Array(...part)) },
  uint16: {
    dtype: "int32",
    read: (...part) => Int32Array.from(new Uint16Array(...part)),
  },
  int32: { dtype: "int32", read: (...part) => new Int32Array(...part) },
  uint32: {
    dtype: "int64",
    read: (...part) => BigInt64Array.from(new Uint32Array(...part), BigInt),
  },
  int64: { dtype: "int64", read: (...part) => new BigInt64Array(...part) },
  // the largest of them, which nothing counts up to, are read as negative
  uint64: { dtype: "int64", read: (...part) => new BigInt64Array(...part) },
};

/** Reads numbers that share bytes, the first in the lowest bits; with a sign, those of the upper half of `range` are below 0. */
function fewBits(
  Kind: Uint8ArrayConstructor | Int8ArrayConstructor,
  bits: 2 | 4,
  range = Infinity,
): Storage["read"] {
  return (buffer, at, count) => {
    const bytes = new Uint8Array(buffer, at);
    const numbers = new Kind(count);
    for (let i = 0; i < count; i++) {
      const code = (bytes[(i * bits) >> 3]! >> ((i * bits) & 7)) & (2 ** bits - 1);
      numbers[i] = code < range / 2 ? code : code - range;
    }
    return numbers;
  };
}

const inFile = new WeakMap<Tensor, OnnxType>();

/** The type that a constant has in its file, where it is held as another. */
export function typeInFile(constant: Tensor): OnnxType | undefined {
  return inFile.get(constant);
}

/** A constant, whose type in the file is remembered where it is held as another. */
function remembered(type: OnnxType, constant: Tensor): Tensor {
  if (type !== constant.dtype) inFile.set(constant, type);
  return constant;
}

/**
 * The type in which traced tensors hold an ONNX type.
 *
 * @throws PatchClampError `UNSUPPORTED` for texts, complex numbers and numbers with a point of fewer than 16 bits
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
  const count = sizeOf(shape);
  if (data instanceof Uint8Array)
    return remembered(type, fromHost(decode(type, data, count), aval, name));
  const load = async (range?: readonly [start: number, end: number]): Promise<TypedArray> => {
    const [start, end] = range ?? [0, count];
    // numbers of few bits begin within bytes
    if (range !== undefined && bitsOf(type) < 8) return (await load()).slice(start, end);
    if (range !== undefined)
      return decode(type, await read(partOf(data, type, range)), end - start);
    const bytes = await read(data);
    if (bytes.length === storedSize(type, shape)) return decode(type, bytes, count);
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `the constant "${name}" takes ${storedSize(type, shape)} bytes, but ${data.location} holds ${bytes.length} for it.`,
      fix: "load the model with the files that were saved with it.",
    });
  };
  const isSmall = storedSize(type, shape) <= SMALL;
  return remembered(
    type,
    isSmall ? fromHost(await load(), aval, name) : fromSource(load, aval, name),
  );
}

function partOf(
  data: ExternalData,
  type: OnnxType,
  [start, end]: readonly [start: number, end: number],
): ExternalData {
  const bytes = bitsOf(type) / 8;
  return { ...data, offset: data.offset + start * bytes, length: (end - start) * bytes };
}

/**
 * Data within the model as a leaf.
 *
 * @throws PatchClampError `UNSUPPORTED` when its type cannot be held, or it lies in another file
 */
export function constantOf(where: string, { name, type, shape, data }: OnnxTensor): Tensor {
  const dtype = heldAs(where, type, `the constant "${name}"`);
  if (data instanceof Uint8Array)
    return remembered(type, fromHost(decode(type, data, sizeOf(shape)), { shape, dtype }, name));
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: "a constant of a node lies in another file.",
  });
}

/** Elements from little-endian bytes. */
function decode(type: OnnxType, bytes: Uint8Array, count: number): TypedArray {
  // typed arrays begin at multiples of their size; slice() of a Buffer would not copy
  const { buffer, byteOffset } = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  return HELD[type]!.read(buffer, byteOffset, count);
}
