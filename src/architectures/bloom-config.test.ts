import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { bloomConfig } from "./bloom-config.ts";

test("an empty config is the small one of transformers", () => {
  expect(bloomConfig({ model_type: "bloom" })).toEqual({
    nLayers: 2,
    nHeads: 8,
    dModel: 64,
    dHead: 8,
    dMlp: 256,
    dVocab: 250880,
    nCtx: 2048,
    epsilon: 1e-5,
    ties: true,
  });
});

test("the config that transformers 5 wrote is read with every key accounted for", async () => {
  const { config } = await readGolden("bloom");
  expect(bloomConfig(config)).toMatchObject({ nLayers: 2, nHeads: 6, dModel: 18, dMlp: 72 });
});

// Keys of the config.json of bigscience/bloom-560m on the Hub.
test("the config of BLOOM 560M is read", () => {
  const bloom560m = {
    apply_residual_connection_post_layernorm: false,
    attention_dropout: 0,
    attention_softmax_in_fp32: true,
    bias_dropout_fusion: true,
    bos_token_id: 1,
    eos_token_id: 2,
    pad_token_id: 3,
    unk_token_id: 0,
    hidden_dropout: 0,
    initializer_range: 0.02,
    layer_norm_epsilon: 1e-5,
    masked_softmax_fusion: true,
    model_type: "bloom",
    n_embed: 1024,
    n_inner: null,
    n_layer: 24,
    num_attention_heads: 16,
    offset_alibi: 100,
    pretraining_tp: 1,
    seq_length: 2048,
    skip_bias_add: true,
    skip_bias_add_qkv: false,
    transformers_version: "4.20.0",
    use_cache: true,
    vocab_size: 250880,
    architectures: ["BloomForCausalLM"],
  };
  expect(bloomConfig(bloom560m)).toMatchObject({
    nLayers: 24,
    nHeads: 16,
    dModel: 1024,
    dHead: 64,
    nCtx: 2048,
  });
});

test.each([
  ["n_layer and n_head", { n_layer: 3, n_head: 2 }],
  ["num_hidden_layers and num_attention_heads", { num_hidden_layers: 3, num_attention_heads: 2 }],
])("%s say how many layers and heads there are", (_names, keys) => {
  expect(bloomConfig(keys)).toMatchObject({ nLayers: 3, nHeads: 2, dHead: 32 });
});

test("a residual stream that begins at the norm's output is refused", () => {
  const json = { apply_residual_connection_post_layernorm: true };
  expect(() => bloomConfig(json, "loadNetwork")).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadNetwork: config key "apply_residual_connection_post_layernorm" = true is not supported: invalid input: expected false.]`,
  );
});

test.each([
  ["n_inner", 100],
  ["hidden_act", "relu"],
  ["alibi", false],
])("%s = %j is refused", (key, value) => {
  expect(() => bloomConfig({ [key]: value })).toThrow(`config key "${key}" = `);
});

test("heads that do not divide the width are refused", () => {
  expect(() => bloomConfig({ hidden_size: 50, n_head: 4 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: bloomConfig: config key "hidden_size" = 50 is not a multiple of "n_head" = 4.]`,
  );
});
