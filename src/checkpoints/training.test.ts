import { expect, test } from "vitest";

import { memoryFiles } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import { sgd, train } from "../nn/index.ts";
import type { CheckpointStore, TrainingState } from "../nn/index.ts";
import { tensor, type Tensor } from "../runtime/index.ts";
import { trainingStore } from "./training.ts";

const state = (step: number): TrainingState => ({
  step,
  seed: 7,
  tensors: new Map([
    ["params.blocks.0.weight", { shape: [2, 1], data: Float32Array.of(step, -0) }],
    ["optimiser.mean", { shape: [], data: Float32Array.of(0.1) }],
  ]),
});

test("an empty folder has no checkpoint", async () => {
  expect(await trainingStore(memoryFiles()).load()).toBeUndefined();
});

test("a state comes back bit for bit, and the newest is loaded", async () => {
  const files = memoryFiles();
  const store = trainingStore(files);
  for (const step of [3, 6, 9]) await store.save(state(step));
  expect(await trainingStore(files).load()).toEqual(state(9));
  expect(await files.list()).toEqual(["training.0.safetensors", "training.1.safetensors"]);
});

test("a store that was not loaded keeps the newest file of the process before", async () => {
  const files = memoryFiles();
  await trainingStore(files).save(state(3));
  await trainingStore(files).save(state(6));
  const cut = cutNewest(files, "training.1.safetensors", 40);
  expect((await trainingStore(await cut).load())?.step).toBe(3);
});

test("a half-written newer file is passed over, wherever it was cut", async () => {
  const files = memoryFiles();
  const store = trainingStore(files);
  await store.save(state(3));
  await store.save(state(6));
  const size = await files.size("training.1.safetensors");
  for (const length of [0, 5, 60, size - 4, size - 1]) {
    const cut = await cutNewest(files, "training.1.safetensors", length);
    expect((await trainingStore(cut).load())?.step).toBe(3);
  }
});

test("a folder in which no file is whole is refused", async () => {
  const files = memoryFiles({ "training.0.safetensors": new Uint8Array(3) });
  await expect(trainingStore(files).load()).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: readSafetensors: training.0.safetensors has 3 bytes, too few for a header.
      fix: download or copy the file again.]
  `);
});

test("a safetensors file of something else is refused", async () => {
  const files = memoryFiles();
  const header = new TextEncoder().encode("{}      ");
  await files.write("training.0.safetensors", Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0, ...header));
  await expect(trainingStore(files).load()).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: trainingStore: training.0.safetensors in memory is not a checkpoint of a training run.
      fix: give the store another name, or remove the file.]
  `);
});

test("a run that died while writing its second checkpoint goes on from the first with the same losses", async () => {
  const options = (store?: CheckpointStore) => ({
    params: { w: tensor([1, 2, 3]) },
    loss: ({ w }: { w: Tensor }, target: Tensor) => w.sub(target).square().sum(),
    batches: (index: number) => tensor([Math.sin(index), Math.cos(index), 0.5]),
    optimiser: sgd({ momentum: 0.9 }),
    schedule: 0.05,
    steps: 20,
    checkpoint: store === undefined ? undefined : { store, every: 5 },
  });
  const expected: number[] = [];
  for await (const { loss } of train(options())) expected.push(loss);

  const files = memoryFiles();
  const losses: number[] = [];
  for await (const { step, loss } of train(options(trainingStore(files)))) {
    losses[step] = loss;
    if (step === 12) break;
  }
  const left = await cutNewest(files, "training.1.safetensors", 100);
  const resumed: number[] = [];
  for await (const { step, loss } of train(options(trainingStore(left)))) {
    resumed.push(step);
    losses[step] = loss;
  }
  expect(resumed[0]).toBe(5);
  expect(losses).toEqual(expected);
});

/** The same folder with one file cut to its first `length` bytes. */
async function cutNewest(files: Files, path: string, length: number): Promise<Files> {
  const contents: Record<string, Uint8Array> = {};
  for (const name of await files.list()) {
    const bytes = await files.read(name);
    contents[name] = name === path ? bytes.subarray(0, length) : bytes;
  }
  return memoryFiles(contents);
}
