import { expect, test } from "vitest";

import { dinov2Config, dinov2RegistersConfig, vitConfig } from "./vit-config.ts";

const vitBase = {
  architectures: ["ViTForImageClassification"],
  attention_probs_dropout_prob: 0,
  hidden_act: "gelu",
  hidden_dropout_prob: 0,
  hidden_size: 768,
  id2label: { "10": "brambling", "2": "great white shark" },
  image_size: 224,
  initializer_range: 0.02,
  intermediate_size: 3072,
  label2id: { brambling: 10, "great white shark": 2 },
  layer_norm_eps: 1e-12,
  model_type: "vit",
  num_attention_heads: 12,
  num_channels: 3,
  num_hidden_layers: 12,
  patch_size: 16,
  qkv_bias: true,
  transformers_version: "4.13.0.dev0",
};

const dinov2Base = {
  apply_layernorm: true,
  architectures: ["Dinov2Model"],
  attention_probs_dropout_prob: 0,
  drop_path_rate: 0,
  hidden_act: "gelu",
  hidden_dropout_prob: 0,
  hidden_size: 768,
  image_size: 518,
  initializer_range: 0.02,
  layer_norm_eps: 1e-6,
  layerscale_value: 1,
  mlp_ratio: 4,
  model_type: "dinov2",
  num_attention_heads: 12,
  num_channels: 3,
  num_hidden_layers: 12,
  out_features: ["stage12"],
  out_indices: [12],
  patch_size: 14,
  qkv_bias: true,
  reshape_hidden_states: true,
  stage_names: ["stem", "stage1"],
  torch_dtype: "float32",
  transformers_version: "4.32.0.dev0",
  use_swiglu_ffn: false,
};

test("the published ViT-B/16 is read, its classes in the order of their numbers", () => {
  const config = vitConfig(vitBase);
  expect(config).toMatchObject({ nLayers: 12, dHead: 64, dMlp: 3072, epsilon: 1e-12, channels: 3 });
  expect(config.image).toEqual({ height: 224, width: 224 });
  expect(config.labels).toEqual(["great white shark", "brambling"]);
  expect(config.output).toBe("logits");
});

test("an architecture without classifier tells no classes", () => {
  const config = vitConfig({ ...vitBase, architectures: ["ViTModel"] });
  expect(config.labels).toEqual([]);
  expect(config.output).toBe("hidden");
  expect(config.pooler).toEqual({ size: 768, activation: "tanh" });
});

test("sides of images and patches may differ", () => {
  const config = vitConfig({ ...vitBase, image_size: [384, 128], patch_size: [16, 8] });
  expect(config.image).toEqual({ height: 384, width: 128 });
  expect(config.patch).toEqual({ height: 16, width: 8 });
});

test("the published DINOv2-B takes images of any size from one patch", () => {
  const config = dinov2Config(dinov2Base);
  expect(config).toMatchObject({ dMlp: 3072, isGated: false, nRegisters: 0, antialiases: false });
  expect(config.smallest).toEqual({ height: 14, width: 14 });
});

test("gates take a third of DINOv2's hidden units, as in the published giant", () => {
  const giant = { hidden_size: 1536, num_attention_heads: 24, use_swiglu_ffn: true };
  expect(dinov2Config({ ...dinov2Base, ...giant })).toMatchObject({
    dMlp: 4096,
    activation: "silu",
  });
});

test("DINOv2 with registers has four, and stretches positions with care for aliasing", () => {
  const config = dinov2RegistersConfig({ ...dinov2Base, interpolate_antialias: true });
  expect(config).toMatchObject({ nRegisters: 4, antialiases: true });
});

test("an unknown key is refused", () => {
  expect(() => vitConfig({ ...vitBase, use_rope: true })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: vitConfig: config key "use_rope" = true may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});

test("DINOv2 whose trained images are no squares is refused", () => {
  expect(() =>
    dinov2Config({ ...dinov2Base, image_size: [518, 224] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: dinov2Config: config key "image_size" = [518,224] is not supported: invalid input: expected number, received array.]`,
  );
});

test("heads that do not divide the width are refused", () => {
  expect(() =>
    vitConfig({ ...vitBase, num_attention_heads: 7 }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: vitConfig: config key "hidden_size" = 768 is not a multiple of "num_attention_heads" = 7.]`,
  );
});
