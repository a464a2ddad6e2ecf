import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { llamaConfig } from "./llama-config.ts";

test("an empty config is Llama 7B, as in transformers", () => {
  expect(llamaConfig({ model_type: "llama" })).toEqual({
    nLayers: 32,
    nHeads: 32,
    nKvHeads: 32,
    dModel: 4096,
    dHead: 128,
    dMlp: 11008,
    dVocab: 32000,
    nCtx: 2048,
    epsilon: 1e-6,
    rope: { theta: 10000, dim: 128, scaling: null, context: 2048 },
    biases: { qkv: false, o: false, mlp: false },
    activation: "silu",
    ties: false,
    layers: Array.from({ length: 32 }, () => ({ rotates: true, window: null })),
    scales: { embed: 1, scores: 1 / Math.sqrt(128), residual: 1, logits: 1 },
  });
});

test("the config that transformers 4 wrote is read with every key accounted for", async () => {
  const { config } = await readGolden("llama");
  expect(config).toHaveProperty("rope_theta");
  expect(llamaConfig(config)).toMatchObject({
    nLayers: 2,
    nKvHeads: 2,
    dHead: 6,
    rope: { scaling: null },
  });
});

const scaling = {
  kind: "llama3",
  factor: 8,
  lowFreqFactor: 1,
  highFreqFactor: 4,
  originalContext: 64,
};

test("the config that transformers 5 wrote is read with every key accounted for", async () => {
  const { config } = await readGolden("llama3-rope");
  expect(config).toHaveProperty("rope_parameters");
  expect(llamaConfig(config)).toMatchObject({
    nHeads: 4,
    nKvHeads: 1,
    dModel: 20,
    dHead: 12,
    biases: { qkv: true, o: true, mlp: true },
    ties: true,
    rope: { theta: 10000, dim: 12, scaling },
  });
});

test.each([
  ["partial_rotary_factor", 0.5],
  ["rope_interleaved", true],
  ["sliding_window", 4096],
  ["layer_types", ["full_attention"]],
  ["embedding_multiplier", 12],
  ["rope_parameters", { rope_type: "default", attention_factor: 2 }],
  ["head_dim", 15],
  ["hidden_act", "mish"],
])("%s = %j is refused", (key, value) => {
  expect(() => llamaConfig({ [key]: value })).toThrow(`config key "${key}" = `);
});

test("key-value heads that do not divide the heads are refused", () => {
  const json = { num_attention_heads: 32, num_key_value_heads: 5 };
  expect(() => llamaConfig(json)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: llamaConfig: config key "num_attention_heads" = 32 is not a multiple of "num_key_value_heads" = 5.]`,
  );
});

// Keys of the config.json of meta-llama/Llama-3.2-1B on the Hub.
test("the config of Llama 3.2 1B is read", () => {
  const published = {
    architectures: ["LlamaForCausalLM"],
    attention_bias: false,
    attention_dropout: 0.0,
    bos_token_id: 128000,
    eos_token_id: 128001,
    head_dim: 64,
    hidden_act: "silu",
    hidden_size: 2048,
    initializer_range: 0.02,
    intermediate_size: 8192,
    max_position_embeddings: 131072,
    mlp_bias: false,
    model_type: "llama",
    num_attention_heads: 32,
    num_hidden_layers: 16,
    num_key_value_heads: 8,
    pretraining_tp: 1,
    rms_norm_eps: 1e-5,
    rope_scaling: {
      factor: 32.0,
      high_freq_factor: 4.0,
      low_freq_factor: 1.0,
      original_max_position_embeddings: 8192,
      rope_type: "llama3",
    },
    rope_theta: 500000.0,
    tie_word_embeddings: true,
    torch_dtype: "bfloat16",
    transformers_version: "4.45.0.dev0",
    use_cache: true,
    vocab_size: 128256,
  };
  expect(llamaConfig(published)).toMatchObject({
    dHead: 64,
    nCtx: 131072,
    ties: true,
    rope: { theta: 500000, scaling: { factor: 32, originalContext: 8192 } },
  });
});
