import { expect, test } from "vitest";

import { gpt2Family } from "../architectures/gpt2.ts";
import families from "../../test/golden/gguf/families.json" with { type: "json" };
import { openGolden } from "../../test/golden/read.ts";
import type { TinyFamily } from "../../test/tiny.ts";
import { tinyFiles, tinyGpt2Config, tinyNetwork } from "../../test/tiny.ts";
import { openCheckpoint } from "../checkpoints/checkpoint.ts";
import { openGguf } from "../checkpoints/gguf/gguf.ts";
import { buildNetwork } from "../checkpoints/build.ts";
import { openNetwork, saveNetwork } from "../checkpoints/load.ts";
import type { TensorToStore } from "../checkpoints/safetensors.ts";
import { writeSafetensors } from "../checkpoints/safetensors.ts";
import { openEncoder } from "../checkpoints/open-encoder.ts";
import { saveCheckpoint } from "../checkpoints/save.ts";
import type { Files } from "../core/files.ts";
import { memoryFiles, readJson } from "../core/files.ts";
import { Rng } from "../core/rng.ts";
import { leaves, mapTree } from "../core/tree.ts";
import { nodeFiles } from "../runtime/node-files.ts";
import type { Tensor } from "../runtime/index.ts";
import { tensor } from "../runtime/index.ts";
import type { LanguageNetwork } from "./language.ts";
import { defineNetwork } from "./network.ts";
import { quantise } from "./quantise.ts";

const open = (files: Files): Promise<LanguageNetwork> => openNetwork(files, { check: false });
const hashOf = async (files: Files): Promise<string> => (await (await open(files)).identity()).hash;

/** Every tensor of a folder, as float32. */
async function tensorsOf(files: Files): Promise<Record<string, TensorToStore>> {
  const { tensors, float32 } = await openCheckpoint(files);
  const all: Record<string, TensorToStore> = {};
  for (const [name, { shape }] of tensors) all[name] = { shape, data: await float32(name) };
  return all;
}

test("a network knows its name, its width and a hash", async () => {
  const net = await tinyNetwork("llama");
  expect(await net.identity()).toEqual({
    network: "tiny-llama",
    hash: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    dModel: 16,
  });
});

test.each<TinyFamily>(["gpt2", "llama"])(
  "%s has one hash from its file, from memory, and saved again",
  async (family) => {
    const files = await tinyFiles(family);
    const hash = await hashOf(files);
    const net = await open(files);
    for (const [, param] of leaves<Tensor>(net.params)) await param.data();
    expect((await net.identity()).hash).toBe(hash);
    const again = memoryFiles({}, "again");
    const config = (await readJson("test", files, "config.json")) as Record<string, unknown>;
    await saveNetwork(again, { config, params: net.params });
    expect(await hashOf(again)).toBe(hash);
  },
);

test("a network that was made in memory keeps its hash when it is saved and opened", async () => {
  const rng = new Rng(3);
  const like = await tinyNetwork("gpt2");
  const params = mapTree<Tensor, Tensor>(like.params, ({ shape, size }) =>
    tensor(rng.normals(size), { shape: [...shape] }).mul(0.1),
  );
  const net = buildNetwork({
    name: "made",
    family: gpt2Family,
    config: gpt2Family.config(tinyGpt2Config),
    params,
  });
  const files = memoryFiles();
  await saveNetwork(files, { config: tinyGpt2Config, params });
  expect(await hashOf(files)).toBe((await net.identity()).hash);
});

test("shards and wider types are the same network, a type that rounds is another", async () => {
  const files = await tinyFiles("llama");
  const config = (await readJson("test", files, "config.json")) as Record<string, unknown>;
  const narrow = memoryFiles({}, "narrow");
  const tensors = await tensorsOf(files);
  await saveCheckpoint(narrow, { config, tensors, dtype: "BF16" });
  const wide = memoryFiles({}, "wide");
  const rounded = await tensorsOf(narrow);
  await saveCheckpoint(wide, { config, tensors: rounded });
  const names = Object.keys(rounded);
  const part = (own: (i: number) => boolean): Record<string, TensorToStore> =>
    Object.fromEntries(Object.entries(rounded).filter((_, i) => own(i)));
  const [even, odd] = ["even.safetensors", "odd.safetensors"] as const;
  const shards = memoryFiles({
    "config.json": JSON.stringify(config),
    [even]: writeSafetensors(part((i) => i % 2 === 0)),
    [odd]: writeSafetensors(part((i) => i % 2 === 1)),
    "model.safetensors.index.json": JSON.stringify({
      weight_map: Object.fromEntries(names.map((name, i) => [name, i % 2 === 0 ? even : odd])),
    }),
  });
  const hash = await hashOf(narrow);
  expect(await hashOf(wide)).toBe(hash);
  expect(await hashOf(shards)).toBe(hash);
  expect(await hashOf(files)).not.toBe(hash);
});

