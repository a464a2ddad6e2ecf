import { describe, expect, test } from "vitest";

import { modernbertConfig } from "./modernbert-config.ts";

// as answerdotai/ModernBERT-base has it on the hub, written by transformers 4
const base = {
  architectures: ["ModernBertForMaskedLM"],
  attention_bias: false,
  attention_dropout: 0,
  bos_token_id: 50281,
  classifier_activation: "gelu",
  classifier_bias: false,
  classifier_dropout: 0,
  classifier_pooling: "mean",
  cls_token_id: 50281,
  decoder_bias: true,
  deterministic_flash_attn: false,
  embedding_dropout: 0,
  eos_token_id: 50282,
  global_attn_every_n_layers: 3,
  global_rope_theta: 160_000,
  gradient_checkpointing: false,
  hidden_activation: "gelu",
  hidden_size: 768,
  initializer_cutoff_factor: 2,
  initializer_range: 0.02,
  intermediate_size: 1152,
  layer_norm_eps: 1e-5,
  local_attention: 128,
  local_rope_theta: 10_000,
  max_position_embeddings: 8192,
  mlp_bias: false,
  mlp_dropout: 0,
  model_type: "modernbert",
  norm_bias: false,
  norm_eps: 1e-5,
  num_attention_heads: 12,
  num_hidden_layers: 22,
  pad_token_id: 50283,
  position_embedding_type: "absolute",
  reference_compile: true,
  repad_logits_with_grad: false,
  sep_token_id: 50282,
  sparse_pred_ignore_index: -100,
  sparse_prediction: false,
  tie_word_embeddings: true,
  torch_dtype: "float32",
  transformers_version: "4.47.0.dev0",
  vocab_size: 50368,
};

test("the published config is read", () => {
  const { layers, ...config } = modernbertConfig(base);
  expect(config).toEqual({
    head: "masked",
    labels: [],
    nLayers: 22,
    nHeads: 12,
    dModel: 768,
    dHead: 64,
    dMlp: 1152,
    dVocab: 50368,
    nCtx: 8192,
    nTypes: 0,
    epsilon: 1e-5,
    activation: "gelu",
    headActivation: "gelu",
    biases: { attn: false, mlp: false, norm: false, head: false, unembed: true },
    pooling: "mean",
    ties: true,
  });
  const far = { reach: null, theta: 160_000 };
  const near = { reach: 64, theta: 10_000 };
  expect(layers.slice(0, 4)).toEqual([far, near, near, far]);
  expect(layers).toHaveLength(22);
});

test("transformers 5 writes the same layers one by one", () => {
  const { global_attn_every_n_layers, global_rope_theta, local_rope_theta, ...rest } = base;
  const written = {
    ...rest,
    layer_types: Array.from({ length: 22 }, (_, i) =>
      i % global_attn_every_n_layers === 0 ? "full_attention" : "sliding_attention",
    ),
    rope_parameters: {
      full_attention: { rope_type: "default", rope_theta: global_rope_theta },
      sliding_attention: { rope_type: "default", rope_theta: local_rope_theta },
    },
  };
  expect(modernbertConfig(written)).toEqual(modernbertConfig(base));
});

describe("refused", () => {
  test.each([
    [{ rope_parameters: { full_attention: { rope_type: "yarn" } } }, "full_attention.rope_type"],
    [{ layer_types: ["full_attention"] }, `"layer_types" lists 1 layers`],
    [{ layer_types: ["chunked_attention"] }, `"layer_types" = ["chunked_attention"] is not`],
    [{ is_decoder: true }, `"is_decoder" = true is not supported`],
    [{ unicorns: 3 }, `"unicorns" = 3 may change the numbers`],
  ])("%o", (change, problem) => {
    expect(() => modernbertConfig({ ...base, ...change })).toThrow(problem);
  });
});
