import { describe, expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { maxDifference, tinyFiles, tinyGpt2Config, tinyNetwork } from "../../test/tiny.ts";
import type { TinyFamily } from "../../test/tiny.ts";
import { memoryFiles, readJson } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import { mapTree } from "../core/tree.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { Tensor } from "../runtime/index.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { checkLayout, openNetwork, saveNetwork } from "./load.ts";
import { writeSafetensors } from "./safetensors.ts";
import type { TensorToStore } from "./safetensors.ts";

type Json = Readonly<Record<string, unknown>>;
const prompt = [3, 1, 4, 1, 5];

async function logits(net: LanguageNetwork): Promise<Float32Array> {
  return (await (await net.run(prompt)).logits.data()) as Float32Array;
}

async function configOf(files: Files): Promise<Json> {
  return (await readJson("test", files, "config.json")) as Json;
}

/** The tensors of a folder as they would be written. */
async function tensorsOf(
  files: Files,
): Promise<Record<string, TensorToStore & { data: Float32Array }>> {
  const { tensors } = await openCheckpoint(files);
  const found: Record<string, TensorToStore & { data: Float32Array }> = {};
  for (const [name, tensor] of tensors) {
    found[name] = { shape: tensor.shape, data: ((await tensor.data()) as Float32Array).slice() };
  }
  return found;
}

/** A tiny checkpoint with other tensors or config keys. */
async function altered(
  name: TinyFamily,
  change: {
    tensors?: (tensors: Record<string, TensorToStore & { data: Float32Array }>) => void;
    config?: Json;
  },
): Promise<Files> {
  const files = await tinyFiles(name);
  const tensors = await tensorsOf(files);
  change.tensors?.(tensors);
  return memoryFiles(
    {
      "config.json": JSON.stringify({ ...(await configOf(files)), ...change.config }),
      "model.safetensors": writeSafetensors(tensors),
    },
    "folder",
  );
}

describe.each(["gpt2", "llama", "llama3-rope"] as const)("%s", (name) => {
  test("saved and opened again it gives the same bits", async () => {
    const { files } = await readGolden(name);
    const net = await openNetwork(files);
    const saved = memoryFiles();
    await saveNetwork(saved, { config: await configOf(files), params: net.params });
    expect(await logits(await openNetwork(saved))).toEqual(await logits(net));
  });

  test("its tensors are stored under the names, in the shapes and with the bits they were read from", async () => {
    const { files } = await readGolden(name);
    const net = await openNetwork(files, { check: false });
    const saved = memoryFiles();
    await saveNetwork(saved, { config: await configOf(files), params: net.params });
    const [before, after] = [await tensorsOf(files), await tensorsOf(saved)];
    // transformers does not write a tied unembedding
    expect(Object.keys(after).toSorted()).toEqual(Object.keys(before).toSorted());
    for (const [tensor, { shape, data }] of Object.entries(before)) {
      const own = after[tensor]!;
      expect({ tensor, shape: own.shape, off: maxDifference(own.data, data) }).toEqual({
        tensor,
        shape,
        off: 0,
      });
    }
  });
});

test.each(["F16", "BF16"] as const)(
  "weights stored as %s open close to what they were",
  async (dtype) => {
    const net = await tinyNetwork("llama");
    const saved = memoryFiles();
    await saveNetwork(saved, {
      config: await configOf(await tinyFiles("llama")),
      params: net.params,
      dtype,
    });
    const off = maxDifference(await logits(await openNetwork(saved)), await logits(net));
    // 11 or 8 bits of mantissa, through two blocks, on logits of order 5
    expect(off).toBeLessThanOrEqual(dtype === "F16" ? 0.05 : 0.4);
    expect(off).toBeGreaterThan(1e-5);
  },
);

test("an unembedding of its own is read and saved", async () => {
  const options = { config: { tie_word_embeddings: false } };
  const net = await tinyNetwork("gpt2", options);
  const tied = await tinyNetwork("gpt2");
  expect(maxDifference(await logits(net), await logits(tied))).toBeGreaterThan(0.1);
  const saved = memoryFiles();
  await saveNetwork(saved, {
    config: { ...tinyGpt2Config, ...options.config },
    params: net.params,
  });
  expect((await openCheckpoint(saved)).has("lm_head.weight")).toBe(true);
  expect(await logits(await openNetwork(saved))).toEqual(await logits(net));
});

test("a GPT-2 checkpoint whose names lack the prefix opens, with the same numbers", async () => {
  const bare = await altered("gpt2", {
    tensors: (tensors) => {
      for (const [name, tensor] of Object.entries(tensors)) {
        delete tensors[name];
        tensors[name.replace("transformer.", "")] = tensor;
      }
    },
  });
  expect((await openCheckpoint(bare)).has("h.0.ln_1.weight")).toBe(true);
  expect(await logits(await openNetwork(bare))).toEqual(await logits(await tinyNetwork("gpt2")));
});

test("a network is called by its folder, or as it is told", async () => {
  expect((await openNetwork(await tinyFiles("gpt2"))).name).toBe("tiny-gpt2");
  expect((await openNetwork(await tinyFiles("gpt2"), { name: "mine" })).name).toBe("mine");
});

test("a tokenizer beside the weights is opened, and one that is not there is not missed", async () => {
  expect(
    (await openNetwork(await tinyFiles("gpt2", { words: ["Mira"] }))).tokenizer.encode("Mira"),
  ).toEqual([2, 4]);
  expect((await openNetwork(await tinyFiles("gpt2"))).hasTokenizer).toBe(false);
});

describe("bad input", () => {
  test("weights larger than the machine's memory are refused before anything is read", async () => {
    const huge = { hidden_size: 2 ** 20, intermediate_size: 2 ** 22, num_attention_heads: 2 ** 10 };
    const source = {
      name: "huge",
      config: { architectures: ["LlamaForCausalLM"], ...huge, head_dim: 128 },
      checkpoint: await openCheckpoint(memoryFiles({ "model.safetensors": writeSafetensors({}) })),
    };
    const error: unknown = await openNetwork(source).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "OUT_OF_MEMORY" });
    expect((error as Error).message).toMatch(
      /^loadNetwork: the weights of huge take \d+\.\d GiB as float32, but this machine has \d+\.\d GiB of memory\.\n/,
    );
  });

  test("sizes that leave nothing of a tensor are refused", async () => {
    const entry = { path: "w", name: "model.w", shape: [0, 8] };
    expect(() => checkLayout("loadNetwork", "tiny", [entry])).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadNetwork: config.json of tiny gives "model.w" the shape [0, 8], which no weights have.
        fix: use the config.json that belongs to these weights.]
    `);
    for (const shape of [[8, -1], [NaN], [0.5, 2], [2 ** 60]]) {
      expect(() => checkLayout("loadNetwork", "tiny", [{ ...entry, shape }])).toThrow(
        "no weights have",
      );
    }
    checkLayout("loadNetwork", "tiny", [{ ...entry, shape: [] }]);
  });

  test("an unknown architecture is refused", async () => {
    const files = await altered("gpt2", { config: { architectures: ["UnicornForCausalLM"] } });
    await expect(openNetwork(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadNetwork: config.json of folder names the architecture "UnicornForCausalLM", which PatchClamp does not compute.
        fix: the nearest that it computes are BloomForCausalLM, MistralForCausalLM, MixtralForCausalLM; docs/families.md lists all.]
    `);
  });

  test("a config without an architecture is refused", async () => {
    await expect(openNetwork(memoryFiles({ "config.json": "null" }))).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: openCheckpoint: memory holds neither model.safetensors nor model.safetensors.index.json, but config.json.
        fix: give the folder that holds config.json and model.safetensors.]
    `);
  });

  test("a folder without a config is refused", async () => {
    await expect(openNetwork(memoryFiles())).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: files: memory has no file "config.json".]`,
    );
  });

  test("a config key that may change the numbers is refused", async () => {
    const files = await altered("llama", { config: { residual_multiplier: 0.2 } });
    await expect(openNetwork(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadNetwork: config key "residual_multiplier" = 0.2 may change the numbers and is not handled.
        fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
    `);
  });

  test("a weight that is NaN is refused by name and place", async () => {
    const files = await altered("gpt2", {
      tensors: (tensors) => void (tensors["transformer.h.1.mlp.c_fc.weight"]!.data[30] = NaN),
    });
    await expect(openNetwork(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: openCheckpoint: tensor "transformer.h.1.mlp.c_fc.weight" in model.safetensors is NaN at [1, 6]; weights must be finite.
        fix: use a checkpoint from before the training diverged, or one stored in a wider type.]
    `);
  });

  test("a missing tensor is named", async () => {
    const files = await altered("llama", {
      tensors: (tensors) => void delete tensors["model.layers.1.mlp.up_proj.weight"],
    });
    await expect(openNetwork(files)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: openCheckpoint: folder has no tensor "model.layers.1.mlp.up_proj.weight"; the nearest of its 20 are "model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.down_proj.weight", "model.layers.1.mlp.gate_proj.weight".]`,
    );
  });

  test("a missing tensor whose name may lack its prefix is named", async () => {
    const files = await altered("gpt2", {
      tensors: (tensors) => void delete tensors["transformer.wpe.weight"],
    });
    await expect(openNetwork(files)).rejects.toThrow(
      'folder has no tensor "transformer.wpe.weight"',
    );
  });

  test("a tensor of another shape than the config says is refused with both shapes", async () => {
    const files = await altered("llama", { config: { intermediate_size: 21 } });
    await expect(openNetwork(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadNetwork: "model.layers.0.mlp.gate_proj.weight" in folder has shape [20, 16], but config.json makes it [21, 16].
        fix: use the config.json that belongs to these weights.]
    `);
  });

  test("a fused tensor of another shape is refused as it lies in the file", async () => {
    const files = await altered("gpt2", {
      tensors: (tensors) => {
        const { data } = tensors["transformer.h.0.attn.c_attn.weight"]!;
        tensors["transformer.h.0.attn.c_attn.weight"] = { shape: [48, 16], data };
      },
    });
    await expect(openNetwork(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadNetwork: "transformer.h.0.attn.c_attn.weight" in folder has shape [48, 16], but config.json makes it [16, 48].
        fix: use the config.json that belongs to these weights.]
    `);
  });

  test("weights without a file are refused", async () => {
    const files = memoryFiles({ "config.json": JSON.stringify(tinyGpt2Config) }, "folder");
    await expect(openNetwork(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: openCheckpoint: folder holds neither model.safetensors nor model.safetensors.index.json, but config.json.
        fix: give the folder that holds config.json and model.safetensors.]
    `);
  });

  test("parameters that lack one of the config's are not saved", async () => {
    const { params } = await tinyNetwork("gpt2");
    const config = { ...tinyGpt2Config, n_layer: 3 };
    const files = memoryFiles();
    await expect(saveNetwork(files, { config, params })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: saveNetwork: the parameters lack "blocks.2.ln1.weight", which config.json asks for.
        fix: save the config.json that these parameters belong to.]
    `);
    expect(await files.list()).toEqual([]);
  });

  test("parameters for which the config has no place are not dropped silently", async () => {
    const { params } = await tinyNetwork("gpt2", { config: { tie_word_embeddings: false } });
    await expect(saveNetwork(memoryFiles(), { config: tinyGpt2Config, params })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: saveNetwork: the parameters hold "unembed", for which config.json has no place.
        fix: save the config.json that these parameters belong to.]
    `);
  });

  test("parameters of another shape than the config says are not saved", async () => {
    const { params } = await tinyNetwork("gpt2");
    const config = { ...tinyGpt2Config, vocab_size: 30 };
    await expect(saveNetwork(memoryFiles(), { config, params })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: saveNetwork: "embed" has shape [23, 16], but config.json makes it [30, 16].
        fix: save the config.json that these parameters belong to.]
    `);
  });

  test("parameters that diverged are not saved", async () => {
    const { params } = await tinyNetwork("gpt2");
    const diverged = mapTree<Tensor, Tensor>(params, (leaf, path) =>
      path === "embed" ? leaf.mul(NaN) : leaf,
    );
    await expect(saveNetwork(memoryFiles(), { config: tinyGpt2Config, params: diverged })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: saveCheckpoint: tensor "transformer.wte.weight" in model.safetensors is NaN at [0, 0]; weights must be finite.
        fix: use a checkpoint from before the training diverged, or one stored in a wider type.]
    `);
  });
});
