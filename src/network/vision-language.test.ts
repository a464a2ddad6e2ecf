import { describe, expect, test } from "vitest";

import { imagesOf } from "../../test/golden/images.ts";
import { openGolden } from "../../test/golden/read.ts";
import { openVisionLanguage } from "../checkpoints/open-vision-language.ts";
import { tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { VisionLanguageInput } from "./vision-language-input.ts";

const golden = await openGolden("llava");
const net = await openVisionLanguage(golden.files, { check: false });
const [{ images }] = await imagesOf(golden);
const [prompt] = (await golden.rows("0/input_ids")) as [number[]];
const { imageToken } = net.config;

async function numbers(x: Tensor): Promise<number[]> {
  return Array.from((await x.data()) as Float32Array);
}

test("an image token that stands alone becomes as many as an image takes", () => {
  const short = [2, 60, imageToken, 28];
  expect(net.tokens({ prompt: short, images }).ids).toEqual([prompt]);
});

test("without images it reads text as its language network does", async () => {
  const text = [2, 60, 28, 71];
  const own = await numbers((await net.run(text)).logits);
  const image = await numbers((await net.run({ prompt: [...text, imageToken], images })).logits);
  // an image at the end is not seen by the tokens before it
  const error = Math.max(...own.map((x, i) => Math.abs(x - image[i]!)));
  // float32 sums in another order
  expect(error).toBeLessThan(1e-5);
});

test("an edit of what was seen changes the text, and that of another patch changes it otherwise", async () => {
  const zeroed = (patch: number) => (x: Tensor) =>
    x
      .mul(0)
      .slice({ axis: 1, end: patch })
      .concatWith([x.slice({ axis: 1, start: patch })], 1);
  const scores = await Promise.all(
    [0, 2, 4].map(async (patch) => {
      const edit = { image_features: zeroed(patch) };
      return numbers((await net.run({ prompt, images }, { edit })).logits);
    }),
  );
  expect(scores[0]).toEqual(await numbers((await net.run({ prompt, images })).logits));
  expect(scores[1]).not.toEqual(scores[0]);
  expect(scores[2]).not.toEqual(scores[1]);
});

test("while generating, what is seen comes with the first token only", async () => {
  const options = { maxTokens: 2, stop: [], capture: ["image_features", "blocks.0.resid_pre"] };
  const seen: string[][] = [];
  for await (const { activations } of net.generate({ prompt, images }, options))
    seen.push(Object.keys(activations));
  expect(seen).toEqual([["image_features", "blocks.0.resid_pre"], ["blocks.0.resid_pre"]]);
});

test("several continuations are those of the prompt and its images given several times", async () => {
  const written = async (given: VisionLanguageInput, count: number): Promise<string[]> =>
    net.complete(given, { maxTokens: 6, stop: [], temperature: 1.5, count });
  const { data, shape } = {
    data: await numbers(net.pixels(images)),
    shape: net.pixels(images).shape,
  };
  const twice = tensor([...data, ...data]).reshape([2, ...shape.slice(1)]);
  const separate = await written({ prompt: [prompt, prompt], images: twice }, 1);
  expect(await written({ prompt, images }, 2)).toEqual(separate);
  expect(separate[0]).not.toBe(separate[1]);
});

describe("what it refuses", () => {
  test("as many image tokens as neither images nor their places", async () => {
    await expect(net.run({ prompt: [imageToken, imageToken, 5], images })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: llava: the prompt has 2 image tokens (id 100), but 1 image came with it.
        fix: write one for every image, or 4.]
    `);
  });

  test("an image token without an image", async () => {
    await expect(net.run([imageToken, 5])).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: llava: the prompt has 1 image token (id 100), but 0 images came with it.
        fix: write one for every image, or 4.]
    `);
  });

  test("a site of the tower for images without an image", async () => {
    await expect(net.run([5, 6], { capture: "vision.blocks.0.resid_post" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: llava: this input does not lead through "vision.blocks.0.resid_post", so there is nothing to record or change.
        fix: give what the site speaks of, such as an image, or leave the site out.]
    `);
  });

  test("an edit that no value meets", async () => {
    await expect(net.run([5, 6], { edit: { image_features: (x) => x.mul(2) } })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: llava: this input does not lead through "image_features", so there is nothing to record or change.
        fix: give what the site speaks of, such as an image, or leave the site out.]
    `);
  });

  test("a block of the tower that is not read", async () => {
    await expect(net.run({ prompt, images }, { capture: "vision.blocks.2.resid_post" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: llava has no site "vision.blocks.2.resid_post": its vision.blocks are 0..1.
        fix: the nearest are "vision.blocks.0.resid_post", "vision.blocks.1.resid_post", "vision.blocks.0.resid_pre"; all 80 are listed by \`patchclamp sites\`.]
    `);
  });
});
