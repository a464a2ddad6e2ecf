import { expect, test } from "vitest";

import { imagesOf } from "../../test/golden/images.ts";
import { openGolden } from "../../test/golden/read.ts";
import { renamed } from "../../test/golden/renamed.ts";
import { openVision } from "../checkpoints/open-vision.ts";
import { ones } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";

async function numbers(x: Tensor): Promise<number[]> {
  return Array.from((await x.data()) as Float32Array);
}

test("a ViT without pooler opens, and says so where the pooler is asked for", async () => {
  const golden = await openGolden("vit");
  const isPooler = (name: string): boolean => name.startsWith("pooler.");
  const files = await renamed(golden.files, (name) => (isPooler(name) ? undefined : name));
  const net = await openVision(files);
  const [{ images, sites }] = await imagesOf(golden);
  const hidden = await numbers((await net.run(images)).at("hidden"));
  const want = sites.get("hidden")!.data;
  // as in the parity test
  expect(Math.max(...hidden.map((x, i) => Math.abs(x - want[i]!)))).toBeLessThan(1e-4);
  await expect(net.run(images, { capture: "pooler" })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: vit has no site "pooler": the checkpoint has no pooler, or its classifier reads the class token itself.
      fix: the nearest are "hidden", "pos_embed", "patch_embed"; all 36 are listed by \`patchclamp sites\`.]
  `);
});

test("DINOv2's trained position embeddings are used as they are for images of the trained size", async () => {
  const net = await openVision((await openGolden("dinov2")).files);
  const { image, channels } = net.config;
  const trained = ones([1, channels, image.height, image.width]);
  const { activations } = await net.run(trained, { capture: "pos_embed" });
  const { posEmbed } = net.params as { posEmbed: Tensor };
  expect(await numbers(activations["pos_embed"]!)).toEqual(await numbers(posEmbed));
});

test("what is left over at the right and the bottom of an image is not seen", async () => {
  const net = await openVision((await openGolden("dinov2")).files);
  const image = ones([1, 3, 17, 23]);
  const changed = image.slice({ axis: 2, end: 16 }).concatWith([ones([1, 3, 1, 23]).mul(5)], 2);
  const capture = "patch_embed";
  const seen = (await net.run(image, { capture })).at(capture);
  expect(seen.shape).toEqual([1, 4, 16]);
  expect(await numbers((await net.run(changed, { capture })).at(capture))).toEqual(
    await numbers(seen),
  );
});

test("an edit before the layer scale reaches the stream scaled", async () => {
  const net = await openVision((await openGolden("dinov2")).files);
  const image = ones([1, 3, 8, 8]);
  const capture = ["blocks.0.attn.raw_out", "blocks.0.attn_out"];
  const edit = { "blocks.0.attn.raw_out": (x: Tensor) => x.mul(0).add(2) };
  const { activations } = await net.run(image, { capture, edit });
  const { blocks } = net.params as { blocks: { scales: { attn: Tensor } }[] };
  const gains = await numbers(blocks[0]!.scales.attn);
  const [, written] = capture.map((site) => activations[site]!);
  const first = (await numbers(written!)).slice(0, gains.length);
  expect(first).toEqual(gains.map((gain) => Math.fround(2 * gain)));
});

test("images smaller than a patch are refused", async () => {
  const net = await openVision((await openGolden("dinov2")).files);
  expect(() => net.pixels(ones([1, 3, 7, 8]))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: dinov2: the pixels are float32[1, 3, 7, 8], but it takes float32[batch, 3, height from 8, width from 8].]`,
  );
});
