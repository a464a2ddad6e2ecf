// Numbers of floating-point tensors, read and written in the type that the file has them in.

import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../../core/dtypes.ts";
import type { OnnxType } from "../model.ts";

/** Numbers with their sizes, row by row. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const FLOATS = ["float32", "float16", "bfloat16", "float64"] as const;

/** A floating-point type whose numbers are read and written. */
export type FloatType = (typeof FLOATS)[number];

export function isFloatType(type: OnnxType | undefined): type is FloatType {
  return FLOATS.some((float) => float === type);
}

/** The numbers that bytes stand for; those of float64 in their own precision. */
export function floatsOf(type: FloatType, bytes: Uint8Array): Float32Array | Float64Array {
  const { buffer, byteOffset } = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  if (type === "float32") return new Float32Array(buffer, byteOffset, bytes.length / 4);
  if (type === "float64") return new Float64Array(buffer, byteOffset, bytes.length / 8);
  const halves = new Uint16Array(buffer, byteOffset, bytes.length / 2);
  return type === "float16" ? float16ToFloat32(halves) : bfloat16ToFloat32(halves);
}

/** The bytes that stand for numbers, each rounded to the nearest that the type has. */
export function bytesOfFloats(type: FloatType, numbers: Float32Array | Float64Array): Uint8Array {
  const array = inType(type, numbers);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function inType(
  type: FloatType,
  numbers: Float32Array | Float64Array,
): Float32Array | Float64Array | Uint16Array {
  if (type === "float64") return Float64Array.from(numbers);
  const single = numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
  if (type === "float32") return single;
  return type === "float16" ? float32ToFloat16(single) : float32ToBfloat16(single);
}

/**
 * Rows of length 1 at right angles that span what the given rows span (Gram-Schmidt, twice over for the sake of rounding).
 *
 * @returns undefined when a row is a sum of multiples of those before it
 */
export function orthonormalRows({ shape, data }: Numbers): Numbers | undefined {
  const width = shape.at(-1)!;
  const rows: Float64Array[] = [];
  for (let start = 0; start < data.length; start += width) {
    const row = Float64Array.from(data.subarray(start, start + width));
    const length = lengthOf(row);
    for (const other of [...rows, ...rows]) {
      const overlap = other.reduce((sum, x, i) => sum + x * row[i]!, 0);
      for (let i = 0; i < width; i++) row[i]! -= overlap * other[i]!;
    }
    const left = lengthOf(row);
    if (!(left > 1e-6 * length)) return undefined;
    rows.push(row.map((x) => x / left));
  }
  const all = Float32Array.from(rows.flatMap((row) => [...row]));
  return { shape: [rows.length, width], data: all };
}

function lengthOf(row: Float64Array): number {
  return Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
}

/** Rows as columns. */
export function transposed({ shape, data }: Numbers): Numbers {
  const [rows, columns] = shape as readonly [number, number];
  const turned = new Float32Array(data.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j]!;
  return { shape: [columns, rows], data: turned };
}
