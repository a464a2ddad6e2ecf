import { expect, test } from "vitest";

import { convNextConfig } from "./convnext-config.ts";

const published = {
  architectures: ["ConvNextForImageClassification"],
  depths: [3, 3, 9, 3],
  drop_path_rate: 0,
  hidden_act: "gelu",
  hidden_sizes: [96, 192, 384, 768],
  id2label: { "0": "tench", "1": "goldfish" },
  image_size: 224,
  initializer_range: 0.02,
  label2id: { tench: 0, goldfish: 1 },
  layer_norm_eps: 1e-12,
  layer_scale_init_value: 1e-6,
  model_type: "convnext",
  num_channels: 3,
  num_stages: 4,
  patch_size: 4,
  torch_dtype: "float32",
  transformers_version: "4.17.0.dev0",
};

test("the published ConvNeXt-T is read, and takes images that its four stages can halve", () => {
  const config = convNextConfig(published);
  expect(config.stages[2]).toEqual({ channels: 384, depth: 9 });
  expect(config.smallest).toEqual({ height: 32, width: 32 });
  expect(config).toMatchObject({ hasScale: true, epsilon: 1e-12, output: "logits" });
});

test("a scale that begins with 0 is none", () => {
  expect(convNextConfig({ ...published, layer_scale_init_value: 0 }).hasScale).toBe(false);
});

test("a number of stages other than the widths is refused", () => {
  expect(() => convNextConfig({ ...published, num_stages: 3 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: convNextConfig: config key "depths" lists 4 stages, but "num_stages" is 3.]`,
  );
});

test("an unknown key is refused", () => {
  expect(() => convNextConfig({ ...published, use_grn: true })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: convNextConfig: config key "use_grn" = true may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});
