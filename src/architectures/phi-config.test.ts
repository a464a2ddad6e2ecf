import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { phiConfig } from "./phi-config.ts";

test("an empty config is Phi-1, as in transformers", () => {
  expect(phiConfig({ model_type: "phi" })).toEqual({
    nLayers: 24,
    nHeads: 32,
    nKvHeads: 32,
    dModel: 2048,
    dHead: 64,
    dMlp: 8192,
    dVocab: 51200,
    nCtx: 2048,
    epsilon: 1e-5,
    normsHeads: false,
    rope: { theta: 10000, dim: 32, scaling: null, context: 2048 },
    activation: "gelu_new",
    ties: false,
  });
});

test("the config that transformers 4 wrote is read with every key accounted for", async () => {
  const { config } = await readGolden("phi");
  expect(config).toHaveProperty("partial_rotary_factor");
  expect(phiConfig(config)).toMatchObject({
    nKvHeads: 4,
    normsHeads: false,
    rope: { theta: 100, dim: 4 },
    ties: false,
  });
});

test("the config that transformers 5 wrote is read with every key accounted for", async () => {
  const { config } = await readGolden("phi-qknorm");
  expect(config).toHaveProperty("rope_parameters");
  expect(phiConfig(config)).toMatchObject({
    nKvHeads: 2,
    normsHeads: true,
    rope: { theta: 100, dim: 4 },
    ties: true,
  });
});

// Keys of the config.json of microsoft/phi-2 on the Hub.
test("the config of Phi-2 is read", () => {
  const phi2 = {
    _name_or_path: "microsoft/phi-2",
    architectures: ["PhiForCausalLM"],
    attention_dropout: 0,
    bos_token_id: 50256,
    embd_pdrop: 0,
    eos_token_id: 50256,
    hidden_act: "gelu_new",
    hidden_size: 2560,
    initializer_range: 0.02,
    intermediate_size: 10240,
    layer_norm_eps: 1e-5,
    max_position_embeddings: 2048,
    model_type: "phi",
    num_attention_heads: 32,
    num_hidden_layers: 32,
    num_key_value_heads: 32,
    partial_rotary_factor: 0.4,
    qk_layernorm: false,
    resid_pdrop: 0.1,
    rope_scaling: null,
    rope_theta: 10000,
    tie_word_embeddings: false,
    torch_dtype: "float16",
    transformers_version: "4.37.0",
    use_cache: true,
    vocab_size: 51200,
  };
  expect(phiConfig(phi2)).toMatchObject({ dHead: 80, rope: { theta: 10000, dim: 32 } });
});

test.each([
  ["head_dim", 64],
  ["sliding_window", 2048],
  ["rope_scaling", { type: "ntk", factor: 2 }],
  ["hidden_act", "mish"],
])("%s = %j is refused", (key, value) => {
  expect(() => phiConfig({ [key]: value })).toThrow(`config key "${key}" = `);
});

test("key-value heads that do not divide the heads are refused", () => {
  const json = { num_attention_heads: 32, num_key_value_heads: 5 };
  expect(() => phiConfig(json)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: phiConfig: config key "num_attention_heads" = 32 is not a multiple of "num_key_value_heads" = 5.]`,
  );
});
