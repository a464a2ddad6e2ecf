import { describe, expect, test } from "vitest";

import { imagesOf } from "../../test/golden/images.ts";
import { madePicture } from "../../test/golden/pictures/read.ts";
import { openGolden } from "../../test/golden/read.ts";
import { openVision } from "../checkpoints/open-vision.ts";
import type { Files } from "../core/files.ts";
import { zeros } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";

async function numbers(x: Tensor): Promise<number[]> {
  return Array.from((await x.data()) as Float32Array);
}

/** The folder of a golden with one file more, or with another in its place. */
function withFile(files: Files, path: string, json: unknown): Files {
  const bytes = new TextEncoder().encode(JSON.stringify(json));
  return {
    ...files,
    exists: async (asked) => asked === path || files.exists(asked),
    read: async (asked) => (asked === path ? bytes : files.read(asked)),
  };
}

const vit = await openGolden("vit-classes");
const clip = await openGolden("clip");

describe("a network that tells classes", async () => {
  const net = await openVision(vit.files);
  const [, { given }] = await imagesOf(vit);

  test("its likeliest class is the one with the largest score, and probabilities sum to 1", async () => {
    const images = given as Tensor;
    const scores = await numbers((await net.run(images)).logits);
    const found = await net.classify(images, { count: 3 });
    expect(found).toHaveLength(2);
    for (const [row, classes] of found.entries()) {
      const own = scores.slice(row * 3, row * 3 + 3);
      expect(net.config.labels.indexOf(classes[0]!.label)).toBe(own.indexOf(Math.max(...own)));
      expect(classes.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
    }
  });

  test("only as many classes are returned as were asked for", async () => {
    expect((await net.classify(zeros([1, 3, 16, 16]), { count: 1 }))[0]).toHaveLength(1);
  });

  test("pixels of another size are refused with both sizes", () => {
    expect(() => net.pixels(zeros([1, 3, 16, 24]))).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: vit-classes: the pixels are float32[1, 3, 16, 24], but it takes float32[batch, 3, 16, 16].]`,
    );
  });

  test("pictures are refused where the checkpoint does not say what to do with them", () => {
    expect(() => net.pixels(madePicture(16, 16))).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: vit-classes: the checkpoint does not say how pictures become pixels.
        fix: put its preprocessor_config.json beside the weights, or give pixels as a tensor.]
    `);
  });

  test("texts are refused", async () => {
    await expect(net.run({ images: zeros([1, 3, 16, 16]), texts: "a cat" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: vit-classes: texts were given, but it does not read.
        fix: give the images alone.]
    `);
  });

  test("a site that it lacks is refused with the reason", async () => {
    await expect(net.run(zeros([1, 3, 16, 16]), { capture: "blocks.0.mlp.raw_out" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: vit-classes has no site "blocks.0.mlp.raw_out": it does not scale what the MLP writes: see mlp_out.
        fix: the nearest are "blocks.0.mlp_out", "blocks.0.mlp.post", "blocks.1.mlp_out"; all 37 are listed by \`patchclamp sites\`.]
    `);
  });

  test("names of Hugging Face modules mean its sites", async () => {
    const images = zeros([1, 3, 16, 16]);
    const out = await net.run(images, { capture: ["vit.encoder.layer.1", "classifier"] });
    expect(Object.keys(out.activations)).toEqual(["blocks.1.resid_post", "logits"]);
  });
});

test("pictures of any size are prepared as the checkpoint says", async () => {
  const file = { image_processor_type: "ViTImageProcessor", size: { height: 16, width: 16 } };
  const net = await openVision(withFile(vit.files, "preprocessor_config.json", file));
  expect(net.pixels([madePicture(20, 30), madePicture(16, 16)]).shape).toEqual([2, 3, 16, 16]);
});

