import { expect, test } from "vitest";

import { deepseek2Config, deepseek3Config } from "./deepseek-config.ts";

const shared = {
  attention_bias: false,
  attention_dropout: 0,
  auto_map: { AutoConfig: "configuration_deepseek.DeepseekConfig" },
  ep_size: 1,
  hidden_act: "silu",
  initializer_range: 0.02,
  kv_lora_rank: 512,
  max_position_embeddings: 163840,
  moe_layer_freq: 1,
  qk_nope_head_dim: 128,
  qk_rope_head_dim: 64,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
  use_cache: true,
  v_head_dim: 128,
};

const yarn = {
  beta_fast: 32,
  beta_slow: 1,
  factor: 40,
  original_max_position_embeddings: 4096,
  type: "yarn",
};

const v2Lite = {
  ...shared,
  architectures: ["DeepseekV2ForCausalLM"],
  aux_loss_alpha: 0.001,
  bos_token_id: 100000,
  eos_token_id: 100001,
  first_k_dense_replace: 1,
  hidden_size: 2048,
  intermediate_size: 10944,
  model_type: "deepseek_v2",
  moe_intermediate_size: 1408,
  n_group: 1,
  n_routed_experts: 64,
  n_shared_experts: 2,
  norm_topk_prob: false,
  num_attention_heads: 16,
  num_experts_per_tok: 6,
  num_hidden_layers: 27,
  num_key_value_heads: 16,
  pretraining_tp: 1,
  q_lora_rank: null,
  rope_scaling: { ...yarn, mscale: 707 / 1000, mscale_all_dim: 707 / 1000 },
  routed_scaling_factor: 1,
  scoring_func: "softmax",
  seq_aux: true,
  topk_group: 1,
  topk_method: "greedy",
  vocab_size: 102400,
};

const v3 = {
  ...shared,
  architectures: ["DeepseekV3ForCausalLM"],
  bos_token_id: 0,
  eos_token_id: 1,
  first_k_dense_replace: 3,
  hidden_size: 7168,
  intermediate_size: 18432,
  model_type: "deepseek_v3",
  moe_intermediate_size: 2048,
  n_group: 8,
  n_routed_experts: 256,
  n_shared_experts: 1,
  norm_topk_prob: true,
  num_attention_heads: 128,
  num_experts_per_tok: 8,
  num_hidden_layers: 61,
  num_key_value_heads: 128,
  num_nextn_predict_layers: 1,
  q_lora_rank: 1536,
  rope_scaling: { ...yarn, mscale: 1, mscale_all_dim: 1 },
  routed_scaling_factor: 2.5,
  scoring_func: "sigmoid",
  topk_group: 4,
  topk_method: "noaux_tc",
  vocab_size: 129280,
};

test("DeepSeek-V2-Lite as published makes queries of the stream, and chooses among all experts", () => {
  const config = deepseek2Config(v2Lite);
  expect(config).toMatchObject({
    dHead: 192,
    head: { still: 128, turning: 64, value: 128 },
    latents: { q: null, kv: 512 },
    rope: { dim: 64, theta: 10000 },
    groups: null,
    mixture: { count: 64, k: 6, dMlp: 1408 },
    dShared: 2816,
    expertScale: 1,
    isNormalised: false,
    isInterleaved: true,
  });
  expect(config.isSparse.indexOf(true)).toBe(1);
});

test("DeepSeek-V3 as published, converted to bfloat16, chooses from four of eight groups", () => {
  const config = deepseek3Config(v3);
  expect(config).toMatchObject({
    latents: { q: 1536, kv: 512 },
    groups: { count: 8, kept: 4 },
    mixture: { count: 256, k: 8, dMlp: 2048 },
    expertScale: 2.5,
    isNormalised: true,
  });
  expect(config.isSparse.indexOf(true)).toBe(3);
});

test("stretched wavelengths sharpen scores by the square of their gain", () => {
  // 0.1 * 0.707 * ln 40 + 1 = 1.2608
  expect(deepseek2Config(v2Lite).scales.scores * Math.sqrt(192)).toBeCloseTo(1.2608 ** 2, 3);
  const plain = { ...v2Lite, rope_scaling: null };
  expect(deepseek2Config(plain).scales.scores * Math.sqrt(192)).toBeCloseTo(1, 9);
});

test("what transformers computes otherwise, or not at all, is refused", () => {
  expect(() =>
    deepseek2Config({ ...v2Lite, norm_topk_prob: true }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: deepseek2Config: config key "norm_topk_prob" = true is not supported: invalid input: expected false.]`,
  );
  expect(() =>
    deepseek3Config({ ...v3, scoring_func: "softmax" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: deepseek3Config: config key "scoring_func" = "softmax" is not supported: invalid input: expected "sigmoid".]`,
  );
  expect(() => deepseek3Config({ ...v3, moe_layer_freq: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: deepseek3Config: config key "moe_layer_freq" = 2 is not supported: invalid input: expected 1.]`,
  );
});

test("weights in 8 bits are taken with the published size of blocks, and with no other", () => {
  const quantization = { fmt: "e4m3", quant_method: "fp8", weight_block_size: [128, 128] };
  const config = { ...v3, quantization_config: { ...quantization, activation_scheme: "dynamic" } };
  expect(deepseek3Config(config)).toEqual(deepseek3Config(v3));
  expect(() =>
    deepseek3Config({
      ...v3,
      quantization_config: { ...quantization, weight_block_size: [64, 128] },
    }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: deepseek3Config: config key "quantization_config" = {"fmt":"e4m3","quant_method":"fp8","weight_block_size":[64,128]} is not supported at weight_block_size.0: invalid input: expected 128.]`,
  );
});
