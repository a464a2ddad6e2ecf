import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { openNetwork } from "../checkpoints/load.ts";
import { storedShape } from "../checkpoints/packing.ts";
import { writeSafetensors } from "../checkpoints/safetensors.ts";
import type { TensorToStore } from "../checkpoints/safetensors.ts";
import { memoryFiles } from "../core/files.ts";
import { leaves } from "../core/tree.ts";
import { sizeOf } from "../tensor/tensor.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { gptOssConfig, gptOssFamily } from "./gpt-oss.ts";

const published = {
  architectures: ["GptOssForCausalLM"],
  attention_bias: true,
  attention_dropout: 0,
  eos_token_id: 200002,
  experts_per_token: 4,
  head_dim: 64,
  hidden_act: "silu",
  hidden_size: 2880,
  initial_context_length: 4096,
  initializer_range: 0.02,
  intermediate_size: 2880,
  layer_types: Array.from({ length: 24 }, (_, i) =>
    i % 2 === 0 ? "sliding_attention" : "full_attention",
  ),
  max_position_embeddings: 131072,
  model_type: "gpt_oss",
  num_attention_heads: 64,
  num_experts_per_tok: 4,
  num_hidden_layers: 24,
  num_key_value_heads: 8,
  num_local_experts: 32,
  output_router_logits: false,
  pad_token_id: 199999,
  rms_norm_eps: 1e-5,
  rope_scaling: {
    beta_fast: 32,
    beta_slow: 1,
    factor: 32,
    original_max_position_embeddings: 4096,
    rope_type: "yarn",
    truncate: false,
  },
  rope_theta: 150000,
  router_aux_loss_coef: 0.9,
  sliding_window: 128,
  swiglu_limit: 7,
  tie_word_embeddings: false,
  transformers_version: "4.55.0.dev0",
  use_cache: true,
  vocab_size: 201088,
};

const prompt = [2, 60, 28, 71];

test("gpt-oss-20b as published, without its quantisation, has windows in every other layer", () => {
  const config = gptOssConfig(published);
  expect(config).toMatchObject({
    dHead: 64,
    biases: { qkv: true, o: true, mlp: true },
    mixture: { count: 32, k: 4, dMlp: 2880 },
    swiglu: { alpha: 1.702, limit: 7 },
    rope: { theta: 150000, scaling: { kind: "yarn", factor: 32, isTruncated: false } },
  });
  expect(config.layers.slice(0, 3).map(({ window }) => window)).toEqual([128, null, 128]);
});

test("other quantisations than the published one are refused", () => {
  expect(() =>
    gptOssConfig({ ...published, quantization_config: { quant_method: "gptq" } }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: gptOssConfig: config key "quantization_config" = {"quant_method":"gptq"} is not supported at quant_method: expected mxfp4.]`,
  );
});

test("experts that are stored in four bits are [out, in], others [in, out]", () => {
  const quantization = { quant_method: "mxfp4", modules_to_not_convert: ["lm_head"] };
  const one = { ...published, num_hidden_layers: 1, layer_types: ["sliding_attention"] };
  const turns = (json: object): (boolean | undefined)[] =>
    gptOssFamily
      .layout(gptOssConfig(json))
      .filter(({ path }) => /experts\.31\..*weight$/.test(path))
      .map(({ isTransposed }) => isTransposed);
  expect(turns(one)).toEqual([true, true, true]);
  expect(turns({ ...one, quantization_config: quantization })).toEqual([false, false, false]);
});

test("experts in MXFP4 open as their numbers: gates and linear branches take turns among rows", async () => {
  const config = {
    ...((await readGolden("gpt-oss")).config as object),
    hidden_size: 32,
    intermediate_size: 32,
    quantization_config: { quant_method: "mxfp4" },
  };
  const tensors: Record<string, TensorToStore> = {};
  for (const entry of gptOssFamily.layout(gptOssConfig(config))) {
    const shape = storedShape(entry);
    const count = sizeOf(shape);
    if (entry.name.endsWith("_proj")) {
      const blocks = [...shape.slice(0, -1), 1];
      const data = Uint8Array.from({ length: count / 2 }, (_, i) => (i * 37 + shape[1]!) % 256);
      tensors[`${entry.name}_blocks`] = { shape: [...blocks, 16], data };
      tensors[`${entry.name}_scales`] = {
        shape: blocks,
        data: new Uint8Array(count / 32).fill(125),
      };
    } else {
      tensors[entry.name] = { shape, data: new Float32Array(count).fill(0.1) };
    }
  }
  const contents = {
    "config.json": JSON.stringify(config),
    "model.safetensors": writeSafetensors(tensors),
  };
  const net = await openNetwork(memoryFiles(contents, "packed"));
  const [gate, pre] = await Promise.all(
    ["gate", "in"].map((name) =>
      new Map(leaves<Tensor>(net.params)).get(`blocks.1.mlp.experts.2.${name}.weight`)!.numbers(),
    ),
  );
  // row 3 of either is row 6 or 7 of expert 2 in the file, whose first bytes are 0x20 and 0x70: 0 and 1, 0 and 6, times 2^-2
  expect([Array.from(gate!.slice(96, 98)), Array.from(pre!.slice(96, 98))]).toEqual([
    [0, 0.25],
    [0, 1.5],
  ]);
  const { logits } = await net.run(prompt);
  expect((await logits.numbers()).every(Number.isFinite)).toBe(true);
});

test("probabilities of keys and sink add up to 1, and an edit of the sink leaves the rest to the keys", async () => {
  const { files } = await readGolden("gpt-oss");
  const net = await openNetwork(files, { check: false });
  const sums = async (edit: Parameters<typeof net.run>[1]): Promise<number[]> => {
    const pass = await net.run(prompt, { capture: "blocks.1.attn.*", ...edit });
    return Array.from(await pass.at("blocks.1.attn.pattern").sum({ axis: -1 }).numbers());
  };
  const plain = await sums({});
  expect(Math.max(...plain)).toBeLessThan(1);
  const without = await sums({ edit: { "blocks.1.attn.sink": (x) => x.mul(0) } });
  for (const sum of without) expect(sum).toBeCloseTo(1, 6);
  const same = await sums({ edit: { "blocks.1.attn.sink": (x) => x.mul(1) } });
  for (const [i, sum] of same.entries()) expect(sum).toBeCloseTo(plain[i]!, 6);
});
