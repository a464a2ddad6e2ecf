import { expect, test } from "vitest";

import { memoryFiles } from "../../core/files.ts";
import { readGgufHeader } from "./header.ts";
import type { GgufHeader } from "./header.ts";

/** Bytes of a number. */
const u32 = (x: number): number[] => [...new Uint8Array(Uint32Array.of(x).buffer)];
const u64 = (x: bigint | number): number[] => [
  ...new Uint8Array(BigUint64Array.of(BigInt(x)).buffer),
];
const f32 = (x: number): number[] => [...new Uint8Array(Float32Array.of(x).buffer)];
const text = (x: string): number[] => {
  const bytes = [...new TextEncoder().encode(x)];
  return [...u64(bytes.length), ...bytes];
};

interface Parts {
  magic?: string;
  version?: number;
  tensorCount?: number | bigint;
  metadataCount?: number | bigint;
  /** Key, type, value. */
  metadata?: readonly number[][];
  /** Name, axes, sizes, type, offset. */
  tensors?: readonly number[][];
  dataBytes?: number;
}

function file(parts: Parts = {}): Uint8Array {
  const { magic = "GGUF", version = 3, metadata = [], tensors = [], dataBytes = 0 } = parts;
  const head = [
    ...new TextEncoder().encode(magic),
    ...u32(version),
    ...u64(parts.tensorCount ?? tensors.length),
    ...u64(parts.metadataCount ?? metadata.length),
    ...metadata.flat(),
    ...tensors.flat(),
  ];
  return Uint8Array.from([
    ...head,
    ...new Uint8Array((32 - (head.length % 32)) % 32),
    ...new Uint8Array(dataBytes),
  ]);
}

const entry = (key: string, type: number, value: readonly number[]): number[] => [
  ...text(key),
  ...u32(type),
  ...value,
];

const tensor = (
  name: string,
  sizes: readonly (number | bigint)[],
  [type, offset]: readonly [number, number | bigint] = [0, 0],
): number[] => [
  ...text(name),
  ...u32(sizes.length),
  ...sizes.flatMap(u64),
  ...u32(type),
  ...u64(offset),
];

const opened = (bytes: Uint8Array): Promise<GgufHeader> =>
  readGgufHeader(memoryFiles({ "x.gguf": bytes }), "x.gguf");

const problem = async (bytes: Uint8Array): Promise<string> =>
  opened(bytes).then(
    () => "accepted",
    (error: Error) => error.message.split("\n")[0]!,
  );

test("every kind of metadata is read", async () => {
  const array = (type: number, count: number, value: readonly number[]): number[] => [
    ...u32(type),
    ...u64(count),
    ...value,
  ];
  const metadata = [
    entry("u8", 0, [200]),
    entry("i8", 1, [200]),
    entry("u16", 2, [0, 1]),
    entry("i16", 3, [255, 255]),
    entry("u32", 4, u32(2 ** 32 - 1)),
    entry("i32", 5, u32(2 ** 32 - 1)),
    entry("f32", 6, f32(0.1)),
    entry("bool", 7, [1]),
    entry("text", 8, text("naïve")),
    entry("u64", 10, u64(2n ** 53n)),
    entry("i64", 11, u64(2n ** 64n - 1n)),
    entry("f64", 12, [...new Uint8Array(Float64Array.of(0.1).buffer)]),
    entry("texts", 9, array(8, 2, [...text("a"), ...text("")])),
    entry("numbers", 9, array(5, 2, [...u32(1), ...u32(2)])),
    entry("bools", 9, array(7, 2, [0, 1])),
  ];
  const header = await opened(file({ metadata }));
  expect(Object.fromEntries(header.metadata)).toEqual({
    u8: 200,
    i8: -56,
    u16: 256,
    i16: -1,
    u32: 4294967295,
    i32: -1,
    f32: Math.fround(0.1),
    bool: true,
    text: "naïve",
    u64: 9007199254740992n,
    i64: -1,
    f64: 0.1,
    texts: ["a", ""],
    numbers: Int32Array.of(1, 2),
    bools: Uint8Array.of(0, 1),
  });
});

test.each([2, 3])(
  "tensors of a file of version %i have their slowest axis first",
  async (version) => {
    const tensors = [tensor("a", [32, 3], [8, 0]), tensor("b", [2], [0, 128])];
    const header = await opened(file({ version, tensors, dataBytes: 136 }));
    const { type, ...a } = header.tensors.get("a")!;
    expect({ ...a, type: type.name }).toEqual({
      name: "a",
      type: "Q8_0",
      shape: [3, 32],
      size: 96,
      begin: 128,
      end: 230,
    });
    expect(header.tensors.get("b")!.begin).toBe(256);
  },
);

test("a head longer than the first bytes that are read is read whole", async () => {
  const long = new Uint8Array(5_000_000).fill(0x61);
  const metadata = [entry("long", 8, []), entry("after", 0, [7])];
  const head = file({ metadata: [], metadataCount: 2 }).subarray(0, 24);
  const bytes = [head, metadata[0]!, u64(long.length), long, metadata[1]!, new Uint8Array(64)];
  const whole = new Uint8Array(bytes.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of bytes) {
    whole.set(part, at);
    at += part.length;
  }
  const header = await opened(whole);
  expect(header.metadata.get("after")).toBe(7);
});

