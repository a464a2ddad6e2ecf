import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { gemma2Config, gemma3Config, gemma3VisionConfig, gemmaConfig } from "./gemma-config.ts";

/** What all published configs have in common. */
const published = {
  attention_bias: false,
  attention_dropout: 0,
  bos_token_id: 2,
  eos_token_id: 1,
  head_dim: 256,
  initializer_range: 0.02,
  pad_token_id: 0,
  rms_norm_eps: 1e-6,
  torch_dtype: "bfloat16",
  use_cache: true,
};

const gemma1of2B = {
  ...published,
  architectures: ["GemmaForCausalLM"],
  hidden_act: "gelu",
  hidden_size: 2048,
  intermediate_size: 16384,
  max_position_embeddings: 8192,
  model_type: "gemma",
  num_attention_heads: 8,
  num_hidden_layers: 18,
  num_key_value_heads: 1,
  rope_scaling: null,
  rope_theta: 10000,
  transformers_version: "4.38.0.dev0",
  vocab_size: 256000,
};

const gemma2of9B = {
  ...published,
  architectures: ["Gemma2ForCausalLM"],
  attn_logit_softcapping: 50,
  cache_implementation: "hybrid",
  final_logit_softcapping: 30,
  hidden_act: "gelu_pytorch_tanh",
  hidden_activation: "gelu_pytorch_tanh",
  hidden_size: 3584,
  intermediate_size: 14336,
  max_position_embeddings: 8192,
  model_type: "gemma2",
  num_attention_heads: 16,
  num_hidden_layers: 42,
  num_key_value_heads: 8,
  query_pre_attn_scalar: 224,
  rope_theta: 10000,
  sliding_window: 4096,
  sliding_window_size: 4096,
  transformers_version: "4.42.0.dev0",
  vocab_size: 256000,
};

const gemma3of1B = {
  ...published,
  architectures: ["Gemma3ForCausalLM"],
  attn_logit_softcapping: null,
  cache_implementation: "hybrid",
  eos_token_id: [1, 106],
  final_logit_softcapping: null,
  hidden_activation: "gelu_pytorch_tanh",
  hidden_size: 1152,
  intermediate_size: 6912,
  max_position_embeddings: 32768,
  model_type: "gemma3_text",
  num_attention_heads: 4,
  num_hidden_layers: 26,
  num_key_value_heads: 1,
  query_pre_attn_scalar: 256,
  rope_local_base_freq: 10000,
  rope_scaling: null,
  rope_theta: 1000000,
  sliding_window: 512,
  sliding_window_pattern: 6,
  transformers_version: "4.50.0.dev0",
  vocab_size: 262144,
};

const gemma3of4B = {
  architectures: ["Gemma3ForConditionalGeneration"],
  boi_token_index: 255999,
  eoi_token_index: 256000,
  eos_token_id: [1, 106],
  image_token_index: 262144,
  initializer_range: 0.02,
  mm_tokens_per_image: 256,
  model_type: "gemma3",
  text_config: {
    hidden_size: 2560,
    intermediate_size: 10240,
    model_type: "gemma3_text",
    num_hidden_layers: 34,
    rope_scaling: { factor: 8, rope_type: "linear" },
    sliding_window: 1024,
  },
  torch_dtype: "bfloat16",
  transformers_version: "4.50.0.dev0",
  vision_config: { hidden_size: 1152, image_size: 896, model_type: "siglip_vision_model" },
};

const plain = (theta: number, context: number) => ({ theta, dim: 256, scaling: null, context });

test("Gemma 2B as published has one kind of layer, tied embeddings and the tanh form of gelu", () => {
  const config = gemmaConfig(gemma1of2B);
  expect(config).toMatchObject({
    nLayers: 18,
    nHeads: 8,
    nKvHeads: 1,
    dModel: 2048,
    dHead: 256,
    dMlp: 16384,
    dVocab: 256000,
    nCtx: 8192,
    epsilon: 1e-6,
    activation: "gelu_new",
    biases: { qkv: false, o: false, mlp: false },
    scoreScale: 1 / 16,
    scoreCap: null,
    logitCap: null,
    ties: true,
  });
  expect(new Set(config.layers).size).toBe(1);
  expect(config.layers[0]).toEqual({ rope: plain(10000, 8192), window: null });
});

test("Gemma 2 9B as published looks back a short way in every layer of even index", () => {
  const config = gemma2Config(gemma2of9B);
  expect(config).toMatchObject({ scoreScale: 1 / Math.sqrt(224), scoreCap: 50, logitCap: 30 });
  expect(config.layers.map(({ window }) => window).slice(0, 4)).toEqual([4096, null, 4096, null]);
  expect(config.layers).toHaveLength(42);
});

