import { expect, test } from "vitest";

import { memoryFiles, readJson } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { saveCheckpoint } from "./save.ts";
import type { CheckpointContents } from "./save.ts";
import { loadTokenizer } from "./tokenizer/tokenizer.ts";
import { wordTokenizerConfig, wordTokenizerJson } from "./tokenizer/word-tokenizer.ts";

const contents = (step: number): CheckpointContents => ({
  config: { model_type: "gpt2", n_layer: 2 },
  tensors: { w: { shape: [2], data: Float32Array.of(step, 0.5) } },
  tokenizerJson: wordTokenizerJson(["Mira"]),
  tokenizerConfig: wordTokenizerConfig(),
  metadata: { step: String(step) },
});

test("what is saved opens again", async () => {
  const files = memoryFiles();
  await saveCheckpoint(files, contents(3));
  const checkpoint = await openCheckpoint(files);
  expect(await checkpoint.float32("w")).toEqual(Float32Array.of(3, 0.5));
  expect(checkpoint.metadata).toEqual({ format: "pt", step: "3" });
  expect(await readJson("test", files, "config.json")).toEqual({ model_type: "gpt2", n_layer: 2 });
  expect((await loadTokenizer(files)).encode("Mira")).toEqual([2, 4]);
});

test("weights can be stored in half precision", async () => {
  const files = memoryFiles();
  await saveCheckpoint(files, { ...contents(1), dtype: "F16" });
  expect((await openCheckpoint(files)).tensor("w").dtype).toBe("F16");
});

/** Lets `count` writes through and fails at the next, as a full disk would. */
function failingAfter(files: Files, count: number): Files {
  let left = count;
  return {
    ...files,
    write: async (path, bytes) => {
      if (left-- === 0) throw new Error("no space left on device");
      await files.write(path, bytes);
    },
  };
}

test.each([0, 1, 2, 3])(
  "a save interrupted after %d writes leaves a checkpoint that opens, old or new",
  async (count) => {
    const files = memoryFiles();
    await saveCheckpoint(files, contents(1));
    await expect(saveCheckpoint(failingAfter(files, count), contents(2))).rejects.toThrow("space");
    const weights = await (await openCheckpoint(files)).float32("w");
    expect(weights).toEqual(Float32Array.of(count === 0 ? 1 : 2, 0.5));
    expect(await readJson("test", files, "config.json")).toHaveProperty("n_layer", 2);
    expect((await loadTokenizer(files)).vocabSize).toBe(5);
  },
);

test("a first save interrupted before its config leaves no config that promises weights", async () => {
  const files = memoryFiles();
  await expect(saveCheckpoint(failingAfter(files, 3), contents(1))).rejects.toThrow("space");
  expect(await files.exists("config.json")).toBe(false);
  expect(await files.exists("model.safetensors")).toBe(true);
});

test("weights that are not finite are refused before anything is written", async () => {
  const files = memoryFiles();
  const tensors = { w: { shape: [1, 2], data: Float32Array.of(1, Infinity) } };
  await expect(saveCheckpoint(files, { ...contents(1), tensors })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: saveCheckpoint: tensor "w" in model.safetensors is Infinity at [0, 1]; weights must be finite.
      fix: use a checkpoint from before the training diverged, or one stored in a wider type.]
  `);
  expect(await files.list()).toEqual([]);
});

test("a folder with a sharded checkpoint is not saved into", async () => {
  const files = memoryFiles({ "model.safetensors.index.json": "{}" }, "llama");
  await expect(saveCheckpoint(files, contents(1))).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: saveCheckpoint: llama holds a sharded checkpoint, which the new weights would lie beside.
      fix: save to another folder.]
  `);
});
