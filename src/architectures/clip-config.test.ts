import { expect, test } from "vitest";

import { clipConfig, clipVisionConfig } from "./clip-config.ts";

/** What transformers 4.16 wrote into every part of a config. */
const everywhere = {
  _name_or_path: "",
  add_cross_attention: false,
  architectures: null,
  bad_words_ids: null,
  chunk_size_feed_forward: 0,
  cross_attention_hidden_size: null,
  decoder_start_token_id: null,
  diversity_penalty: 0,
  do_sample: false,
  early_stopping: false,
  encoder_no_repeat_ngram_size: 0,
  finetuning_task: null,
  id2label: { "0": "LABEL_0", "1": "LABEL_1" },
  initializer_factor: 1,
  initializer_range: 0.02,
  is_decoder: false,
  is_encoder_decoder: false,
  length_penalty: 1,
  pruned_heads: {},
  torchscript: false,
  transformers_version: "4.16.0.dev0",
  use_bfloat16: false,
};

const published = {
  architectures: ["CLIPModel"],
  initializer_factor: 1,
  logit_scale_init_value: 2.6592,
  model_type: "clip",
  projection_dim: 512,
  text_config: {
    ...everywhere,
    attention_dropout: 0,
    bos_token_id: 0,
    dropout: 0,
    eos_token_id: 2,
    hidden_act: "quick_gelu",
    hidden_size: 512,
    intermediate_size: 2048,
    layer_norm_eps: 1e-5,
    max_position_embeddings: 77,
    model_type: "clip_text_model",
    num_attention_heads: 8,
    num_hidden_layers: 12,
    pad_token_id: 1,
    vocab_size: 49408,
  },
  text_config_dict: null,
  transformers_version: null,
  vision_config: {
    ...everywhere,
    attention_dropout: 0,
    dropout: 0,
    hidden_act: "quick_gelu",
    hidden_size: 768,
    image_size: 224,
    intermediate_size: 3072,
    layer_norm_eps: 1e-5,
    model_type: "clip_vision_model",
    num_attention_heads: 12,
    num_hidden_layers: 12,
    patch_size: 32,
  },
  vision_config_dict: null,
};

test("the published CLIP ViT-B/32 is read", () => {
  const config = clipConfig(published);
  expect(config.text).toMatchObject({ dModel: 512, nHeads: 8, activation: "quick_gelu" });
  expect(config.vision).toMatchObject({ dModel: 768, nHeads: 12, channels: 3 });
  expect(config.dEmbed).toBe(512);
});

test("an end of 2 was a mistake of the first files: the token with the largest id ends a text", () => {
  expect(clipConfig(published).reads).toEqual({ dVocab: 49408, nCtx: 77, end: undefined });
});

test("any other end is the one that ends texts", () => {
  const text_config = { ...published.text_config, eos_token_id: 49407 };
  expect(clipConfig({ ...published, text_config }).reads?.end).toBe(49407);
});

test("what is said a second time counts, as in the published CLIP ViT-L/14", () => {
  const json = {
    ...published,
    text_config_dict: { hidden_size: 768, num_attention_heads: 12, projection_dim: 768 },
    vision_config_dict: { hidden_size: 1024, num_attention_heads: 16, patch_size: 14 },
  };
  const { text, vision, reads } = clipConfig(json);
  expect(text).toMatchObject({ dModel: 768, nHeads: 12, dMlp: 2048 });
  expect(vision.patch).toEqual({ height: 14, width: 14 });
  // the default of transformers, as this one does not say it
  expect(reads?.end).toBe(49407);
});

test("the tower for images by itself leads to the space shared with texts only where it projects", () => {
  const vision = { ...published.vision_config, projection_dim: 640 };
  const alone = clipVisionConfig({ ...vision, architectures: ["CLIPVisionModel"] });
  expect(alone).toMatchObject({ output: "pooler", dEmbed: undefined });
  const projected = clipVisionConfig({
    ...vision,
    architectures: ["CLIPVisionModelWithProjection"],
  });
  expect(projected).toMatchObject({ output: "image_embeds", dEmbed: 640 });
});

test("an unknown key of a tower is refused", () => {
  const text_config = { ...published.text_config, use_pooling: "last" };
  expect(() => clipConfig({ ...published, text_config })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: clipConfig: config key "use_pooling" = "last" may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});

test("an end that is not in the vocabulary is refused", () => {
  const text_config = { ...published.text_config, eos_token_id: 49408 };
  expect(() => clipConfig({ ...published, text_config })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: clipConfig: config key "eos_token_id" = 49408 is not in the vocabulary of 49408, so no text could end.]`,
  );
});
