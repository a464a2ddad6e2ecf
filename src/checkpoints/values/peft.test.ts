import { describe, expect, test } from "vitest";

import { readGolden } from "../../../test/golden/read.ts";
import { maxDifference } from "../../../test/tiny.ts";
import { memoryFiles, readJson } from "../../core/files.ts";
import type { Files } from "../../core/files.ts";
import { openNetwork } from "../../index.ts";
import { openFolder } from "../../runtime/open-folder.ts";
import { evaluate } from "../../tensor/evaluate.ts";
import { fromHost } from "../../tensor/leaf.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { mergeAdapter } from "../../values/adapter.ts";
import { openCheckpoint } from "../checkpoint.ts";
import type { TensorToStore } from "../safetensors.ts";
import { readSafetensors, writeSafetensors } from "../safetensors.ts";
import { readPeft, writePeft } from "./peft.ts";

// made by test/golden/values/make_values.py
const values = openFolder(new URL("../../../test/golden/values", import.meta.url).href);
const lora = openFolder(new URL("../../../test/golden/values/lora", import.meta.url).href);

test("weights with PEFT's adapter merged give PEFT's logits", async () => {
  const adapter = await readPeft(lora);
  const { files, config } = await readGolden("llama");
  const checkpoint = await openCheckpoint(files);
  const weights: Record<string, Tensor> = {};
  for (const [name, { shape }] of checkpoint.tensors) {
    weights[name] = fromHost(await checkpoint.float32(name), { shape, dtype: "float32" });
  }
  const merged = mergeAdapter(weights, adapter);
  await evaluate(Object.values(merged));
  const tensors: Record<string, TensorToStore> = {};
  for (const [name, tensor] of Object.entries(merged)) {
    tensors[name] = { shape: tensor.shape, data: (await tensor.data()) as Float32Array };
  }
  const folder = memoryFiles({
    "config.json": JSON.stringify(config),
    "model.safetensors": writeSafetensors(tensors),
  });
  const net = await openNetwork(folder, { check: false });
  const { tensors: expected } = await readSafetensors(values, "expected.safetensors");
  const numbers = async (name: string): Promise<Float32Array> =>
    (await expected.get(name)!.data()) as Float32Array;
  const ids = Array.from((await expected.get("ids")!.data()) as BigInt64Array, Number);
  const ours = await (await net.run([ids])).logits.numbers();
  expect(maxDifference(ours, await numbers("adapted"))).toBeLessThan(1e-4); // the parity tests' bar on logits
  expect(maxDifference(await numbers("adapted"), await numbers("plain"))).toBeGreaterThan(0.1);
});

test("an adapter that is written is read back the same, with PEFT's own tensors", async () => {
  const adapter = await readPeft(lora);
  const files = memoryFiles();
  await writePeft(files, adapter);
  expect(await readPeft(files)).toEqual(adapter);
  const weights = "adapter_model.safetensors";
  const theirs = await readSafetensors(lora, weights);
  const ours = await readSafetensors(files, weights);
  expect([...ours.tensors.keys()].toSorted()).toEqual([...theirs.tensors.keys()].toSorted());
  for (const [name, { data }] of theirs.tensors) {
    expect(await ours.tensors.get(name)!.data()).toEqual(await data());
  }
});

/** PEFT's folder with something else in its config or its weights. */
async function changed(
  config: Record<string, unknown>,
  tensors: Record<string, TensorToStore | undefined> = {},
): Promise<Files> {
  const own = (await readJson("test", lora, "adapter_config.json")) as object;
  const stored: Record<string, TensorToStore> = {};
  for (const [name, { shape, data }] of (await readSafetensors(lora, "adapter_model.safetensors"))
    .tensors) {
    stored[name] = { shape, data: await data() };
  }
  for (const [name, tensor] of Object.entries(tensors)) {
    if (tensor === undefined) delete stored[name];
    else stored[name] = tensor;
  }
  return memoryFiles(
    {
      "adapter_config.json": JSON.stringify({ ...own, ...config }),
      "adapter_model.safetensors": writeSafetensors(stored),
    },
    "lora",
  );
}

const Q = "base_model.model.model.layers.0.self_attn.q_proj";

describe("a folder is refused", () => {
  test.each([
    ["is no LoRA", { peft_type: "IA3" }],
    ["is DoRA", { use_dora: true }],
    ["changes biases", { bias: "all" }],
    ["saves modules as a whole", { modules_to_save: ["lm_head"] }],
    ["changed the network's own weights", { init_lora_weights: "pissa" }],
    ["has a key that nobody knows", { use_newest: true }],
  ])("when it %s", async (_, config) => {
    await expect(readPeft(await changed(config))).rejects.toThrow(/^readPeft: config key/);
  });

  test("when A has no B", async () => {
    const files = await changed({}, { [`${Q}.lora_B.weight`]: undefined });
    await expect(readPeft(files)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readPeft: adapter_model.safetensors in lora has A of "model.layers.0.self_attn.q_proj" without the other.]`,
    );
  });

  test("when it holds something else than A and B", async () => {
    const tensor = { shape: [1], data: new Float32Array(1) };
    const files = await changed({}, { [`${Q}.lora_magnitude_vector`]: tensor });
    await expect(readPeft(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: readPeft: adapter_model.safetensors in lora holds "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector", which is neither A nor B of a linear layer.
        fix: save an adapter of linear layers alone, without DoRA, biases, embeddings and modules to save.]
    `);
  });

  test("when a pattern is a regular expression", async () => {
    const files = await changed({ alpha_pattern: { "layers\\.(0|1)\\..*": 3 } });
    await expect(readPeft(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: readPeft: alpha_pattern has the regular expression "layers\\\\.(0|1)\\\\..*"; only names of modules are read.
        fix: write the names of the modules out in adapter_config.json.]
    `);
  });

  test("when the ranks of A and B differ", async () => {
    const tensor = { shape: [24, 3], data: new Float32Array(72) };
    const files = await changed({}, { [`${Q}.lora_B.weight`]: tensor });
    await expect(readPeft(files)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: adapter: targets.model.layers.0.self_attn.q_proj.weight of the adapter has A of [2, 24] and B of [24, 3], whose ranks differ.]`,
    );
  });
});

test("a change of something else than a module's weight is not written", async () => {
  const targets = { bias: { a: [[1]], b: [[1]] } };
  await expect(
    writePeft(memoryFiles(), { alpha: 1, targets }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: writePeft: the adapter changes "bias", and PEFT's files hold changes of a module's weight alone.]`,
  );
});
