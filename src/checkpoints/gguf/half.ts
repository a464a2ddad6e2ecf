import { float16ToFloat32 } from "../../core/dtypes.ts";

/** All 65,536 half-precision numbers, made when first needed. */
let table: Float32Array | undefined;

/** Half-precision numbers by their bits. */
function halves(): Float32Array {
  table ??= float16ToFloat32(Uint16Array.from({ length: 0x10000 }, (_, bits) => bits));
  return table;
}

/** The half-precision number at a byte. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return halves()[bytes[at]! | (bytes[at + 1]! << 8)]!;
}
