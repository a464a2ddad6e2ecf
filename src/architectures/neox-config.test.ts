import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { neoxConfig } from "./neox-config.ts";

const rope = (theta: number, dim: number, context: number): object => ({
  theta,
  dim,
  scaling: null,
  context,
});

test("an empty config is GPT-NeoX 20B, as in transformers", () => {
  expect(neoxConfig({ model_type: "gpt_neox" })).toEqual({
    nLayers: 44,
    nHeads: 64,
    dModel: 6144,
    dHead: 96,
    dMlp: 24576,
    dVocab: 50432,
    nCtx: 2048,
    epsilon: 1e-5,
    isParallel: true,
    attentionBias: true,
    rope: rope(10000, 24, 2048),
    activation: "gelu",
    ties: false,
  });
});

test("the config that transformers 5 wrote is read with every key accounted for", async () => {
  const { config } = await readGolden("neox");
  expect(config).toHaveProperty("rope_parameters");
  expect(neoxConfig(config)).toMatchObject({ dHead: 6, isParallel: true, rope: rope(100, 4, 64) });
});

test("the config that transformers 4 wrote is read with every key accounted for", async () => {
  const { config } = await readGolden("neox-sequential");
  expect(config).toHaveProperty("rotary_pct");
  expect(neoxConfig(config)).toMatchObject({
    isParallel: false,
    attentionBias: false,
    activation: "gelu_new",
    rope: rope(100, 4, 64),
    ties: true,
  });
});

// Keys of the config.json of EleutherAI/pythia-70m on the Hub.
test("the config of Pythia 70M is read", () => {
  const pythia = {
    architectures: ["GPTNeoXForCausalLM"],
    bos_token_id: 0,
    eos_token_id: 0,
    hidden_act: "gelu",
    hidden_size: 512,
    initializer_range: 0.02,
    intermediate_size: 2048,
    layer_norm_eps: 1e-5,
    max_position_embeddings: 2048,
    model_type: "gpt_neox",
    num_attention_heads: 8,
    num_hidden_layers: 6,
    rotary_emb_base: 10000,
    rotary_pct: 0.25,
    tie_word_embeddings: false,
    torch_dtype: "float16",
    transformers_version: "4.24.0",
    use_cache: true,
    use_parallel_residual: true,
    vocab_size: 50304,
  };
  expect(neoxConfig(pythia)).toMatchObject({ dHead: 64, rope: rope(10000, 16, 2048) });
});

test.each([
  ["rope_theta", 10000],
  ["partial_rotary_factor", 0.5],
  ["rotary_pct", 1.5],
  ["rope_scaling", { rope_type: "ntk", factor: 2 }],
  ["hidden_act", "mish"],
  ["is_encoder_decoder", true],
])("%s = %j is refused", (key, value) => {
  expect(() => neoxConfig({ [key]: value })).toThrow(`config key "${key}" = `);
});

test("heads that do not divide the width are refused", () => {
  const json = { hidden_size: 50, num_attention_heads: 4 };
  expect(() => neoxConfig(json)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: neoxConfig: config key "hidden_size" = 50 is not a multiple of "num_attention_heads" = 4.]`,
  );
});