test("Gemma 3 1B as published sees all in every sixth layer, with longer wavelengths", () => {
  const { layers, scoreCap, logitCap } = gemma3Config(gemma3of1B);
  const local = { rope: plain(10000, 32768), window: 512 };
  const global = { rope: plain(1000000, 32768), window: null };
  expect(layers.slice(0, 7)).toEqual([local, local, local, local, local, global, local]);
  expect(new Set(layers).size).toBe(2);
  expect([scoreCap, logitCap]).toEqual([null, null]);
});

test("Gemma 3 4B as published gives the language network, with defaults for what it leaves out", () => {
  const config = gemma3VisionConfig(gemma3of4B);
  expect(config).toMatchObject({
    nLayers: 34,
    nHeads: 8,
    nKvHeads: 4,
    dModel: 2560,
    dHead: 256,
    dVocab: 262208,
    nCtx: 131072,
    ties: true,
  });
  expect(config.layers[0]!.rope.scaling).toBeNull();
  expect(config.layers[5]!.rope).toMatchObject({
    theta: 1000000,
    scaling: { kind: "linear", factor: 8 },
  });
});

test("the forms of transformers 4 and 5 give the same layers", async () => {
  const { config } = await readGolden("gemma3");
  expect(config).toHaveProperty("rope_parameters.full_attention");
  const { rope_parameters: _, layer_types: __, ...rest } = config as Record<string, unknown>;
  const early = {
    ...rest,
    rope_theta: 1000,
    rope_local_base_freq: 100,
    rope_scaling: { rope_type: "linear", factor: 2 },
    sliding_window_pattern: 2,
  };
  expect(gemma3Config(early)).toEqual(gemma3Config(config));
});

test("layers that are listed count for more than a pattern", () => {
  const layer_types = ["full_attention", "sliding_attention"];
  const config = gemma3Config({ num_hidden_layers: 2, sliding_window_pattern: 1, layer_types });
  expect(config.layers.map(({ window }) => window)).toEqual([null, 4096]);
});

test("bounds of Gemma 2 are the usual ones where nothing is said, and none where null is", () => {
  const { scoreCap, logitCap } = gemma2Config({ attn_logit_softcapping: null });
  expect([scoreCap, logitCap]).toEqual([null, 30]);
});

test("layer types of another number than the layers are refused", () => {
  const json = { num_hidden_layers: 3, layer_types: ["full_attention"] };
  expect(() => gemma2Config(json)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: gemma2Config: config key "layer_types" lists 1 layer, but "num_hidden_layers" is 3.]`,
  );
});

test("bounded scores in Gemma 3 are refused, because transformers passes over them", () => {
  expect(() => gemma3Config({ attn_logit_softcapping: 50 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: gemma3Config: config key "attn_logit_softcapping" = 50 is not supported: transformers bounds no scores of Gemma 3.]`,
  );
});

test("a network that reads both ways is refused", () => {
  expect(() =>
    gemma3Config({ use_bidirectional_attention: true }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: gemma3Config: config key "use_bidirectional_attention" = true is not supported: invalid input: expected false.]`,
  );
});

test("key-value heads that do not divide the heads are refused", () => {
  expect(() => gemma2Config({ num_key_value_heads: 3 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: gemma2Config: config key "num_attention_heads" = 8 is not a multiple of "num_key_value_heads" = 3.]`,
  );
});

test.each([
  ["hidden_act", "silu", gemmaConfig],
  ["hidden_activation", "gelu", gemmaConfig],
  ["attn_logit_softcapping", 50, gemmaConfig],
  ["partial_rotary_factor", 0.5, gemmaConfig],
  ["partial_rotary_factor", 0.5, gemma2Config],
  ["layer_types", ["chunked_attention"], gemma2Config],
  ["final_logit_softcapping", 0, gemma2Config],
  ["rope_local_base_freq", 10000, gemma2Config],
  ["rope_parameters", { rope_type: "default", rope_theta: 1 }, gemma3Config],
  ["num_kv_shared_layers", 4, gemma3Config],
  ["tie_word_embeddings", false, gemma3VisionConfig],
] as const)("%s = %j is refused", (key, value, read) => {
  const rest = read === gemma3VisionConfig ? { text_config: {} } : {};
  expect(() => read({ ...rest, [key]: value })).toThrow(`config key "${key}" = `);
});
