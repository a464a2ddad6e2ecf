import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { stablelmConfig } from "./stablelm-config.ts";

test("an empty config is StableLM 3B, as in transformers", () => {
  expect(stablelmConfig({ model_type: "stablelm" })).toEqual({
    nLayers: 32,
    nHeads: 32,
    nKvHeads: 32,
    dModel: 2560,
    dHead: 80,
    dMlp: 6912,
    dVocab: 50304,
    nCtx: 4096,
    epsilon: 1e-5,
    isParallel: false,
    normsHeads: false,
    qkvBias: false,
    rope: { theta: 10000, dim: 20, scaling: null, context: 4096 },
    activation: "silu",
    ties: false,
  });
});

test("the config that transformers 4 wrote is read with every key accounted for", async () => {
  const { config } = await readGolden("stablelm");
  expect(config).toHaveProperty("partial_rotary_factor");
  expect(stablelmConfig(config)).toMatchObject({
    nKvHeads: 2,
    isParallel: false,
    qkvBias: true,
    rope: { theta: 100, dim: 4 },
  });
});

test("the config that transformers 5 wrote is read with every key accounted for", async () => {
  const { config } = await readGolden("stablelm-parallel");
  expect(config).toHaveProperty("rope_parameters");
  expect(stablelmConfig(config)).toMatchObject({
    isParallel: true,
    normsHeads: true,
    qkvBias: false,
    rope: { theta: 100, dim: 4 },
  });
});

// Keys of the config.json of stabilityai/stablelm-3b-4e1t on the Hub.
test("the config of StableLM 3B is read", () => {
  const stablelm3b = {
    architectures: ["StableLmForCausalLM"],
    bos_token_id: 0,
    eos_token_id: 0,
    hidden_act: "silu",
    hidden_size: 2560,
    initializer_range: 0.02,
    intermediate_size: 6912,
    layer_norm_eps: 1e-5,
    max_position_embeddings: 4096,
    model_type: "stablelm",
    num_attention_heads: 32,
    num_hidden_layers: 32,
    num_key_value_heads: 32,
    partial_rotary_factor: 0.25,
    rope_theta: 10000,
    tie_word_embeddings: false,
    torch_dtype: "bfloat16",
    transformers_version: "4.38.0",
    use_cache: true,
    use_qkv_bias: false,
    vocab_size: 50304,
  };
  expect(stablelmConfig(stablelm3b)).toEqual(stablelmConfig({}));
});

test.each([
  // an earlier release's own code named its keys so
  ["norm_eps", 1e-5],
  ["rope_pct", 0.25],
  ["rope_scaling", { rope_type: "ntk", factor: 2 }],
  ["hidden_act", "mish"],
])("%s = %j is refused", (key, value) => {
  expect(() => stablelmConfig({ [key]: value })).toThrow(`config key "${key}" = `);
});

test("heads that do not divide the width are refused", () => {
  const json = { hidden_size: 2570 };
  expect(() => stablelmConfig(json)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: stablelmConfig: config key "hidden_size" = 2570 is not a multiple of "num_attention_heads" = 32.]`,
  );
});
