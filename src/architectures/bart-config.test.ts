import { expect, test } from "vitest";

import { bartConfig } from "./bart-config.ts";

// config.json of facebook/bart-large-cnn, without the prompts of its tasks
const bartLargeCnn = {
  _num_labels: 3,
  activation_dropout: 0.0,
  activation_function: "gelu",
  add_final_layer_norm: false,
  architectures: ["BartForConditionalGeneration"],
  attention_dropout: 0.0,
  bos_token_id: 0,
  classif_dropout: 0.0,
  classifier_dropout: 0.0,
  d_model: 1024,
  decoder_attention_heads: 16,
  decoder_ffn_dim: 4096,
  decoder_layerdrop: 0.0,
  decoder_layers: 12,
  decoder_start_token_id: 2,
  dropout: 0.1,
  early_stopping: true,
  encoder_attention_heads: 16,
  encoder_ffn_dim: 4096,
  encoder_layerdrop: 0.0,
  encoder_layers: 12,
  eos_token_id: 2,
  force_bos_token_to_be_generated: true,
  forced_bos_token_id: 0,
  forced_eos_token_id: 2,
  gradient_checkpointing: false,
  id2label: { "0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2" },
  init_std: 0.02,
  is_encoder_decoder: true,
  label2id: { LABEL_0: 0, LABEL_1: 1, LABEL_2: 2 },
  length_penalty: 2.0,
  max_length: 142,
  max_position_embeddings: 1024,
  min_length: 56,
  model_type: "bart",
  no_repeat_ngram_size: 3,
  normalize_before: false,
  num_beams: 4,
  num_hidden_layers: 12,
  output_past: true,
  pad_token_id: 1,
  prefix: " ",
  scale_embedding: false,
  transformers_version: "4.7.0.dev0",
  use_cache: true,
  vocab_size: 50264,
};

test("the config of the summarising BART is read whole", () => {
  expect(bartConfig(bartLargeCnn)).toEqual({
    nEncoderLayers: 12,
    nDecoderLayers: 12,
    encoder: { nHeads: 16, dHead: 64, dMlp: 4096 },
    decoder: { nHeads: 16, dHead: 64, dMlp: 4096 },
    dModel: 1024,
    dVocab: 50264,
    nCtx: 1024,
    decoderStart: 2,
    epsilon: 1e-5,
    activation: "gelu",
    embedScale: 1,
  });
});

test("the form of version 5 gives the same", () => {
  const { torch_dtype: _, ...five } = { ...bartLargeCnn, torch_dtype: "float32", dtype: "float32" };
  expect(bartConfig({ ...five, tie_word_embeddings: true })).toEqual(bartConfig(bartLargeCnn));
});

test("scaled embeddings are multiplied by the root of the width", () => {
  expect(bartConfig({ d_model: 16, scale_embedding: true }).embedScale).toBe(4);
});

test("the two stacks may differ", () => {
  expect(
    bartConfig({
      d_model: 16,
      encoder_attention_heads: 2,
      decoder_attention_heads: 4,
      decoder_layers: 3,
    }),
  ).toMatchObject({ encoder: { dHead: 8 }, decoder: { dHead: 4 }, nDecoderLayers: 3 });
});

test("a key that nobody knows is refused", () => {
  expect(() => bartConfig({ ...bartLargeCnn, layer_scale: 2 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: bartConfig: config key "layer_scale" = 2 may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});

test("embeddings of their own for source and target are refused", () => {
  expect(() =>
    bartConfig({ ...bartLargeCnn, tie_word_embeddings: false }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: bartConfig: config key "tie_word_embeddings" = false is not supported: invalid input: expected true.]`,
  );
});

test("norms before the modules are refused", () => {
  expect(() =>
    bartConfig({ ...bartLargeCnn, normalize_before: true }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: bartConfig: config key "normalize_before" = true is not supported: invalid input: expected false.]`,
  );
});

test("a decoder alone is refused", () => {
  expect(() => bartConfig({ ...bartLargeCnn, is_encoder_decoder: false })).toThrow(
    '"is_encoder_decoder" = false is not supported',
  );
});

test("heads that do not divide the width are refused", () => {
  expect(() =>
    bartConfig({ d_model: 18, encoder_attention_heads: 4 }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: bartConfig: config key "d_model" = 18 is not a multiple of "encoder_attention_heads" = 4.]`,
  );
});
