// The K types of llama.cpp: super-blocks of 256 numbers, cut into sub-blocks whose scales are themselves stored in few bits.
// Every function writes whole blocks: `bytes` to `out` from `at` on.

import { halfAt } from "./half.ts";

/** 16 sub-blocks of 16; x = d s q - dmin m, with 4 bits each for s and m and 2 for q. */
export function q2k(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 84, at += 256) {
    const d = halfAt(bytes, block + 80);
    const dmin = halfAt(bytes, block + 82);
    for (let sub = 0; sub < 16; sub++) {
      const packed = bytes[block + sub]!;
      const scale = d * (packed & 15);
      const offset = dmin * (packed >> 4);
      const { from, shift } = twoBits(sub);
      for (let i = 0; i < 16; i++) {
        out[at + sub * 16 + i] = scale * ((bytes[block + 16 + from + i]! >> shift) & 3) - offset;
      }
    }
  }
}

/** 16 sub-blocks of 16; x = d s q, with 6 bits for s and 3 for q, the highest of them, inverted, in a mask of its own. */
export function q3k(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 110, at += 256) {
    const d = halfAt(bytes, block + 108);
    const scales = block + 96;
    for (let sub = 0; sub < 16; sub++) {
      const low = sub < 8 ? bytes[scales + sub]! & 15 : bytes[scales + sub - 8]! >> 4;
      const high = (bytes[scales + 8 + (sub % 4)]! >> (2 * (sub >> 2))) & 3;
      const scale = d * ((low | (high << 4)) - 32);
      const { from, shift } = twoBits(sub);
      const mask = block + (sub % 2) * 16;
      for (let i = 0; i < 16; i++) {
        const isHigh = (bytes[mask + i]! >> (sub >> 1)) & 1;
        const q = ((bytes[block + 32 + from + i]! >> shift) & 3) - (isHigh === 1 ? 0 : 4);
        out[at + sub * 16 + i] = scale * q;
      }
    }
  }
}

/** 2-bit numbers lie in two halves of 32 bytes; the four pairs of sub-blocks of a half share its bytes. */
function twoBits(sub: number): { from: number; shift: number } {
  return { from: (sub >> 3) * 32 + (sub % 2) * 16, shift: ((sub >> 1) % 4) * 2 };
}

/** 8 sub-blocks of 32; x = d s q - dmin m, with 6 bits each for s and m and 4 for q. */
export function q4k(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 144, at += 256) {
    const d = halfAt(bytes, block);
    const dmin = halfAt(bytes, block + 2);
    for (let sub = 0; sub < 8; sub++) {
      const scale = d * scaleAt(bytes, block + 4, sub);
      const offset = dmin * minimumAt(bytes, block + 4, sub);
      const from = block + 16 + (sub >> 1) * 32;
      const shift = (sub % 2) * 4;
      for (let i = 0; i < 32; i++) {
        out[at + sub * 32 + i] = scale * ((bytes[from + i]! >> shift) & 15) - offset;
      }
    }
  }
}

/** As Q4_K with 5 bits for q: the fifth of sub-block b is bit b of 32 bytes. */
export function q5k(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 176, at += 256) {
    const d = halfAt(bytes, block);
    const dmin = halfAt(bytes, block + 2);
    for (let sub = 0; sub < 8; sub++) {
      const scale = d * scaleAt(bytes, block + 4, sub);
      const offset = dmin * minimumAt(bytes, block + 4, sub);
      const from = block + 48 + (sub >> 1) * 32;
      const shift = (sub % 2) * 4;
      for (let i = 0; i < 32; i++) {
        const high = ((bytes[block + 16 + i]! >> sub) & 1) << 4;
        const q = ((bytes[from + i]! >> shift) & 15) | high;
        out[at + sub * 32 + i] = scale * q - offset;
      }
    }
  }
}

/** 16 sub-blocks of 16; x = d s (q - 32), with 8 bits for s and 6 for q, four low and two high. */
export function q6k(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 210, at += 256) {
    const d = halfAt(bytes, block + 208);
    for (let sub = 0; sub < 16; sub++) {
      const scale = d * ((bytes[block + 192 + sub]! << 24) >> 24);
      const half = sub >> 3;
      const row = (sub >> 1) % 4;
      const side = (sub % 2) * 16;
      const low = block + half * 64 + (row % 2) * 32 + side;
      const lowShift = (row >> 1) * 4;
      const high = block + 128 + half * 32 + side;
      for (let i = 0; i < 16; i++) {
        const q =
          ((bytes[low + i]! >> lowShift) & 15) | (((bytes[high + i]! >> (2 * row)) & 3) << 4);
        out[at + sub * 16 + i] = scale * (q - 32);
      }
    }
  }
}

// Q4_K and Q5_K pack eight scales and eight minima of 6 bits into 12 bytes: the first four of each lie in the low bits of bytes
// 0..3 and 4..7; of the last four, four bits lie in a nibble of bytes 8..11 and two in the high bits of the first eight.

function scaleAt(bytes: Uint8Array, at: number, sub: number): number {
  if (sub < 4) return bytes[at + sub]! & 63;
  return (bytes[at + sub + 4]! & 15) | ((bytes[at + sub - 4]! >> 6) << 4);
}

function minimumAt(bytes: Uint8Array, at: number, sub: number): number {
  if (sub < 4) return bytes[at + sub + 4]! & 63;
  return (bytes[at + sub + 4]! >> 4) | ((bytes[at + sub]! >> 6) << 4);
}
