import { expect, test } from "vitest";

import { imagesOf } from "../../test/golden/images.ts";
import { openGolden } from "../../test/golden/read.ts";
import { renamed } from "../../test/golden/renamed.ts";
import { openVision } from "../checkpoints/open-vision.ts";
import type { Tensor } from "../runtime/index.ts";

async function numbers(x: Tensor): Promise<number[]> {
  return Array.from((await x.data()) as Float32Array);
}

test("the tower for images opens under the names of transformers 4 too", async () => {
  const golden = await openGolden("clip-vision");
  const [{ images }] = await imagesOf(golden);
  const now = await openVision(golden.files);
  const then = await openVision(await renamed(golden.files, (name) => `vision_model.${name}`));
  expect(await numbers((await then.run(images)).at("pooler"))).toEqual(
    await numbers((await now.run(images)).at("pooler")),
  );
});

test("longer embeddings change no score: only their directions are compared", async () => {
  const golden = await openGolden("clip");
  const net = await openVision(golden.files);
  const [{ given }] = await imagesOf(golden);
  const plain = await numbers((await net.run(given)).logits);
  const edit = { image_embeds: (x: Tensor) => x.mul(3), text_embeds: (x: Tensor) => x.mul(0.5) };
  const scaled = await numbers((await net.run(given, { edit })).logits);
  // float32 divisions of scores of order 10
  expect(Math.max(...plain.map((x, i) => Math.abs(x - scaled[i]!)))).toBeLessThan(1e-5);
});

test("an edit in the tower for texts leaves what was seen as it is", async () => {
  const golden = await openGolden("clip");
  const net = await openVision(golden.files);
  const [{ given, sites }] = await imagesOf(golden);
  const edit = { "text.blocks.0.resid_post": (x: Tensor) => x.mul(0) };
  const { activations } = await net.run(given, { capture: ["image_embeds", "logits"], edit });
  const seen = await numbers(activations["image_embeds"]!);
  const want = sites.get("image_embeds")!.data;
  expect(Math.max(...seen.map((x, i) => Math.abs(x - want[i]!)))).toBeLessThan(1e-4);
  expect(await numbers(activations["logits"]!)).not.toEqual(Array.from(sites.get("logits")!.data));
});
