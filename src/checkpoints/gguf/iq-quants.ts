// Types of 4 bits that look their numbers up in a table. Every function writes whole blocks: `bytes` to `out` from `at` on.

import { halfAt } from "./half.ts";

/** Denser near zero than evenly spaced ones, as weights are. */
const uneven = Int8Array.from([
  -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
]);

/** Twice the numbers of the floating-point type E2M1. */
const e2m1 = Int8Array.from([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]);

/** Blocks of 32; x = d table[q]. */
export function iq4nl(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 18, at += 32) {
    nibbles(bytes, block + 2, { table: uneven, scale: halfAt(bytes, block), out, at });
  }
}

/** Super-blocks of 8 times 32; x = d (s - 32) table[q], with 6 bits for s, four low and two high. */
export function iq4xs(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 136, at += 256) {
    const d = halfAt(bytes, block);
    const highs = bytes[block + 2]! | (bytes[block + 3]! << 8);
    for (let sub = 0; sub < 8; sub++) {
      const low = (bytes[block + 4 + (sub >> 1)]! >> ((sub % 2) * 4)) & 15;
      const scale = d * ((low | (((highs >> (2 * sub)) & 3) << 4)) - 32);
      nibbles(bytes, block + 8 + sub * 16, { table: uneven, scale, out, at: at + sub * 32 });
    }
  }
}

/**
 * Blocks of 32; x = 2^(e - 128) table[q], the table being doubled.
 *
 * @source Open Compute Project 2023, "OCP Microscaling Formats (MX) Specification v1.0"
 */
export function mxfp4(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 17, at += 32) {
    nibbles(bytes, block + 1, { table: e2m1, scale: 2 ** (bytes[block]! - 128), out, at });
  }
}

interface Lookup {
  readonly table: Int8Array;
  readonly scale: number;
  readonly out: Float32Array;
  readonly at: number;
}

/** Number i lies in the low half of byte i, number i + 16 in the high half. */
function nibbles(bytes: Uint8Array, from: number, { table, scale, out, at }: Lookup): void {
  for (let i = 0; i < 16; i++) {
    const q = bytes[from + i]!;
    out[at + i] = scale * table[q & 15]!;
    out[at + i + 16] = scale * table[q >> 4]!;
  }
}
