import { expect, test } from "vitest";

import type { OnnxTensor, OnnxType } from "../model.ts";
import { constantOf, leafOf, typeInFile } from "./data.ts";

const held = (type: OnnxType, count: number, ...bytes: readonly number[]): OnnxTensor => ({
  name: "w",
  type,
  shape: [count],
  data: Uint8Array.from(bytes),
  strings: [],
});

test.each([
  ["int4", [0x71, 0x8f, 0x0e], [1, 7, -1, -8, -2], "int8"],
  ["uint4", [0x71, 0x8f, 0x0e], [1, 7, 15, 8, 14], "uint8"],
  ["int2", [0b10_11_01_00, 0b11], [0, 1, -1, -2, -1], "int8"],
  ["uint2", [0b10_11_01_00, 0b11], [0, 1, 3, 2, 3], "uint8"],
] as const)(
  "%s numbers share bytes, the first in the lowest bits",
  async (type, bytes, want, as) => {
    const x = constantOf("test", held(type, 5, ...bytes));
    expect(x.dtype).toBe(as);
    expect(typeInFile(x)).toBe(type);
    expect(Array.from(x.value!.data as Int8Array)).toEqual(want);
  },
);

test("what is held as the type it has needs no other", () => {
  expect(typeInFile(constantOf("test", held("int8", 1, 255)))).toBeUndefined();
});

test("a part of numbers that share bytes may begin within one", async () => {
  // beyond what is read at once
  const count = 200_001;
  const bytes = Uint8Array.from({ length: Math.ceil(count / 2) }, (_, i) => i % 251);
  const data = { location: "weights", offset: 0, length: bytes.length };
  const tensor: OnnxTensor = { ...held("uint4", count), data };
  const x = await leafOf("test", tensor, async ({ offset, length }) =>
    bytes.subarray(offset, offset + length!),
  );
  const part = await x.value!.readPart!([150_001, 150_004]);
  const at = (i: number): number => (bytes[i >> 1]! >> (4 * (i % 2))) & 15;
  expect([...part]).toEqual([at(150_001), at(150_002), at(150_003)]);
});

test("numbers with a point of 8 bits are refused by name", () => {
  expect(() => constantOf("test", held("float8e5m2", 1, 0))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: test: the constant "w" holds float8e5m2, and values of that type are not computed here.]`,
  );
});
