import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { memoryFiles, readJson } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import { leaves } from "../core/tree.ts";
import { quantise, storedBytes } from "../network/quantise.ts";
import { isQuantised } from "../network/stored-parts.ts";
import { packedParts } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { openNetwork, saveNetwork } from "./load.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";

type Json = Record<string, unknown>;

/** A golden network in four bits, and the folder it was saved to. */
async function savedGolden(name: "gpt2" | "llama" = "gpt2") {
  const golden = await readGolden(name);
  const config = (await readJson("test", golden.files, "config.json")) as Json;
  const whole = await openNetwork(golden.files, { check: false });
  const net = quantise(whole, { weights: "q4", blockSize: 16 });
  const files = memoryFiles();
  await saveNetwork(files, { config, params: net.params, dtype: "F16" });
  return { net, files, ids: golden.prompts[0].ids };
}

/** The same folder with another config.json. */
async function withConfig(files: Files, change: (config: Json) => Json): Promise<Files> {
  const config = (await readJson("test", files, "config.json")) as Json;
  const model = await files.read("model.safetensors");
  const json = new TextEncoder().encode(JSON.stringify(change(config)));
  return memoryFiles({ "config.json": json, "model.safetensors": model });
}

test.each(["gpt2", "llama"] as const)(
  "%s in four bits opens again as it was saved, without a float32 in between",
  async (name) => {
    const { net, files, ids } = await savedGolden(name);
    const again = await openNetwork(files);
    expect(isQuantised(again.params)).toBe(true);
    expect(storedBytes(again.params)).toBe(storedBytes(net.params));
    const formsOf = (params: typeof net.params) =>
      leaves<Tensor>(params).map(([path, weight]) => [path, packedParts(weight)?.form]);
    expect(formsOf(again.params)).toEqual(formsOf(net.params));
    const [ours, theirs] = [await again.run(ids), await net.run(ids)];
    expect(await ours.logits.data()).toEqual(await theirs.logits.data());
    expect((await again.identity()).hash).toBe((await net.identity()).hash);
    const packed = leaves<Tensor>(again.params).find(([, weight]) => packedParts(weight));
    expect(packed![1].value).toBeUndefined();
  },
);

test("weights in few bits lie under the names of the parameters, as bytes and scales", async () => {
  const { files } = await savedGolden();
  const { tensors } = await readSafetensors(files, "model.safetensors");
  const q = [...tensors.values()].filter(({ name }) => name.startsWith("blocks.0.attn.q"));
  expect(q.map(({ name, dtype, shape }) => `${name} ${dtype} [${shape.join(", ")}]`).toSorted())
    .toMatchInlineSnapshot(`
      [
        "blocks.0.attn.q.bias F32 [24]",
        "blocks.0.attn.q.weight.packed U8 [24, 2, 8]",
        "blocks.0.attn.q.weight.scales F32 [24, 2]",
      ]
    `);
  const { quantization_config: found } = (await readJson("test", files, "config.json")) as {
    quantization_config: { quant_method: string; weights: Json };
  };
  expect(found.quant_method).toBe("matmul_nbits");
  expect(found.weights["embed"]).toEqual({ bits: 8, block_size: 16 });
  expect(found.weights["blocks.0.mlp.in.weight"]).toEqual({ bits: 4, block_size: 16 });
});

test("a network opens with its weights in the form that is asked for", async () => {
  const { files, prompts } = await readGolden("gpt2");
  const whole = await openNetwork(files, { check: false });
  const sizes = [];
  for (const weights of ["q4", "q8", "fp16", "fp32"] as const) {
    const net = await openNetwork(files, { weights });
    expect(isQuantised(net.params)).toBe(weights.startsWith("q"));
    sizes.push(storedBytes(net.params));
    await net.run(prompts[0].ids);
  }
  expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  expect(sizes.at(-1)).toBe(storedBytes(whole.params));
});

test("a checkpoint that contradicts its quantization_config is refused", async () => {
  const { files } = await savedGolden();
  type Own = { quantization_config: { weights: Record<string, { bits: number }> } };
  const path = "blocks.0.mlp.in.weight";
  const wide = await withConfig(files, (config) => {
    const own = structuredClone(config) as Json & Own;
    own.quantization_config.weights[path]!.bits = 8;
    return own;
  });
  await expect(openNetwork(wide)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadNetwork: "blocks.0.mlp.in.weight.packed" in memory is U8 [40, 2, 8], but config.json makes it U8 [40, 2, 16].
      fix: use the config.json that belongs to these weights.]
  `);
  const odd = await withConfig(files, (config) => {
    const own = structuredClone(config) as Json & Own;
    own.quantization_config.weights[path]!.bits = 5;
    return own;
  });
  await expect(openNetwork(odd)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadNetwork: "quantization_config" of config.json is not right at weights.blocks.0.mlp.in.weight.bits: Invalid option: expected one of 4|8.
      fix: quantise the network again, with patchclamp quantize.]
  `);
  const more = await withConfig(files, (config) => {
    const own = structuredClone(config) as Json & Own;
    delete own.quantization_config.weights[path];
    return own;
  });
  await expect(openNetwork(more)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openCheckpoint: memory has no tensor "blocks.0.mlp.in.weight"; the nearest of its 50 are "blocks.0.ln1.weight", "blocks.0.ln2.weight", "blocks.0.mlp.in.bias".]`,
  );
  const other = await withConfig(files, (config) => ({
    ...config,
    quantization_config: { quant_method: "gptq", bits: 4 },
  }));
  await expect(openNetwork(other)).rejects.toThrow(/quantization_config/);
});

test("a tensor without a place is refused", async () => {
  const { files } = await savedGolden();
  const { tensors } = await readSafetensors(files, "model.safetensors");
  const all: Parameters<typeof writeSafetensors>[0] = Object.fromEntries(
    await Promise.all(
      [...tensors.values()].map(async (t) => [t.name, { shape: t.shape, data: await t.data() }]),
    ),
  );
  const extra = { ...all, "blocks.9.odd": { shape: [1], data: new Float32Array(1) } };
  await files.write("model.safetensors", writeSafetensors(extra, {}, {}));
  await expect(openNetwork(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadNetwork: memory holds "blocks.9.odd", which its config.json gives no place.
      fix: use the config.json that belongs to these weights.]
  `);
});

test("weights in few bits are not quantised again", async () => {
  const { files } = await savedGolden();
  await expect(openNetwork(files, { weights: "q8" })).rejects.toThrow(/in another form already/);
});
