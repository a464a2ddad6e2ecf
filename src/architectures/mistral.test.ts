import { expect, test } from "vitest";

import { mistralConfig } from "./mistral.ts";

const windows = (json: Readonly<Record<string, unknown>>): Set<number | null> =>
  new Set(mistralConfig(json).layers.map(({ window }) => window));

test("an empty config is Mistral 7B, as in transformers", () => {
  expect(mistralConfig({ model_type: "mistral" })).toMatchObject({
    nLayers: 32,
    nHeads: 32,
    nKvHeads: 8,
    dModel: 4096,
    dHead: 128,
    dMlp: 14336,
    dVocab: 32000,
    nCtx: 131072,
  });
});

test("the window is 4096 where nothing is said, none where null is said, and otherwise what is said", () => {
  expect(windows({})).toEqual(new Set([4096]));
  expect(windows({ sliding_window: null })).toEqual(new Set([null]));
  expect(windows({ sliding_window: 8 })).toEqual(new Set([8]));
});

// Keys of the config.json of mistralai/Mistral-7B-v0.1 on the Hub.
test("the config of Mistral 7B v0.1 is read", () => {
  const published = {
    architectures: ["MistralForCausalLM"],
    bos_token_id: 1,
    eos_token_id: 2,
    hidden_act: "silu",
    hidden_size: 4096,
    initializer_range: 0.02,
    intermediate_size: 14336,
    max_position_embeddings: 32768,
    model_type: "mistral",
    num_attention_heads: 32,
    num_hidden_layers: 32,
    num_key_value_heads: 8,
    rms_norm_eps: 1e-5,
    rope_theta: 10000.0,
    sliding_window: 4096,
    tie_word_embeddings: false,
    torch_dtype: "bfloat16",
    transformers_version: "4.34.0.dev0",
    use_cache: true,
    vocab_size: 32000,
  };
  const config = mistralConfig(published);
  expect(config).toMatchObject({ nCtx: 32768, epsilon: 1e-5, biases: { qkv: false, o: false } });
  expect(config.layers[31]).toEqual({ rotates: true, window: 4096 });
});

test("a key that Mistral does not have is refused", () => {
  expect(() => mistralConfig({ layer_types: ["full_attention"] }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: mistralConfig: config key "layer_types" = ["full_attention"] may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});

test.each([
  ["sliding_window", 0],
  ["attention_bias", true],
  ["partial_rotary_factor", 0.5],
])("%s = %j is refused", (key, value) => {
  expect(() => mistralConfig({ [key]: value })).toThrow(`config key "${key}" = `);
});
