// Data of an ONNX file as tensors. Types that traced tensors lack become the nearest that they have.

import { bfloat16ToFloat32, float16ToFloat32 } from "../../core/dtypes.ts";
import { PatchClampError } from "../../core/errors.ts";
import { fromHost, fromSource } from "../../tensor/leaf.ts";
import type { DType, Tensor, TypedArray } from "../../tensor/tensor.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import type { ExternalData, OnnxTensor, OnnxType } from "../model.ts";

/** Reads bytes that lie in a file beside the model. */
export type ReadExternal = (data: ExternalData) => Promise<Uint8Array>;

/** The type in which traced tensors hold an ONNX type: halves and doubles are computed as float32. */
const HELD: Partial<Record<OnnxType, DType>> = {
  float32: "float32",
  float16: "float32",
  bfloat16: "float32",
  float64: "float32",
  int8: "int8",
  uint8: "uint8",
  bool: "bool",
  int16: "int32",
  uint16: "int32",
  int32: "int32",
  uint32: "int64",
  int64: "int64",
  uint64: "int64",
};

/**
 * The type in which traced tensors hold an ONNX type.
 *
 * @throws PatchClampError `UNSUPPORTED` for texts, complex numbers and numbers of fewer than 8 bits
 */
export function heldAs(where: string, type: OnnxType, what: string): DType {
  const held = HELD[type];
  if (held !== undefined) return held;
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
  const load = async (): Promise<TypedArray> => {
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

const BYTES: Partial<Record<OnnxType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float64: 8,
  int8: 1,
  uint8: 1,
  bool: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
};

function bytesOf(type: OnnxType, shape: readonly number[]): number {
  return sizeOf(shape) * BYTES[type]!;
}

/** Elements from little-endian bytes. */
function decode(type: OnnxType, bytes: Uint8Array): TypedArray {
  // typed arrays begin at multiples of their size
  const { buffer } = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const at = buffer === bytes.buffer ? bytes.byteOffset : 0;
  const count = bytes.length / BYTES[type]!;
  switch (type) {
    case "float32":
      return new Float32Array(buffer, at, count);
    case "float16":
      return float16ToFloat32(new Uint16Array(buffer, at, count));
    case "bfloat16":
      return bfloat16ToFloat32(new Uint16Array(buffer, at, count));
    case "float64":
      return Float32Array.from(new Float64Array(buffer, at, count));
    case "int8":
      return new Int8Array(buffer, at, count);
    case "uint8":
    case "bool":
      return new Uint8Array(buffer, at, count);
    case "int16":
      return Int32Array.from(new Int16Array(buffer, at, count));
    case "uint16":
      return Int32Array.from(new Uint16Array(buffer, at, count));
    case "int32":
      return new Int32Array(buffer, at, count);
    case "uint32":
      return BigInt64Array.from(new Uint32Array(buffer, at, count), BigInt);
    default:
      return new BigInt64Array(buffer, at, count);
  }
}
