import { expect, test } from "vitest";

import { memoryFiles } from "../core/files.ts";
import { pictureForm, readPictureForm } from "./picture-form.ts";

const imageNet = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] };

test("the first ViT file: one number is both sides", () => {
  const form = pictureForm({
    do_normalize: true,
    do_resize: true,
    feature_extractor_type: "ViTFeatureExtractor",
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
    resample: 2,
    size: 224,
  });
  expect(form).toEqual({
    resize: { to: { height: 224, width: 224 }, filter: "bilinear" },
    scale: 1 / 255,
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
  });
});

test("the first CLIP file: one number is the shorter side, and of the crop both", () => {
  const form = pictureForm({
    crop_size: 224,
    do_center_crop: true,
    do_normalize: true,
    do_resize: true,
    feature_extractor_type: "CLIPFeatureExtractor",
    resample: 3,
    size: 224,
  });
  expect(form.resize).toEqual({ to: 224, filter: "bicubic" });
  expect(form.crop).toEqual({ height: 224, width: 224 });
  expect(form.mean[0]).toBe(0.48145466);
});

test("DINOv2's file: the crop is smaller than the shorter side", () => {
  const form = pictureForm({
    crop_size: { height: 224, width: 224 },
    do_center_crop: true,
    do_convert_rgb: true,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_processor_type: "BitImageProcessor",
    ...imageNet,
    resample: 3,
    rescale_factor: 0.00392156862745098,
    size: { shortest_edge: 256 },
  });
  expect(form.resize?.to).toBe(256);
  expect(form.crop).toEqual({ height: 224, width: 224 });
  expect(form.mean).toEqual(imageNet.image_mean);
});

test("ResNet's file: small pictures are cut out of larger ones, large ones are not", () => {
  const json = {
    crop_pct: 0.875,
    do_normalize: true,
    do_resize: true,
    feature_extractor_type: "ConvNextFeatureExtractor",
    ...imageNet,
    resample: 3,
    size: 224,
  };
  expect(pictureForm(json).resize?.to).toBe(256);
  expect(pictureForm(json).crop).toEqual({ height: 224, width: 224 });
  const large = pictureForm({ ...json, size: { shortest_edge: 384 } });
  expect(large.resize?.to).toEqual({ height: 384, width: 384 });
  expect(large.crop).toBeUndefined();
});

test("a checkpoint without the file says nothing about pictures", async () => {
  expect(await readPictureForm("loadVision", memoryFiles())).toBeUndefined();
});

test("transformers 5 keeps it in the file of all processors", async () => {
  const image_processor = {
    image_processor_type: "CLIPImageProcessorFast",
    size: { shortest_edge: 336 },
  };
  const file = JSON.stringify({
    image_processor,
    patch_size: 14,
    processor_class: "LlavaProcessor",
  });
  const form = await readPictureForm("test", memoryFiles({ "processor_config.json": file }));
  expect(form?.resize?.to).toBe(336);
});

test("a processor that is not computed is refused with those that are", () => {
  expect(() => pictureForm({ image_processor_type: "DetrImageProcessor" }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: pictureForm: preprocessor_config.json asks for the image processor "DetrImageProcessor", which is not computed here.
      fix: those of ViT, DeiT, CLIP, Bit, ConvNext are; or give pixels as a tensor, without this file.]
  `);
});

test("a filter that is not computed is refused", () => {
  expect(() =>
    pictureForm({ image_processor_type: "ViTImageProcessor", resample: 1 }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: pictureForm: config key "resample" = 1 is not supported: invalid input.]`,
  );
});

test("a step that nobody knows is refused", () => {
  expect(() => pictureForm({ image_processor_type: "ViTImageProcessor", do_reduce_labels: true }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: pictureForm: config key "do_reduce_labels" = true may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});
