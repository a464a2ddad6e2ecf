import { expect, test } from "vitest";

import { nodeFiles } from "../../runtime/node-files.ts";
import { readGgufHeader } from "./header.ts";
import { assembled } from "./pieces.ts";
import { integers } from "./quants.ts";

const files = nodeFiles("test/golden/gguf");
const { tensors } = await readGgufHeader(files, "quants.gguf");

const numbers = (name: string): Promise<Float32Array> => {
  const source = tensors.get(name)!;
  return assembled(files, "quants.gguf", { size: source.size, pieces: [{ source }] });
};

const types = [...tensors.keys()].filter((name) => tensors.has(`${name}.expected`));

test("every type that is unpacked has its blocks in the fixture", () => {
  expect(types.join(" ")).toBe(
    "F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS MXFP4",
  );
});

test.each(types)("%s unpacks to the very bits that gguf-py makes of it", async (name) => {
  const bits = (data: Float32Array): Uint32Array => new Uint32Array(data.buffer);
  const expected = await numbers(`${name}.expected`);
  expect(expected.some((x) => x !== 0)).toBe(true);
  expect(bits(await numbers(name))).toEqual(bits(expected));
});

test("F64 is rounded to the nearest float32", async () => {
  expect(await numbers("F64")).toEqual(Float32Array.of(0.1, 1.1, -0.9, 100.1, -127.9));
});

test.each([
  ["I8", Int8Array.of(0, 1, -1, 100, -128)],
  ["I16", Int32Array.of(0, 1, -1, 100, -128)],
  ["I32", Int32Array.of(0, 1, -1, 100, -128)],
  ["I64", BigInt64Array.of(0n, 1n, -1n, 100n, -128n)],
])("%s stays whole numbers", async (name, expected) => {
  const { type, begin, end } = tensors.get(name)!;
  expect(integers(type, await files.readRange("quants.gguf", begin, end))).toEqual(expected);
});