test("a file that is no GGUF file, or of another version, says so", async () => {
  expect(await problem(new Uint8Array(3))).toMatchInlineSnapshot(
    `"openGguf: x.gguf does not begin with "GGUF" and a head of 24 bytes."`,
  );
  expect(await problem(file({ magic: "GGML" }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf does not begin with "GGUF" and a head of 24 bytes."`,
  );
  expect(await problem(file({ version: 1 }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf is of GGUF version 1; PatchClamp reads 2 and 3."`,
  );
  expect(await problem(file({ version: 3 << 24 }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf is a big-endian GGUF file."`,
  );
});

test("counts and lengths beyond the file are refused before anything is allocated for them", async () => {
  expect(await problem(file({ tensorCount: 2n ** 63n }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf claims 9223372036854776000 tensors, more than its 32 bytes can hold."`,
  );
  expect(await problem(file({ metadataCount: 2 ** 40 }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf claims 1099511627776 metadata entries, more than its 32 bytes can hold."`,
  );
  const long = [...text("key"), ...u32(8), ...u64(2n ** 62n)];
  expect(await problem(file({ metadata: [long] }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf ends at byte 64, inside the text of "key" of 4611686018427388000 bytes at 47."`,
  );
  const texts = entry("key", 9, [...u32(8), ...u64(2 ** 33)]);
  expect(await problem(file({ metadata: [texts] }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf claims 8589934592 texts in "key", more than its 64 bytes can hold."`,
  );
  const numbers = entry("key", 9, [...u32(12), ...u64(2 ** 50)]);
  expect(await problem(file({ metadata: [numbers] }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf ends at byte 64, inside the numbers of "key" of 9007199254740992 bytes at 51."`,
  );
  expect(await problem(file({ tensorCount: 1, metadata: [] }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf ends at byte 32, inside a number of 4 bytes at 32."`,
  );
});

test("metadata that cannot be read is refused by its key", async () => {
  const nested = entry("key", 9, [...u32(9), ...u64(1), ...u32(9), ...u64(1)]);
  expect(await problem(file({ metadata: [nested] }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf has a metadata value "key" that is an array of arrays."`,
  );
  expect(await problem(file({ metadata: [entry("key", 13, [0])] }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf has a metadata value "key" that is of the unknown type 13."`,
  );
  expect(await problem(file({ metadata: [entry("key", 7, [2])] }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf has a boolean in "key" that is neither 0 nor 1."`,
  );
  const twice = [entry("key", 0, [1]), entry("key", 0, [2])];
  expect(await problem(file({ metadata: twice }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf has the metadata key "key" twice."`,
  );
  const notUtf8 = [...text("key"), ...u32(8), ...u64(1), 0xff];
  expect(await problem(file({ metadata: [notUtf8] }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf has the text of "key" at byte 47 that is not UTF-8."`,
  );
  const odd = [entry("general.alignment", 4, u32(24))];
  expect(await problem(file({ metadata: odd }))).toMatchInlineSnapshot(
    `"openGguf: x.gguf has general.alignment = 24, not a power of two."`,
  );
});

test("tensors that do not fit the file are refused by their name", async () => {
  const one = (...args: Parameters<typeof tensor>): Promise<string> =>
    problem(file({ tensors: [tensor(...args)], dataBytes: 64 }));
  expect(await one("a", [2, 2, 2, 2, 2])).toMatchInlineSnapshot(
    `"openGguf: x.gguf holds a tensor "a" that has 5 axes; 4 is the limit."`,
  );
  expect(await one("a", [2 ** 30, 2 ** 30])).toMatchInlineSnapshot(
    `"openGguf: x.gguf holds a tensor "a" that has the impossible shape [1073741824, 1073741824]."`,
  );
  expect(await one("a", [0, 4])).toMatchInlineSnapshot(
    `"openGguf: x.gguf holds a tensor "a" that has the impossible shape [4, 0]."`,
  );
  expect(await one("a", [17])).toMatchInlineSnapshot(
    `"openGguf: x.gguf holds a tensor "a" that ends at byte 132, but has 128 bytes."`,
  );
  expect(await one("a", [16], [0, 2n ** 63n])).toMatchInlineSnapshot(
    `"openGguf: x.gguf holds a tensor "a" that ends at byte 9223372036854776000, but has 128 bytes."`,
  );
  expect(await one("a", [1], [0, 1])).toMatchInlineSnapshot(
    `"openGguf: x.gguf holds a tensor "a" that begins at byte 1, which is not a multiple of 32."`,
  );
  expect(await one("a", [16], [8, 0])).toMatchInlineSnapshot(
    `"openGguf: x.gguf holds a tensor "a" that has rows of 16 numbers, which Q8_0 cannot store in blocks of 32."`,
  );
  expect(await one("a", [32], [16, 0])).toMatchInlineSnapshot(
    `"openGguf: tensor "a" in x.gguf is stored as IQ2_XXS; PatchClamp reads F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, I8, I16, I32, I64, F64, BF16, MXFP4."`,
  );
  expect(await one("a", [32], [99, 0])).toMatchInlineSnapshot(
    `"openGguf: tensor "a" in x.gguf is stored as the unknown type 99; PatchClamp reads F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, I8, I16, I32, I64, F64, BF16, MXFP4."`,
  );
  const pair = (name: string, offset: number): Promise<string> =>
    problem(file({ tensors: [tensor("a", [16]), tensor(name, [8], [0, offset])], dataBytes: 64 }));
  expect(await pair("a", 32)).toMatchInlineSnapshot(`"openGguf: x.gguf has the tensor "a" twice."`);
  expect(await pair("b", 32)).toMatchInlineSnapshot(
    `"openGguf: x.gguf holds a tensor "b" that begins inside "a"."`,
  );
});
