// Safetensors files, alone and in shards with an index, with something wrong in them.

import * as fc from "fast-check";

import { openCheckpoint } from "../../src/checkpoints/checkpoint.ts";
import { writeSafetensors } from "../../src/checkpoints/safetensors.ts";
import type { StoredTensor } from "../../src/checkpoints/safetensors.ts";
import type { Files } from "../../src/core/files.ts";
import { damagedBytes } from "./bytes.ts";
import { mutatedJson } from "./json.ts";

const utf8 = new TextEncoder();

/** A file with this header (an object, or raw text) over `dataBytes` zeros. */
export function safetensorsFile(
  header: unknown,
  dataBytes: number,
  claimedLength?: bigint,
): Uint8Array {
  const json = utf8.encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimedLength ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const float = (shape: readonly number[], ...data: readonly number[]): object => ({
  shape,
  data: Float32Array.from(data),
});

const valid = writeSafetensors(
  {
    "blocks.0.wQ": { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    "blocks.0.wK": { shape: [3], data: Float32Array.of(1, 2, 3), dtype: "F16" },
    "blocks.0.wV": { shape: [4], data: Uint8Array.of(1, 2, 3, 4) },
    ids: { shape: [2], data: BigInt64Array.of(1n, 2n) },
    mask: { shape: [1, 2], data: Uint8Array.of(0, 1), dtype: "BOOL" },
  },
  { format: "pt" },
);
const headerEnd = 8 + Number(new DataView(valid.buffer).getBigUint64(0, true));
const validHeader = new TextDecoder().decode(valid.subarray(8, headerEnd));

/** The valid file with its header as this text. */
function withHeader(json: string): Uint8Array {
  const bytes = safetensorsFile(json, valid.length - headerEnd);
  bytes.set(valid.subarray(headerEnd), bytes.length - (valid.length - headerEnd));
  return bytes;
}

/** The valid file with bytes of its header changed, or its text edited, or its end cut off or continued. */
export const safetensorsFiles: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc
    .array(fc.tuple(fc.nat(headerEnd - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    .map((edits) => {
      const bytes = valid.slice();
      for (const [at, byte] of edits) bytes[at] = byte;
      return bytes;
    }),
  fc
    .tuple(
      fc.constantFrom("0", "1", "2", "3", "6", "24", "30", "46", "F16", "U8", "[", ",", "}", '"'),
      fc.constantFrom(
        "-1",
        "1e999",
        "9007199254740993",
        "0.5",
        "null",
        "F8_E4M3",
        "[]",
        "{}",
        '"',
        "{",
      ),
      fc.nat(60),
    )
    .map(([find, put, skip]) => {
      let at = -1;
      for (let i = 0; i <= skip; i++) {
        const next = validHeader.indexOf(find, at + 1);
        if (next < 0) break;
        at = next;
      }
      if (at < 0) return valid;
      return withHeader(validHeader.slice(0, at) + put + validHeader.slice(at + find.length));
    }),
  damagedBytes(valid),
  mutatedJson(JSON.parse(validHeader), ["dtype", "shape", "data_offsets", "__metadata__"]).map(
    withHeader,
  ),
  fc
    .tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.json())
    .map(([n, json]) => safetensorsFile(json, 16, n % 2n === 0n ? undefined : n)),
);

const first = writeSafetensors({
  a: float([2, 2], 1, 2, 3, 4) as never,
  b: float([3], 1, 2, 3) as never,
});
const second = writeSafetensors({ c: float([1, 2], 1, 2) as never });
const [one, two] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
const index = { metadata: { total_size: 36 }, weight_map: { a: one, b: one, c: two } };

/** Two shards and their index, of which one or two are damaged. */
export const shardedFolders: fc.Arbitrary<Readonly<Record<string, Uint8Array | string>>> = fc
  .record({
    "model.safetensors.index.json": mutatedJson(index, ["a", "d", one, "../x.safetensors"]),
    [one]: fc.oneof(fc.constant(first), damagedBytes(first)),
    [two]: fc.oneof(
      { weight: 4, arbitrary: fc.constant(second) },
      { weight: 1, arbitrary: fc.constant(first) },
      { weight: 1, arbitrary: damagedBytes(second) },
    ),
  })
  .chain((files) =>
    fc.subarray(Object.keys(files), { minLength: 2 }).map((kept) => pick(files, kept)),
  );

function pick<T>(files: Readonly<Record<string, T>>, kept: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(files).filter(([path]) => kept.includes(path)));
}

/**
 * Opens the checkpoint of a folder and reads every tensor of it.
 *
 * @returns bytes of the numbers in memory
 */
export async function readCheckpoint(files: Files): Promise<number> {
  const { tensors } = await openCheckpoint(files);
  let bytes = 0;
  for (const tensor of tensors.values()) bytes += await readTensor(tensor);
  return bytes;
}

async function readTensor({ name, shape, data }: StoredTensor): Promise<number> {
  const numbers = await data();
  const length = shape.reduce((product, size) => product * size, 1);
  if (numbers.length !== length) throw new Error(`"${name}" has ${numbers.length} numbers`);
  return numbers.byteLength;
}
