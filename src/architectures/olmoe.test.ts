import { expect, test } from "vitest";

import { olmoeConfig, olmoeFamily } from "./olmoe.ts";

const published = {
  architectures: ["OlmoeForCausalLM"],
  attention_bias: false,
  attention_dropout: 0,
  clip_qkv: null,
  eos_token_id: 50279,
  hidden_act: "silu",
  hidden_size: 2048,
  initializer_range: 0.02,
  intermediate_size: 1024,
  max_position_embeddings: 4096,
  model_type: "olmoe",
  norm_topk_prob: false,
  num_attention_heads: 16,
  num_experts: 64,
  num_experts_per_tok: 8,
  num_hidden_layers: 16,
  num_key_value_heads: 16,
  output_router_logits: false,
  pad_token_id: 1,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  rope_theta: 10000,
  router_aux_loss_coef: 0.01,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
  use_cache: true,
  vocab_size: 50304,
};

test("OLMoE-1B-7B as published has eight of 64 experts, whose weights do not add up to 1", () => {
  expect(olmoeConfig(published)).toMatchObject({
    nLayers: 16,
    dHead: 128,
    mixture: { count: 64, k: 8, dMlp: 1024 },
    isNormalised: false,
  });
});

test("norms of queries and keys have a gain for every number of every head", () => {
  const config = olmoeConfig({ ...published, num_key_value_heads: 4 });
  const shapes = Object.fromEntries(
    olmoeFamily.layout(config).map(({ path, shape }) => [path, shape]),
  );
  expect(shapes["blocks.0.attn.qNorm.weight"]).toEqual([2048]);
  expect(shapes["blocks.0.attn.kNorm.weight"]).toEqual([512]);
});

test("bounds on queries, keys and values are refused", () => {
  expect(() => olmoeConfig({ ...published, clip_qkv: 8 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: olmoeConfig: config key "clip_qkv" = 8 is not supported: expected null.]`,
  );
});
