import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { optConfig } from "./opt-config.ts";

test("an empty config is OPT 125M, as in transformers", () => {
  expect(optConfig({ model_type: "opt" })).toEqual({
    nLayers: 12,
    nHeads: 12,
    dModel: 768,
    dEmbed: 768,
    dHead: 64,
    dMlp: 3072,
    dVocab: 50272,
    nCtx: 2048,
    epsilon: 1e-5,
    normsBefore: true,
    hasFinalNorm: true,
    hasBias: true,
    activation: "relu",
    ties: true,
  });
});

test("the configs that transformers 5 wrote are read with every key accounted for", async () => {
  const [before, after] = await Promise.all(["opt", "opt-postnorm"].map(readGolden));
  expect(optConfig(before!.config)).toMatchObject({ dEmbed: 24, hasFinalNorm: true });
  expect(optConfig(after!.config)).toMatchObject({
    dEmbed: 12,
    normsBefore: false,
    hasFinalNorm: false,
    hasBias: false,
  });
});

// Keys of the config.json of facebook/opt-350m on the Hub.
const opt350m = {
  _name_or_path: "opt-350m",
  _remove_final_layer_norm: false,
  activation_dropout: 0,
  activation_function: "relu",
  architectures: ["OPTForCausalLM"],
  attention_dropout: 0,
  bos_token_id: 2,
  do_layer_norm_before: false,
  dropout: 0.1,
  eos_token_id: 2,
  ffn_dim: 4096,
  hidden_size: 1024,
  init_std: 0.02,
  layerdrop: 0,
  max_position_embeddings: 2048,
  model_type: "opt",
  num_attention_heads: 16,
  num_hidden_layers: 24,
  pad_token_id: 1,
  prefix: "</s>",
  torch_dtype: "float16",
  transformers_version: "4.20.0.dev0",
  use_cache: true,
  vocab_size: 50272,
  word_embed_proj_dim: 512,
};

test("the config of OPT 350M is read", () => {
  expect(optConfig(opt350m)).toMatchObject({
    dModel: 1024,
    dEmbed: 512,
    normsBefore: false,
    hasFinalNorm: false,
  });
});

test("a final norm can be removed from a network that norms before its modules", () => {
  expect(optConfig({ _remove_final_layer_norm: true })).toMatchObject({
    normsBefore: true,
    hasFinalNorm: false,
  });
});

test("norms without gain and bias are refused", () => {
  const json = { layer_norm_elementwise_affine: false };
  expect(() => optConfig(json, "loadNetwork")).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadNetwork: config key "layer_norm_elementwise_affine" = false is not supported: invalid input: expected true.]`,
  );
});

test.each([
  ["learned_embeddings", false],
  ["scale_embeddings", true],
  ["layer_norm_eps", 1e-6],
  ["activation_function", "mish"],
])("%s = %j is refused", (key, value) => {
  expect(() => optConfig({ [key]: value })).toThrow(`config key "${key}" = `);
});

test("heads that do not divide the width are refused", () => {
  const json = { hidden_size: 50, num_attention_heads: 4 };
  expect(() => optConfig(json)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: optConfig: config key "hidden_size" = 50 is not a multiple of "num_attention_heads" = 4.]`,
  );
});
