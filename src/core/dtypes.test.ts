import { Buffer } from "node:buffer";

import * as fc from "fast-check";
import { expect, test } from "vitest";

import {
  bfloat16ToFloat32,
  decode,
  encode,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "./dtypes.ts";

const everyHalf = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
const float32s = fc.oneof(
  fc.float({ noNaN: true }),
  fc.float({ min: -65504, max: 65504, noNaN: true }),
  fc.float({ min: Math.fround(-1e-4), max: Math.fround(1e-4), noNaN: true }),
);

test.each([
  [0x3c00, 1],
  [0xc000, -2],
  [0x7bff, 65504],
  [0x0400, 2 ** -14],
  [0x03ff, 1023 * 2 ** -24],
  [0x0001, 2 ** -24],
  [0x8000, -0],
  [0x7c00, Infinity],
  [0xfc00, -Infinity],
  [0x7e01, NaN],
])("the half 0x%s is %s", (half, value) => {
  expect(float16ToFloat32(Uint16Array.of(half))[0]).toBe(value);
});

test.each([
  // Micikevicius et al. 2022, arXiv:2209.05433, table 1
  ["F8_E4M3", 0x00, 0],
  ["F8_E4M3", 0x01, 2 ** -9],
  ["F8_E4M3", 0x07, 7 * 2 ** -9],
  ["F8_E4M3", 0x08, 2 ** -6],
  ["F8_E4M3", 0x38, 1],
  ["F8_E4M3", 0x7e, 448],
  ["F8_E4M3", 0xfe, -448],
  ["F8_E4M3", 0x7f, NaN],
  ["F8_E5M2", 0x01, 2 ** -16],
  ["F8_E5M2", 0x04, 2 ** -14],
  ["F8_E5M2", 0x3c, 1],
  ["F8_E5M2", 0x7b, 57344],
  ["F8_E5M2", 0xfc, -Infinity],
  ["F8_E5M2", 0x7e, NaN],
] as const)("the %s 0x%s is %s", (dtype, bits, value) => {
  expect(decode(dtype, Uint8Array.of(bits))).toEqual(Float32Array.of(value));
});

test("an 8-bit float with five exponent bits is the upper half of a half", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const halves = Uint16Array.from(bytes, (byte) => byte << 8);
  expect(decode("F8_E5M2", bytes)).toEqual(float16ToFloat32(halves));
});

test("F64 is rounded to the nearest float32", () => {
  const doubles = Float64Array.of(Math.PI, 1e-50, -2);
  expect(decode("F64", new Uint8Array(doubles.buffer))).toEqual(
    Float32Array.of(Math.fround(Math.PI), 0, -2),
  );
});

test("every half survives the way to float32 and back, and NaN stays NaN", () => {
  const floats = float16ToFloat32(everyHalf);
  const back = float32ToFloat16(floats);
  const lost = everyHalf.filter((half, i) => back[i] !== half && !Number.isNaN(floats[i]));
  expect(lost).toHaveLength(0);
  expect(floats.filter(Number.isNaN)).toHaveLength(2 * 1023);
  expect(float16ToFloat32(back).filter(Number.isNaN)).toHaveLength(2 * 1023);
});

test("every bfloat16 survives the way to float32 and back, and NaN stays NaN", () => {
  const floats = bfloat16ToFloat32(everyHalf);
  const back = float32ToBfloat16(floats);
  const lost = everyHalf.filter((half, i) => back[i] !== half && !Number.isNaN(floats[i]));
  expect(lost).toHaveLength(0);
  expect(bfloat16ToFloat32(back).filter(Number.isNaN)).toHaveLength(2 * 127);
});

test.each([
  ["float16", float32ToFloat16, float16ToFloat32, 0x7c00],
  ["bfloat16", float32ToBfloat16, bfloat16ToFloat32, 0x7f80],
] as const)("no other %s is nearer than the one rounded to", (_name, narrow, widen, infinity) => {
  const nearestIsTaken = (x: number): boolean => {
    const half = narrow(Float32Array.of(x))[0]!;
    const magnitude = half & 0x7fff;
    if (magnitude === infinity) return true;
    const distance = (other: number): number =>
      Math.abs(widen(Uint16Array.of((half & 0x8000) | other))[0]! - x);
    const taken = distance(magnitude);
    const neighbours = [magnitude - 1, magnitude + 1].filter((m) => m >= 0 && m < infinity);
    return neighbours.every(
      (m) => distance(m) > taken || (distance(m) === taken && magnitude % 2 === 0),
    );
  };
  const samples = fc.sample(float32s, { seed: 1, numRuns: 5000 });
  expect(samples.filter((x) => !nearestIsTaken(x))).toEqual([]);
});

test("float16 overflows at 65520, halfway to what would come next", () => {
  expect([...float32ToFloat16(Float32Array.of(65519.99, 65520, -65520))]).toEqual([
    0x7bff, 0x7c00, 0xfc00,
  ]);
});

test("aligned F32 bytes are viewed and not copied; others are copied", () => {
  const file = new Uint8Array(new Float32Array([1, 2, 3]).buffer);
  const viewed = decode("F32", file.subarray(4));
  expect(viewed.buffer).toBe(file.buffer);
  expect([...viewed]).toEqual([2, 3]);
  const shifted = new Uint8Array(13);
  shifted.set(file, 1);
  expect([...decode("F32", shifted.subarray(1))]).toEqual([1, 2, 3]);
});

test.each([
  ["I64", BigInt64Array.of(-1n, 2n ** 40n)],
  ["I32", Int32Array.of(-1, 7)],
  ["I8", Int8Array.of(-128, 127)],
  ["U8", Uint8Array.of(0, 255)],
  ["BOOL", Uint8Array.of(0, 1)],
] as const)("%s comes back as it was stored", (dtype, data) => {
  expect(decode(dtype, encode(dtype, data)!)).toEqual(data);
});

test("data of another kind is not encoded", () => {
  expect(encode("F32", Int32Array.of(1))).toBeUndefined();
  expect(encode("I64", Float32Array.of(1))).toBeUndefined();
});

test("numbers that lie askew in a Buffer are read too", () => {
  const bytes = Buffer.concat([Buffer.alloc(1), Buffer.from(Float32Array.of(1.5, -2).buffer)]);
  expect(decode("F32", bytes.subarray(1))).toEqual(Float32Array.of(1.5, -2));
});