test("pictures that the checkpoint brings to another size than its network takes are refused", async () => {
  const file = { image_processor_type: "ViTImageProcessor", size: { height: 16, width: 12 } };
  const net = await openVision(withFile(vit.files, "preprocessor_config.json", file));
  expect(() => net.pixels(madePicture(20, 30))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: vit-classes: the pixels are float32[1, 3, 16, 12], but it takes float32[batch, 3, 16, 16].]`,
  );
});

test("weights that contradict the config are refused when the network is opened", async () => {
  const config = JSON.parse(
    new TextDecoder().decode(await vit.files.read("config.json")),
  ) as object;
  const files = withFile(vit.files, "config.json", { ...config, intermediate_size: 25 });
  await expect(openVision(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadNetwork: "vit.encoder.layer.0.intermediate.dense.weight" in vit-classes has shape [24, 16], but config.json makes it [25, 16].
      fix: use the config.json that belongs to these weights.]
  `);
});

describe("a network that compares images with texts", async () => {
  const net = await openVision(clip.files);
  const [{ given, sites }] = await imagesOf(clip);
  const { images, texts } = given as { images: Tensor; texts: number[][] };

  test("images and texts have the embeddings that they have together", async () => {
    const image = await numbers(await net.embedImages(images));
    const text = await numbers(await net.embedTexts(texts));
    const distance = (a: readonly number[], b: Float32Array): number =>
      Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));
    // as in the parity test
    expect(distance(image, sites.get("image_embeds")!.data)).toBeLessThan(1e-4);
    expect(distance(text, sites.get("text_embeds")!.data)).toBeLessThan(1e-4);
  });

  test("a text is embedded alike alone and beside a longer one", async () => {
    const short = texts[1]!.slice(0, 2);
    const alone = await numbers(await net.embedTexts([short]));
    const beside = await numbers(await net.embedTexts([short, texts[0]!]));
    const error = Math.max(...alone.map((x, i) => Math.abs(x - beside[i]!)));
    // float32 sums in another order
    expect(error).toBeLessThan(1e-5);
  });

  test("with the end of the first files, the token with the largest id stands for the text", async () => {
    const config = JSON.parse(new TextDecoder().decode(await clip.files.read("config.json"))) as {
      text_config: object;
    };
    const text_config = { ...config.text_config, eos_token_id: 2 };
    const first = await openVision(withFile(clip.files, "config.json", { ...config, text_config }));
    const asked = { images, texts: [[5, 60, 28, 3]] };
    const { activations } = await first.run(asked, { capture: ["text.pooler", "text.hidden"] });
    const pooled = await numbers(activations["text.pooler"]!);
    const hidden = await numbers(activations["text.hidden"]!);
    // 60 is the largest, at position 1
    expect(pooled).toEqual(hidden.slice(12, 24));
  });

  test("images without texts are refused", async () => {
    await expect(net.run(images)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: clip: it compares images with texts, and no texts were given.
        fix: give { images, texts }; embedImages takes images alone.]
    `);
  });

  test("a text without its end is refused", async () => {
    await expect(
      net.run({
        images,
        texts: [
          [5, 3],
          [5, 6],
        ],
      }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: clip: text 1 lacks the token 3, whose place stands for the text.
        fix: tokenise it with this network's own tokenizer.]
    `);
  });

  test("an empty list of texts is refused", async () => {
    await expect(net.run({ images, texts: [] })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: clip: the list of texts is empty.]`,
    );
  });

  test("it tells no classes", async () => {
    await expect(net.classify(images)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: classify: clip tells no classes; its output is "logits".]`,
    );
  });

  test("a block beyond the last of its tower is refused with the tower's blocks", async () => {
    await expect(net.run({ images, texts }, { capture: "text.blocks.5.resid_post" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: clip has no site "text.blocks.5.resid_post": its text.blocks are 0..1.
        fix: the nearest are "text.blocks.0.resid_post", "text.blocks.1.resid_post", "text.blocks.0.resid_pre"; all 61 are listed by \`patchclamp sites\`.]
    `);
  });
});
