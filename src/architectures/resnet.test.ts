import { expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import { openVision } from "../checkpoints/open-vision.ts";
import { randn, zeros } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";

async function numbers(x: Tensor): Promise<number[]> {
  return Array.from((await x.data()) as Float32Array);
}

const net = await openVision((await openGolden("resnet")).files);

test("a block whose convolutions write nothing passes its stream on", async () => {
  const block = "stages.0.blocks.1";
  const capture = [`${block}.resid_pre`, `${block}.resid_post`];
  const edit = { [`${block}.conv_out`]: (x: Tensor) => x.mul(0) };
  const { activations } = await net.run(randn([1, 3, 20, 20], { seed: 1 }), { capture, edit });
  const [before, after] = capture.map((site) => activations[site]!);
  // no stream is negative, so that the activation function leaves it
  expect(await numbers(after!)).toEqual(await numbers(before!));
});

test("images of one batch do not see each other", async () => {
  const images = randn([2, 3, 20, 20], { seed: 2 });
  const both = await numbers((await net.run(images)).at("pool"));
  const second = images.slice({ axis: 0, start: 1 });
  const alone = await numbers((await net.run(second)).at("pool"));
  const error = Math.max(...alone.map((x, i) => Math.abs(x - both[alone.length + i]!)));
  // float32 sums in another order
  expect(error).toBeLessThan(1e-5);
});

test("a block beyond its stage's last is refused with the nearest names", async () => {
  await expect(net.run(zeros([1, 3, 20, 20]), { capture: "stages.1.blocks.3.conv_out" })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: resnet has no site "stages.1.blocks.3.conv_out": its stages.1.blocks are 0..0.
      fix: the nearest are "stages.1.blocks.0.conv_out", "stages.0.blocks.0.conv_out", "stages.0.blocks.1.conv_out"; all 29 are listed by \`patchclamp sites\`.]
  `);
});

test("attention is refused with the reason", async () => {
  await expect(net.run(zeros([1, 3, 20, 20]), { capture: "blocks.0.attn.pattern" })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: resnet has no site "blocks.0.attn.pattern": it has no attention.
      fix: the nearest are "stem.post", "stem.pre", "stem"; all 29 are listed by \`patchclamp sites\`.]
  `);
});
