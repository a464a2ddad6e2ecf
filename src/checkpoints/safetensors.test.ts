import * as fc from "fast-check";
import { expect, test } from "vitest";

import { memoryFiles } from "../core/files.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";

const reopened = (bytes: Uint8Array): ReturnType<typeof readSafetensors> =>
  readSafetensors(memoryFiles({ m: bytes }), "m");

test("tensors and metadata come back as they were written", async () => {
  const data = Float32Array.of(1.5, -2, 3, 4, 5, 6);
  const bytes = writeSafetensors({ w: { shape: [2, 3], data } }, { step: "12" });
  const { metadata, tensors } = await reopened(bytes);
  expect(metadata).toEqual({ step: "12" });
  expect(tensors.get("w")).toMatchObject({ name: "w", file: "m", dtype: "F32", shape: [2, 3] });
  expect(await tensors.get("w")!.data()).toEqual(data);
});

test("any names and shapes come back", async () => {
  const shapes = fc.dictionary(
    fc.string({ unit: "grapheme" }),
    fc.array(fc.nat(4), { maxLength: 3 }),
  );
  await fc.assert(
    fc.asyncProperty(shapes, async (given) => {
      const entries = Object.entries(given).filter(([name]) => name !== "__metadata__");
      const tensors = Object.fromEntries(
        entries.map(([name, shape], i) => {
          const length = shape.reduce((product, size) => product * size, 1);
          return [name, { shape, data: new Float32Array(length).fill(i) }];
        }),
      );
      const read = (await reopened(writeSafetensors(tensors))).tensors;
      expect([...read.keys()].toSorted()).toEqual(Object.keys(tensors).toSorted());
      for (const [name, { shape, data }] of Object.entries(tensors)) {
        expect(read.get(name)!.shape).toEqual(shape);
        expect(await read.get(name)!.data()).toEqual(data);
      }
    }),
    { seed: 3, numRuns: 200 },
  );
});

// Written by the Python package safetensors 0.8.0:
// save({"b": torch.tensor([1., -2.]), "a": torch.tensor([[3]], dtype=torch.int64), "é": torch.tensor([0.5], dtype=torch.float16),
//       "c": torch.tensor([True, False])}, {"format": "pt"}).hex()
const reference =
  "00010000000000007b225f5f6d657461646174615f5f223a7b22666f726d6174223a227074227d2c2261223a7b226474797065223a22493634222c227368617065223a5b312c315d2c22646174615f6f666673657473223a5b302c385d7d2c2262223a7b226474797065223a22463332222c227368617065223a5b325d2c22646174615f6f666673657473223a5b382c31365d7d2c22c3a9223a7b226474797065223a22463136222c227368617065223a5b315d2c22646174615f6f666673657473223a5b31362c31385d7d2c2263223a7b226474797065223a22424f4f4c222c227368617065223a5b325d2c22646174615f6f666673657473223a5b31382c32305d7d7d20202003000000000000000000803f000000c000380100";

test("a file is byte for byte what the reference implementation writes", () => {
  const bytes = writeSafetensors(
    {
      b: { shape: [2], data: Float32Array.of(1, -2) },
      a: { shape: [1, 1], data: BigInt64Array.of(3n) },
      é: { shape: [1], data: Float32Array.of(0.5), dtype: "F16" },
      c: { shape: [2], data: Uint8Array.of(1, 0), dtype: "BOOL" },
    },
    { format: "pt" },
  );
  expect(Buffer.from(bytes).toString("hex")).toBe(reference);
});

test("tensors are read where they lie: one range each, when asked", async () => {
  const bytes = writeSafetensors({
    a: { shape: [2], data: Float32Array.of(1, 2) },
    b: { shape: [1], data: Float32Array.of(3) },
  });
  const ranges: [number, number][] = [];
  const inner = memoryFiles({ m: bytes });
  const files: typeof inner = {
    ...inner,
    readRange: async (path, start, end) => {
      ranges.push([start, end]);
      return inner.readRange(path, start, end);
    },
  };
  const { tensors } = await readSafetensors(files, "m");
  expect(ranges).toHaveLength(2);
  await tensors.get("b")!.data();
  expect(ranges.at(-1)).toEqual([bytes.length - 4, bytes.length]);
});

test("a dtype for the whole call narrows float32 and leaves integers alone", async () => {
  const bytes = writeSafetensors(
    {
      w: { shape: [1], data: Float32Array.of(1.0001) },
      ids: { shape: [1], data: Int32Array.of(7) },
    },
    {},
    { dtype: "BF16" },
  );
  const { tensors } = await reopened(bytes);
  expect(tensors.get("w")!.dtype).toBe("BF16");
  expect(tensors.get("ids")!.dtype).toBe("I32");
  expect(await tensors.get("w")!.data()).toEqual(Float32Array.of(1));
});

test("a shape that does not fit its data is refused", () => {
  expect(() =>
    writeSafetensors({ w: { shape: [2, 2], data: new Float32Array(3) } }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: writeSafetensors: tensor "w" has 3 numbers, but its shape [2, 2] takes 4.]`,
  );
});

test("a dtype that cannot hold the data is refused", () => {
  expect(() =>
    writeSafetensors({ w: { shape: [1], data: Float32Array.of(1), dtype: "I64" } }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: writeSafetensors: tensor "w" is a Float32Array, which cannot be stored as I64.]`,
  );
});

test("a number that F16 would turn into infinity is refused", () => {
  expect(() =>
    writeSafetensors({ w: { shape: [2], data: Float32Array.of(1, 70000) } }, {}, { dtype: "F16" }),
  ).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: writeSafetensors: tensor "w" holds 70000, which is too large for F16.
      fix: store it as F32.]
  `);
});

test("a pickled file is refused with how to convert it, whatever is in it", async () => {
  const files = memoryFiles({ "pytorch_model.bin": "PK" }, "old-model");
  await expect(readSafetensors(files, "pytorch_model.bin")).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: readSafetensors: pytorch_model.bin in old-model is a pickled PyTorch file; PatchClamp reads only safetensors.
      fix: convert it in Python: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder).]
  `);
});

test("a tensor larger than a chunk is widened piece by piece, and a range of it is that part", async () => {
  const length = 2 ** 21 + 12345;
  const data = Float32Array.from({ length }, (_, i) => (i % 509) - 254);
  const files = memoryFiles({
    "m.safetensors": writeSafetensors({ w: { shape: [length], data, dtype: "BF16" } }),
  });
  const tensor = (await readSafetensors(files, "m.safetensors")).tensors.get("w")!;
  expect(await tensor.data()).toEqual(data);
  expect(await tensor.data([7, length - 3])).toEqual(data.subarray(7, length - 3));
});