test.each(["llama", "gpt2", "qwen3", "gemma2", "mixtral"] as const)(
  "%s is the same network as GGUF and as a folder",
  async (name) => {
    const family = families[name as keyof typeof families];
    const gguf = await openGguf(nodeFiles("test/golden/gguf"), `${name}.gguf`);
    const tensors: Record<string, TensorToStore> = {};
    for (const [own, { shape }] of gguf.checkpoint.tensors) {
      tensors[own] = { shape, data: await gguf.checkpoint.float32(own) };
    }
    const files = memoryFiles({
      "config.json": JSON.stringify(family.config),
      "model.safetensors": writeSafetensors(tensors),
    });
    const opened = await openNetwork(gguf, { check: false });
    expect((await opened.identity()).hash).toBe(await hashOf(files));
  },
);

test("another weight or another config makes another network, another name does not", async () => {
  const files = await tinyFiles("llama");
  const hash = await hashOf(files);
  const config = (await readJson("test", files, "config.json")) as Record<string, unknown>;
  const tensors = await tensorsOf(files);
  const renamed = memoryFiles({}, "renamed");
  await saveCheckpoint(renamed, { config, tensors });
  expect(await hashOf(renamed)).toBe(hash);
  const reconfigured = memoryFiles();
  await saveCheckpoint(reconfigured, { config: { ...config, rms_norm_eps: 1e-4 }, tensors });
  expect(await hashOf(reconfigured)).not.toBe(hash);
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const changed = Float32Array.from(data as Float32Array, (x) => x * 1.001);
    const trained = memoryFiles();
    await saveCheckpoint(trained, {
      config,
      tensors: { ...tensors, [name]: { shape, data: changed } },
    });
    expect({ name, hash: await hashOf(trained) }).not.toEqual({ name, hash });
  }
});

test("a hash reads a small part of a file that was not needed yet", async () => {
  // 5 million weights, 20 MB
  const files = await tinyFiles("llama", { config: { hidden_size: 512, intermediate_size: 1536 } });
  const size = await files.size("model.safetensors");
  let bytes = 0;
  const counted: Files = {
    ...files,
    readRange: (path, start, end, room) => {
      bytes += end - start;
      return files.readRange(path, start, end, room);
    },
  };
  const net = await open(counted);
  bytes = 0;
  const { hash } = await net.identity();
  expect(bytes).toBeLessThan(size / 1000);
  expect((await net.identity()).hash).toBe(hash);
});

test("weights in fewer bits make another network, each form its own, needed yet or not", async () => {
  const files = await tinyFiles("llama");
  const hashes = new Set([await hashOf(files)]);
  for (const weights of ["q8", "q4", "fp16"] as const) {
    const hash = (await quantise(await open(files), { weights }).identity()).hash;
    const used = quantise(await open(files), { weights });
    await used.run([1, 2, 3]);
    expect((await used.identity()).hash).toBe(hash);
    hashes.add(hash);
  }
  expect(hashes.size).toBe(4);
});

test("a function with taps has an identity too", async () => {
  const of = (scale: number): Promise<{ hash: string; dModel: number }> =>
    defineNetwork({
      name: "line",
      params: { w: tensor([scale, 1]) },
      forward: ({ w }: { w: Tensor }, { x }: { x: Tensor }, tap) => tap("y", x.mul(w)),
      output: "y",
      prepare: (given: Tensor) => ({ x: given }),
      example: () => tensor([[1, 2]]),
    }).identity();
  expect((await of(1)).dModel).toBe(2);
  expect((await of(1)).hash).toBe((await of(1)).hash);
  expect((await of(2)).hash).not.toBe((await of(1)).hash);
});

test("an encoder has the width of its stream", async () => {
  const { files } = await openGolden("bert");

  const net = await openEncoder(files, { check: false });
  expect((await net.identity()).dModel).toBe(net.config.dModel);
});

test("the hash of a network does not change from release to release", async () => {
  // files carry it: what changes it makes every file say that it was made for another network
  expect((await (await tinyNetwork("llama")).identity()).hash).toBe(
    "ecd98d5e75857839b50913786db47cd7",
  );
  expect((await (await tinyNetwork("gpt2")).identity()).hash).toBe(
    "5dd6d9ae96716a5659973c7066e41653",
  );
});

test("a set that was made for a network of another width is refused", async () => {
  const net = await tinyNetwork("llama");
  const set = {
    interventions: [{ kind: "ablate", site: "embed" } as const],
    madeFor: { network: "wide", hash: "1", dModel: 64 },
  };
  await expect(net.run([1, 2], { interventions: [set] })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: interventions: this was made for wide, which is 64 numbers wide; tiny-llama is 16 wide.
      fix: use it with the network it was made for, or make it again for this one.]
  `);
});
