import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { openNetwork } from "../checkpoints/load.ts";
import { gptOssConfig } from "./gpt-oss.ts";

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

test("experts in MXFP4 are refused, with what to do", () => {
  expect(() =>
    gptOssConfig({ ...published, quantization_config: { quant_method: "mxfp4" } }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: gptOssConfig: config key "quantization_config" = {"quant_method":"mxfp4"} is not supported: experts in MXFP4 are not read; save them as bfloat16 first, in transformers by from_pretrained(..., quantization_config=Mxfp4Config(dequantize=True)) and save_pretrained.]`,
  );
});

const prompt = [2, 60, 28, 71];

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
