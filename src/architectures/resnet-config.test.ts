import { expect, test } from "vitest";

import { resnetConfig } from "./resnet-config.ts";

const published = {
  architectures: ["ResNetForImageClassification"],
  depths: [3, 4, 6, 3],
  downsample_in_first_stage: false,
  embedding_size: 64,
  hidden_act: "relu",
  hidden_sizes: [256, 512, 1024, 2048],
  id2label: { "0": "tench", "1": "goldfish" },
  label2id: { tench: 0, goldfish: 1 },
  layer_type: "bottleneck",
  model_type: "resnet",
  num_channels: 3,
  torch_dtype: "float32",
  transformers_version: "4.18.0.dev0",
};

test("the published ResNet-50 is read: its middle convolutions halve images", () => {
  const { stages, stem, dPool } = resnetConfig(published);
  expect(stages.map((blocks) => blocks.length)).toEqual([3, 4, 6, 3]);
  expect(stem).toEqual({ from: 3, to: 64, kernel: 7, stride: 2 });
  expect(dPool).toBe(2048);
  expect(stages[1]![0]).toEqual({
    convs: [
      { from: 256, to: 128, kernel: 1, stride: 1 },
      { from: 128, to: 128, kernel: 3, stride: 2 },
      { from: 128, to: 512, kernel: 1, stride: 1 },
    ],
    shortcut: { from: 256, to: 512, kernel: 1, stride: 2 },
  });
  expect(stages[1]![1]!.shortcut).toBeUndefined();
});

test("the published ResNet-18 has two convolutions a block, and no shortcut where nothing changes", () => {
  const sizes = { depths: [2, 2, 2, 2], hidden_sizes: [64, 128, 256, 512], layer_type: "basic" };
  const { stages } = resnetConfig({ ...published, ...sizes });
  expect(stages[0]![0]!.convs.map(({ kernel }) => kernel)).toEqual([3, 3]);
  expect(stages[0]![0]!.shortcut).toBeUndefined();
  expect(stages[1]![0]!.shortcut).toEqual({ from: 64, to: 128, kernel: 1, stride: 2 });
});

test("widths and depths of different lengths are refused", () => {
  expect(() =>
    resnetConfig({ ...published, depths: [3, 4, 6] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: resnetConfig: config key "hidden_sizes" lists 4 stages, but "depths" 3.]`,
  );
});

test("a kind of block that nobody knows is refused", () => {
  expect(() =>
    resnetConfig({ ...published, layer_type: "preact" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: resnetConfig: config key "layer_type" = "preact" is not supported: invalid option: expected one of "basic"|"bottleneck".]`,
  );
});

test("an unknown key is refused", () => {
  expect(() => resnetConfig({ ...published, width_factor: 2 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: resnetConfig: config key "width_factor" = 2 may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});
