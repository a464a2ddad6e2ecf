import { expect, test } from "vitest";

import { safetensorsFile as file } from "../../test/fuzz/safetensors.ts";
import { PatchClampError } from "../core/errors.ts";
import { memoryFiles } from "../core/files.ts";
import { readSafetensors } from "./safetensors.ts";

const opened = (bytes: Uint8Array): ReturnType<typeof readSafetensors> =>
  readSafetensors(memoryFiles({ "model.safetensors": bytes }), "model.safetensors");

const f32 = (shape: unknown, begin: unknown, end: unknown): object => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

test("a header that describes its bytes exactly is accepted, with empty and zero-dimensional tensors", async () => {
  const header = { a: f32([2], 0, 8), scalar: f32([], 8, 12), empty: f32([0, 3], 8, 8) };
  const { tensors } = await opened(file(header, 12));
  expect([...tensors.keys()]).toEqual(["a", "empty", "scalar"]);
  expect(await tensors.get("empty")!.data()).toHaveLength(0);
});

test.each([
  ["no bytes", new Uint8Array(0), "model.safetensors has 0 bytes, too few for a header."],
  ["7 bytes", new Uint8Array(7), "model.safetensors has 7 bytes, too few for a header."],
  [
    "a header of 2^63 bytes",
    file({}, 0, 2n ** 63n),
    "model.safetensors claims a header of 9223372036854776000 bytes; the limit is 100000000.",
  ],
  [
    "a header of 100,000,001 bytes",
    file({}, 0, 100_000_001n),
    "model.safetensors claims a header of 100000001 bytes; the limit is 100000000.",
  ],
  [
    "a header longer than the file",
    file({}, 0, 3n),
    "model.safetensors claims a header of 3 bytes, but has 10 bytes in all.",
  ],
  [
    "a header that is not UTF-8",
    file("", 2, 2n).fill(0xff, 8),
    "model.safetensors has a header that is not UTF-8.",
  ],
  [
    "a header that is not JSON",
    file('{"a"', 0),
    "model.safetensors has a header that is not JSON.",
  ],
  [
    "a header that is a list",
    file("[]", 0),
    "model.safetensors has a header that is not a JSON object.",
  ],
  [
    "a key twice",
    file('{"a":1, "\\u0061" :2}', 0),
    'model.safetensors has a header with the key "a" twice.',
  ],
  [
    "a field twice",
    file('{"a":{"dtype":"F32","dtype":"F16","shape":[],"data_offsets":[0,2]}}', 2),
    'model.safetensors has a header with the key "dtype" twice.',
  ],
  [
    "metadata that is not text",
    file({ __metadata__: { epoch: 3 } }, 0),
    'model.safetensors has "__metadata__" that is not an object of strings.',
  ],
  [
    "a tensor that is a number",
    file({ w: 3 }, 0),
    'tensor "w" in model.safetensors is not described by a JSON object.',
  ],
  [
    "no dtype",
    file({ w: { shape: [], data_offsets: [0, 4] } }, 4),
    'tensor "w" in model.safetensors has no dtype.',
  ],
  [
    "a shape within a shape",
    file({ w: f32([[1]], 0, 4) }, 4),
    "model.safetensors has a header with brackets four deep.",
  ],
  [
    "an unknown dtype",
    file({ w: { dtype: "C64", shape: [], data_offsets: [0, 8] } }, 8),
    'tensor "w" in model.safetensors is stored as C64; PatchClamp reads I64, F64, F32, I32, BF16, F16, F8_E4M3, F8_E5M2, I8, U8, BOOL.',
  ],
  [
    "an unknown field",
    file({ w: { ...f32([1], 0, 4), strides: [1] } }, 4),
    'tensor "w" in model.safetensors has the unknown field "strides".',
  ],
  [
    "a negative size",
    file({ w: f32([-1, -1], 0, 4) }, 4),
    'tensor "w" in model.safetensors has a shape that is not a list of sizes: [-1,-1].',
  ],
  [
    "half a size",
    file({ w: f32([0.5, 2], 0, 4) }, 4),
    'tensor "w" in model.safetensors has a shape that is not a list of sizes: [0.5,2].',
  ],
  [
    "a shape that is text",
    file({ w: f32("2, 2", 0, 16) }, 16),
    'tensor "w" in model.safetensors has a shape that is not a list of sizes: 2, 2.',
  ],
  [
    "sizes whose product overflows",
    file({ w: f32([2 ** 40, 2 ** 40], 0, 4) }, 4),
    'tensor "w" in model.safetensors has 4 bytes, but F32 [1099511627776, 1099511627776] takes 4.835703278458517e+24.',
  ],
  [
    "sizes whose product is 2^64",
    file({ w: f32([2 ** 32, 2 ** 32], 0, 0) }, 0),
    'tensor "w" in model.safetensors has 0 bytes, but F32 [4294967296, 4294967296] takes 73786976294838210000.',
  ],
  [
    "three offsets",
    file({ w: { ...f32([1], 0, 4), data_offsets: [0, 4, 8] } }, 8),
    'tensor "w" in model.safetensors has data_offsets that are not two byte offsets: [0,4,8].',
  ],
  [
    "offsets that are text",
    file({ w: f32([1], "0", "4") }, 4),
    'tensor "w" in model.safetensors has data_offsets that are not two byte offsets: ["0","4"].',
  ],
  [
    "an end before the beginning",
    file({ w: f32([1], 4, 0) }, 4),
    'tensor "w" in model.safetensors begins at byte 4, after its end at 0.',
  ],
  [
    "an end past the file (truncated)",
    file({ w: f32([4], 0, 16) }, 12),
    'tensor "w" in model.safetensors ends at byte 16, but the file holds 12 bytes of data.',
  ],
  [
    "a wrong number of bytes",
    file({ w: f32([2, 2], 0, 12) }, 12),
    'tensor "w" in model.safetensors has 12 bytes, but F32 [2, 2] takes 16.',
  ],
  [
    "an overlap",
    file({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12),
    'tensor "b" in model.safetensors begins at byte 4, inside "a".',
  ],
  [
    "the same bytes twice",
    file({ a: f32([2], 0, 8), b: f32([2], 0, 8) }, 8),
    'tensor "b" in model.safetensors begins at byte 0, inside "a".',
  ],
  [
    "a hole",
    file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
    'tensor "b" in model.safetensors begins at byte 8, but the bytes before it end at 4.',
  ],
  [
    "a hole at the beginning",
    file({ a: f32([1], 4, 8) }, 8),
    'tensor "a" in model.safetensors begins at byte 4, but the bytes before it end at 0.',
  ],
  [
    "bytes left over",
    file({ a: f32([1], 0, 4) }, 6),
    "model.safetensors has 2 bytes at its end that belong to no tensor.",
  ],
])("%s is refused in one sentence", async (_case, bytes, sentence) => {
  const error: unknown = await opened(bytes).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PatchClampError);
  expect((error as Error).message.split("\n")[0]).toBe(`readSafetensors: ${sentence}`);
});

test("a broken header's error says what to do", async () => {
  await expect(opened(file({ w: f32([4], 0, 16) }, 12))).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: readSafetensors: tensor "w" in model.safetensors ends at byte 16, but the file holds 12 bytes of data.
      fix: download or copy the file again.]
  `);
});

test.each(["[", '{"a":', '"', '"\\', "{", ":", "1"])(
  "a header of a million times %j is refused and does not exhaust the stack",
  async (part) => {
    await expect(opened(file(part.repeat(1_000_000), 0))).rejects.toThrow(PatchClampError);
  },
);
