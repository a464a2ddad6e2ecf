import { expect, test } from "vitest";

import { memoryFiles } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { writeSafetensors } from "./safetensors.ts";

const tensor = (...numbers: number[]): { shape: number[]; data: Float32Array } => ({
  shape: [numbers.length],
  data: Float32Array.from(numbers),
});

const single = memoryFiles(
  {
    "model.safetensors": writeSafetensors(
      {
        "h.0.attn.weight": tensor(1, 2),
        "h.1.attn.weight": { ...tensor(0.5, -1), dtype: "F16" },
        "h.0.mask": { shape: [1], data: Uint8Array.of(1), dtype: "BOOL" },
        bad: { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, NaN) },
        worse: tensor(0, -Infinity),
      },
      { format: "pt" },
    ),
  },
  "tiny",
);

function sharded(weightMap: unknown, shards: Record<string, Uint8Array> = {}): Files {
  return memoryFiles(
    {
      "model.safetensors.index.json": JSON.stringify({ weight_map: weightMap }),
      "model-1.safetensors": writeSafetensors({ a: tensor(1) }),
      "model-2.safetensors": writeSafetensors({ b: tensor(2), c: tensor(3) }),
      ...shards,
    },
    "tiny",
  );
}

const map = { a: "model-1.safetensors", b: "model-2.safetensors", c: "model-2.safetensors" };

test("weights of one file are read by name, narrow types as float32", async () => {
  const checkpoint = await openCheckpoint(single);
  expect(checkpoint.metadata).toEqual({ format: "pt" });
  expect(checkpoint.has("h.0.attn.weight")).toBe(true);
  expect(checkpoint.tensor("h.1.attn.weight").shape).toEqual([2]);
  expect(await checkpoint.float32("h.1.attn.weight")).toEqual(Float32Array.of(0.5, -1));
});

test("aligned F32 weights in memory are a view of the file's bytes", async () => {
  const checkpoint = await openCheckpoint(single);
  const bytes = await single.read("model.safetensors");
  expect((await checkpoint.float32("h.0.attn.weight")).buffer).toBe(bytes.buffer);
});

test("weights of several shards are read as if they lay in one file", async () => {
  const checkpoint = await openCheckpoint(sharded(map));
  expect([...checkpoint.tensors.keys()]).toEqual(["a", "b", "c"]);
  expect(await checkpoint.float32("c")).toEqual(Float32Array.of(3));
});

test("a missing tensor is answered with the nearest names", async () => {
  const checkpoint = await openCheckpoint(single);
  expect(() => checkpoint.tensor("h.0.atn.weight")).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openCheckpoint: tiny has no tensor "h.0.atn.weight"; the nearest of its 5 are "h.0.attn.weight", "h.1.attn.weight", "h.0.mask".]`,
  );
});

test("an integer tensor is not read as weights", async () => {
  const checkpoint = await openCheckpoint(single);
  await expect(checkpoint.float32("h.0.mask")).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openCheckpoint: tensor "h.0.mask" in model.safetensors is BOOL, not floating-point.]`,
  );
});

test("NaN and infinity in weights are refused with tensor and position", async () => {
  const checkpoint = await openCheckpoint(single);
  await expect(checkpoint.float32("bad")).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: openCheckpoint: tensor "bad" in model.safetensors is NaN at [1, 2]; weights must be finite.
      fix: use a checkpoint from before the training diverged, or one stored in a wider type.]
  `);
  await expect(checkpoint.float32("worse")).rejects.toThrow("is -Infinity at [1]");
});

test("a folder without weights is refused with what it holds", async () => {
  const files = memoryFiles({ "config.json": "{}", "model.onnx": "" }, "tiny");
  await expect(openCheckpoint(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: openCheckpoint: tiny holds neither model.safetensors nor model.safetensors.index.json, but config.json, model.onnx.
      fix: give the folder that holds config.json and model.safetensors.]
  `);
  await expect(openCheckpoint(memoryFiles())).rejects.toThrow("but no files.");
});

test("a folder of pickled weights is refused with how to convert them", async () => {
  const files = memoryFiles({ "config.json": "{}", "pytorch_model.bin": "PK" }, "tiny");
  await expect(openCheckpoint(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: readSafetensors: pytorch_model.bin in tiny is a pickled PyTorch file; PatchClamp reads only safetensors.
      fix: convert it in Python: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder).]
  `);
});

test("an index that names a missing shard is refused", async () => {
  const files = sharded({ ...map, d: "model-3.safetensors" });
  await expect(openCheckpoint(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: openCheckpoint: model.safetensors.index.json in tiny names model-3.safetensors, which is missing.
      fix: download all files of the checkpoint again, from one revision.]
  `);
});

test("an index that places a tensor in the wrong shard is refused", async () => {
  const files = sharded({ ...map, b: "model-1.safetensors" });
  await expect(openCheckpoint(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: openCheckpoint: model.safetensors.index.json in tiny does not place "b" in model-2.safetensors, where it lies.
      fix: download all files of the checkpoint again, from one revision.]
  `);
});

test("an index that lists a tensor which its shard lacks is refused", async () => {
  const files = sharded({ ...map, d: "model-1.safetensors" });
  await expect(openCheckpoint(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: openCheckpoint: model.safetensors.index.json in tiny places "d" in model-1.safetensors, which lacks it.
      fix: download all files of the checkpoint again, from one revision.]
  `);
});

test.each([
  ["no map", undefined],
  ["an empty map", {}],
  ["a shard in another folder", { a: "../model-1.safetensors" }],
  ["a pickled shard", { a: "model-1.bin" }],
  ["a shard that is a number", { a: 1 }],
])("an index with %s is refused", async (_case, weightMap) => {
  await expect(openCheckpoint(sharded(weightMap))).rejects.toThrow('no "weight_map" from tensor');
});

test("an index that is not JSON is refused", async () => {
  const files = memoryFiles({ "model.safetensors.index.json": "{" }, "tiny");
  await expect(openCheckpoint(files)).rejects.toThrow("index.json in tiny is not JSON");
});
