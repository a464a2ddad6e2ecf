import { expect, test } from "vitest";

import { t5Config } from "./t5-config.ts";

// config.json of google-t5/t5-small, without the prompts of its tasks
const t5Small = {
  architectures: ["T5ForConditionalGeneration"],
  d_ff: 2048,
  d_kv: 64,
  d_model: 512,
  decoder_start_token_id: 0,
  dropout_rate: 0.1,
  eos_token_id: 1,
  initializer_factor: 1.0,
  is_encoder_decoder: true,
  layer_norm_epsilon: 1e-6,
  model_type: "t5",
  n_positions: 512,
  num_heads: 8,
  num_layers: 6,
  output_past: true,
  pad_token_id: 0,
  relative_attention_num_buckets: 32,
  task_specific_params: { summarization: { max_length: 200 } },
  vocab_size: 32128,
};

// config.json of google/flan-t5-small
const flanSmall = {
  architectures: ["T5ForConditionalGeneration"],
  d_ff: 1024,
  d_kv: 64,
  d_model: 512,
  decoder_start_token_id: 0,
  dropout_rate: 0.1,
  eos_token_id: 1,
  feed_forward_proj: "gated-gelu",
  initializer_factor: 1.0,
  is_encoder_decoder: true,
  is_gated_act: true,
  layer_norm_epsilon: 1e-6,
  model_type: "t5",
  n_positions: 512,
  num_decoder_layers: 8,
  num_heads: 6,
  num_layers: 8,
  output_past: true,
  pad_token_id: 0,
  relative_attention_max_distance: 128,
  relative_attention_num_buckets: 32,
  tie_word_embeddings: false,
  transformers_version: "4.23.1",
  use_cache: true,
  vocab_size: 32128,
};

test("the config of T5 small has ReLU, scaled outputs and no end of the context", () => {
  expect(t5Config(t5Small)).toEqual({
    nEncoderLayers: 6,
    nDecoderLayers: 6,
    nHeads: 8,
    dModel: 512,
    dHead: 64,
    dMlp: 2048,
    dVocab: 32128,
    nCtx: Infinity,
    decoderStart: 0,
    nBuckets: 32,
    maxDistance: 128,
    epsilon: 1e-6,
    activation: "relu",
    isGated: false,
    outputScale: 512 ** -0.5,
  });
});

test("the config of Flan-T5 small has gates, and outputs that are not scaled", () => {
  expect(t5Config(flanSmall)).toMatchObject({
    nDecoderLayers: 8,
    nHeads: 6,
    activation: "gelu_new",
    isGated: true,
    outputScale: 1,
  });
});

test("version 5 says by a key of its own whether outputs are scaled", () => {
  const { tie_word_embeddings: _, ...rest } = flanSmall;
  const five = { ...rest, tie_word_embeddings: true, dense_act_fn: "gelu_new" };
  expect(t5Config({ ...five, scale_decoder_outputs: false }).outputScale).toBe(1);
  expect(t5Config({ ...five, scale_decoder_outputs: true }).outputScale).toBe(512 ** -0.5);
});

test.each([
  ["gelu", "gelu", false],
  ["gated-silu", "silu", true],
  ["gated-relu", "relu", true],
])("the feed forward %s is %s", (form, activation, isGated) => {
  expect(t5Config({ feed_forward_proj: form })).toMatchObject({ activation, isGated });
});

test("where the config names no start, it is the padding", () => {
  expect(t5Config({ pad_token_id: 3 }).decoderStart).toBe(3);
  expect(t5Config({ pad_token_id: null }).decoderStart).toBe(0);
});

test("a key that nobody knows is refused", () => {
  expect(() => t5Config({ ...t5Small, sliding_window: 4 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: t5Config: config key "sliding_window" = 4 may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});

test("a decoder alone is refused", () => {
  expect(() =>
    t5Config({ ...t5Small, is_encoder_decoder: false }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: t5Config: config key "is_encoder_decoder" = false is not supported: invalid input: expected true.]`,
  );
});

test("an unknown feed forward is refused", () => {
  expect(() =>
    t5Config({ ...t5Small, feed_forward_proj: "gated-mish" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: t5Config: config key "feed_forward_proj" = "gated-mish" is not supported.]`,
  );
});

test("keys about the feed forward that contradict each other are refused", () => {
  expect(() => t5Config({ ...flanSmall, is_gated_act: false })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: t5Config: config key "feed_forward_proj" = "gated-gelu" contradicts "dense_act_fn" or "is_gated_act".]`,
  );
  expect(() => t5Config({ ...t5Small, dense_act_fn: "silu" })).toThrow(
    '"feed_forward_proj" = "relu" contradicts',
  );
});

test("buckets that leave no room for distances are refused", () => {
  expect(() =>
    t5Config({ ...t5Small, relative_attention_max_distance: 16 }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: t5Config: config key "relative_attention_max_distance" = 16 is not above half of "relative_attention_num_buckets" = 32.]`,
  );
  expect(() => t5Config({ relative_attention_num_buckets: 2 })).toThrow("is not supported");
});
