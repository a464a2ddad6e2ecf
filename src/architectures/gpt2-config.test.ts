import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { gpt2Config } from "./gpt2-config.ts";

test("an empty config is GPT-2 small, as in transformers", () => {
  expect(gpt2Config({ model_type: "gpt2" })).toEqual({
    nLayers: 12,
    nHeads: 12,
    dModel: 768,
    dHead: 64,
    dMlp: 3072,
    dVocab: 50257,
    nCtx: 1024,
    epsilon: 1e-5,
    activation: "gelu_new",
    ties: true,
    scaleBySize: true,
    scaleByInverseLayer: false,
  });
});

test("the config that transformers 5 wrote is read with every key accounted for", async () => {
  const { config } = await readGolden("gpt2");
  expect(gpt2Config(config)).toMatchObject({
    nLayers: 2,
    nHeads: 4,
    dModel: 24,
    dHead: 6,
    dMlp: 40,
  });
});

// Keys of the config.json of openai-community/gpt2 on the Hub, written by an early version.
test("the config of the original checkpoint is read", () => {
  const original = {
    activation_function: "gelu_new",
    architectures: ["GPT2LMHeadModel"],
    attn_pdrop: 0.1,
    bos_token_id: 50256,
    embd_pdrop: 0.1,
    eos_token_id: 50256,
    initializer_range: 0.02,
    layer_norm_epsilon: 1e-5,
    model_type: "gpt2",
    n_ctx: 1024,
    n_embd: 768,
    n_head: 12,
    n_layer: 12,
    n_positions: 1024,
    resid_pdrop: 0.1,
    summary_activation: null,
    summary_first_dropout: 0.1,
    summary_proj_to_labels: true,
    summary_type: "cls_index",
    summary_use_proj: true,
    task_specific_params: { "text-generation": { do_sample: true, max_length: 50 } },
    vocab_size: 50257,
  };
  expect(gpt2Config(original)).toEqual(gpt2Config({}));
});

test.each([
  ["gelu_pytorch_tanh", "gelu_new"],
  ["gelu", "gelu"],
  ["swish", "silu"],
  ["relu", "relu"],
])("the activation %s is %s", (name, activation) => {
  expect(gpt2Config({ activation_function: name }).activation).toBe(activation);
});

test("an activation we lack is refused with those we have", () => {
  expect(() => gpt2Config({ activation_function: "mish" })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: gpt2Config: config key "activation_function" = "mish" is not supported: invalid option: expected one of "gelu"|"gelu_python"|"gelu_new"|"gelu_fast"|"gelu_pytorch_tanh"|"gelu_python_tanh"|"quick_gelu"|"relu"|"silu"|"swish"|"tanh".]`,
  );
});

test.each([
  ["add_cross_attention", true],
  ["is_encoder_decoder", true],
  ["pruned_heads", { "0": [1] }],
  ["quantization_config", { bits: 4 }],
  ["n_layer", 0],
  ["n_layer", 1.5],
  ["layer_norm_epsilon", "1e-5"],
])("%s = %j is refused", (key, value) => {
  expect(() => gpt2Config({ [key]: value })).toThrow(`config key "${key}" = `);
});

test("heads that do not divide the width are refused", () => {
  expect(() => gpt2Config({ n_embd: 50, n_head: 4 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: gpt2Config: config key "n_embd" = 50 is not a multiple of "n_head" = 4.]`,
  );
});
