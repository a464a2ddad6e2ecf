// How GGML stores numbers, and how they become float32: exactly what llama.cpp computes, since every product here fits a
// float32 and only the last sum is rounded. Types: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

import { PatchClampError } from "../../core/errors.ts";
import { decode, decodeInto } from "../../core/dtypes.ts";
import type { StoredDtype, TensorData } from "../../core/dtypes.ts";
import { iq4nl, iq4xs, mxfp4 } from "./iq-quants.ts";
import { q2k, q3k, q4k, q5k, q6k } from "./k-quants.ts";
import { halfAt } from "./half.ts";

/**
 * Writes the numbers of whole blocks.
 *
 * @param bytes - the blocks, side by side
 * @param out - where the numbers go
 * @param at - place of the first of them in `out`
 */
export type Unpack = (bytes: Uint8Array, out: Float32Array, at: number) => void;

/** A storage type of GGML. */
export interface GgmlType {
  readonly name: string;
  /** Numbers in a block. */
  readonly block: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** The type of the numbers in memory. */
  readonly dtype: StoredDtype;
  /** Undefined for integers, which are not unpacked. */
  readonly unpack: Unpack | undefined;
}

const float = (dtype: "F16" | "BF16" | "F64", bytes: number): GgmlType => ({
  name: dtype,
  block: 1,
  bytes,
  dtype,
  unpack: (stored, out, at) =>
    decodeInto(dtype, stored, out.subarray(at, at + stored.length / bytes)),
});

const float32: GgmlType = {
  name: "F32",
  block: 1,
  bytes: 4,
  dtype: "F32",
  unpack: (stored, out, at) => out.set(decode("F32", stored) as Float32Array, at),
};

const integer = (name: string, bytes: number, dtype: StoredDtype): GgmlType => ({
  name,
  block: 1,
  bytes,
  dtype,
  unpack: undefined,
});

const blocks = (name: string, block: number, bytes: number, unpack: Unpack): GgmlType => ({
  name,
  block,
  bytes,
  dtype: "F32",
  unpack,
});

const types: ReadonlyMap<number, GgmlType> = new Map([
  [0, float32],
  [1, float("F16", 2)],
  [2, blocks("Q4_0", 32, 18, q4n0)],
  [3, blocks("Q4_1", 32, 20, q4n1)],
  [6, blocks("Q5_0", 32, 22, q5n0)],
  [7, blocks("Q5_1", 32, 24, q5n1)],
  [8, blocks("Q8_0", 32, 34, q8n0)],
  [10, blocks("Q2_K", 256, 84, q2k)],
  [11, blocks("Q3_K", 256, 110, q3k)],
  [12, blocks("Q4_K", 256, 144, q4k)],
  [13, blocks("Q5_K", 256, 176, q5k)],
  [14, blocks("Q6_K", 256, 210, q6k)],
  [20, blocks("IQ4_NL", 32, 18, iq4nl)],
  [23, blocks("IQ4_XS", 256, 136, iq4xs)],
  [24, integer("I8", 1, "I8")],
  [25, integer("I16", 2, "I32")],
  [26, integer("I32", 4, "I32")],
  [27, integer("I64", 8, "I64")],
  [28, float("F64", 8)],
  [30, float("BF16", 2)],
  [39, blocks("MXFP4", 32, 17, mxfp4)],
]);

/** Types that llama.cpp writes and PatchClamp does not read, so that the refusal can name them. */
const unread: Readonly<Record<number, string>> = {
  9: "Q8_1",
  15: "Q8_K",
  16: "IQ2_XXS",
  17: "IQ2_XS",
  18: "IQ3_XXS",
  19: "IQ1_S",
  21: "IQ3_S",
  22: "IQ2_S",
  29: "IQ1_M",
  34: "TQ1_0",
  35: "TQ2_0",
  40: "NVFP4",
};

/**
 * The storage type of a number in the table of tensors.
 *
 * @throws PatchClampError `UNSUPPORTED` for a type that PatchClamp does not read, by its name
 */
export function ggmlType(path: string, tensor: string, id: number): GgmlType {
  const type = types.get(id);
  if (type !== undefined) return type;
  throw new PatchClampError("UNSUPPORTED", {
    where: "openGguf",
    problem: `tensor "${tensor}" in ${path} is stored as ${unread[id] ?? `the unknown type ${id}`}; PatchClamp reads ${[
      ...types.values(),
    ]
      .map(({ name }) => name)
      .join(", ")}.`,
    fix: "use a file of the same model in one of these, such as Q4_K_M or Q8_0.",
    facts: { path, tensor, type: id },
  });
}

/** The numbers of an integer tensor; 16 bits arrive as 32. */
export function integers({ name, dtype }: GgmlType, bytes: Uint8Array): TensorData {
  if (name !== "I16") return decode(dtype, bytes);
  return Int32Array.from(new Int16Array(new Uint8Array(bytes).buffer));
}

// Every block below begins with a scale d and, where its lowest value is not fixed, an offset m, both in half precision. Then,
// for 5 bits, a word with the highest bit of each number; then nibbles, number i in the low half of byte i, number i + 16 in the
// high half.

/** x = d (q - 8) */
function q4n0(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 18, at += 32) {
    const d = halfAt(bytes, block);
    for (let i = 0; i < 16; i++) {
      const q = bytes[block + 2 + i]!;
      out[at + i] = d * ((q & 15) - 8);
      out[at + i + 16] = d * ((q >> 4) - 8);
    }
  }
}

/** x = d q + m */
function q4n1(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 20, at += 32) {
    const d = halfAt(bytes, block);
    const m = halfAt(bytes, block + 2);
    for (let i = 0; i < 16; i++) {
      const q = bytes[block + 4 + i]!;
      out[at + i] = d * (q & 15) + m;
      out[at + i + 16] = d * (q >> 4) + m;
    }
  }
}

/** x = d (q - 16) */
function q5n0(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 22, at += 32) {
    const d = halfAt(bytes, block);
    const high = wordAt(bytes, block + 2);
    for (let i = 0; i < 16; i++) {
      const q = bytes[block + 6 + i]!;
      out[at + i] = d * (((q & 15) | (((high >>> i) & 1) << 4)) - 16);
      out[at + i + 16] = d * (((q >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
    }
  }
}

/** x = d q + m */
function q5n1(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 24, at += 32) {
    const d = halfAt(bytes, block);
    const m = halfAt(bytes, block + 2);
    const high = wordAt(bytes, block + 4);
    for (let i = 0; i < 16; i++) {
      const q = bytes[block + 8 + i]!;
      out[at + i] = d * ((q & 15) | (((high >>> i) & 1) << 4)) + m;
      out[at + i + 16] = d * ((q >> 4) | (((high >>> (i + 16)) & 1) << 4)) + m;
    }
  }
}

/** x = d q with q in -128..127 */
function q8n0(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 34, at += 32) {
    const d = halfAt(bytes, block);
    for (let i = 0; i < 32; i++) out[at + i] = d * ((bytes[block + 2 + i]! << 24) >> 24);
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
