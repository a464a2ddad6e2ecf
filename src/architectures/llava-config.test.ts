import { expect, test } from "vitest";

import { llavaConfig } from "./llava-config.ts";

const published = {
  architectures: ["LlavaForConditionalGeneration"],
  ignore_index: -100,
  image_token_index: 32000,
  model_type: "llava",
  pad_token_id: 32001,
  projector_hidden_act: "gelu",
  text_config: {
    _name_or_path: "lmsys/vicuna-7b-v1.5",
    architectures: ["LlamaForCausalLM"],
    max_position_embeddings: 4096,
    model_type: "llama",
    rms_norm_eps: 1e-5,
    torch_dtype: "float16",
    vocab_size: 32064,
  },
  tie_word_embeddings: false,
  torch_dtype: "float16",
  transformers_version: "4.36.0.dev0",
  vision_config: {
    hidden_size: 1024,
    image_size: 336,
    intermediate_size: 4096,
    model_type: "clip_vision_model",
    num_attention_heads: 16,
    num_hidden_layers: 24,
    patch_size: 14,
    projection_dim: 768,
    vocab_size: 32000,
  },
  vision_feature_layer: -2,
  vision_feature_select_strategy: "default",
  vocab_size: 32064,
};

test("the published LLaVA 1.5 7B is read: an image takes 576 places, and the last block is not read", () => {
  const config = llavaConfig(published);
  expect(config).toMatchObject({ imageToken: 32000, imageLength: 576, nLayers: 32, nCtx: 4096 });
  expect(config.readAfter).toEqual([23]);
  expect(config.vision).toMatchObject({ nLayers: 24, activation: "quick_gelu" });
  expect(config.text.dVocab).toBe(32064);
});

test("with the class token an image takes one place more", () => {
  const json = { ...published, vision_feature_select_strategy: "full" };
  expect(llavaConfig(json)).toMatchObject({ imageLength: 577, readsClass: true });
});

test("several layers may be read, counted from either end", () => {
  const json = { ...published, vision_feature_layer: [-1, 0, 12] };
  expect(llavaConfig(json).readAfter).toEqual([24, 0, 12]);
});

test("transformers 5 writes what an image takes, which follows from its patches", () => {
  const json = { ...published, image_seq_length: 576, multimodal_projector_bias: true };
  expect(llavaConfig(json).imageLength).toBe(576);
});

test("a layer that the tower lacks is refused", () => {
  expect(() =>
    llavaConfig({ ...published, vision_feature_layer: 25 }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: llavaConfig: config key "vision_feature_layer" = 25 asks for a layer beyond the 24 of the tower for images.]`,
  );
});

test("another tower than CLIP's is refused", () => {
  const vision_config = { ...published.vision_config, model_type: "siglip_vision_model" };
  expect(() => llavaConfig({ ...published, vision_config })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: llavaConfig: config key "vision_config" has the model_type "siglip_vision_model", which is not computed in a LLaVA.
      fix: what is: clip_vision_model.]
  `);
});

test("another language network than Llama and its likes is refused", () => {
  const text_config = { ...published.text_config, model_type: "gemma" };
  expect(() => llavaConfig({ ...published, text_config })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: llavaConfig: config key "text_config" has the model_type "gemma", which is not computed in a LLaVA.
      fix: what is: llama, mistral, qwen2.]
  `);
});

test("an unknown key is refused", () => {
  expect(() => llavaConfig({ ...published, image_grid_pinpoints: [[336, 672]] }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: llavaConfig: config key "image_grid_pinpoints" = [[336,672]] may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});
