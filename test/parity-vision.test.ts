// Networks that look at images against transformers: the goldens are made by test/golden/make.py.

import { describe, expect, test } from "vitest";

import { openVision } from "../src/checkpoints/open-vision.ts";
import { hasTexts } from "../src/network/vision-input.ts";
import type { ImageInput } from "../src/network/vision-input.ts";
import type { VisionNetwork } from "../src/network/vision.ts";
import { gradients, randn, Tensor } from "../src/runtime/index.ts";
import { imagesOf } from "./golden/images.ts";
import { values, wrongSites } from "./golden/compare.ts";
import { difference, goldensOf, openGolden } from "./golden/read.ts";

describe.each(await goldensOf("vision"))("%s", async (name) => {
  const golden = await openGolden(name);
  const net = await openVision(golden.files);
  const batches = await imagesOf(golden);

  test.each([0, 1] as const)(
    "in batch %i every recorded site equals that of transformers",
    async (i) => {
      const { given, sites } = batches[i];
      const out = await net.run(given, { capture: [...sites.keys()] });
      expect(await wrongSites(out, sites)).toEqual([]);
    },
  );

  test("its sites are those of the golden, and each says what it is", () => {
    const own = net.sites();
    expect(own.map((site) => site.name).toSorted()).toEqual(
      [...batches[0].sites.keys()].toSorted(),
    );
    expect(own.filter(({ meaning }) => meaning === "")).toEqual([]);
    expect(own.filter(({ axes, shape }) => axes.length !== shape.length)).toEqual([]);
  });

  test("going on from the recorded values gives the same output", async () => {
    const { given } = batches[0];
    const watched = net.trace(given, { watch: "**" }).at(net.output);
    const { maxAbs } = difference(
      net.output,
      await values(watched),
      await values((await net.run(given)).at(net.output)),
    );
    // float32, and sums in another order where a fused kernel is taken apart
    expect(maxAbs).toBeLessThan(1e-5);
  });

  test("a gradient at a block's output is what small steps there make of the output", async () => {
    const { given } = batches[0];
    const site = net.sites().find((own) => own.name.endsWith(".resid_post"))!.name;
    expect(await slopeError(net, given, site)).toBeLessThan(2e-2);
  });
});

/**
 * How far the slope of one number of the output is from central differences along a random direction at a site, over its size.
 *
 * Steps of 0.03 leave a third-order error of about 1e-3, and float32 sums of order 1 about 1e-5 / 0.03.
 */
async function slopeError(net: VisionNetwork, given: ImageInput, site: string): Promise<number> {
  const step = 0.03;
  const number = (output: Tensor): Tensor => output.reshape([-1]).slice({ axis: 0, end: 1 }).sum();
  const { grads } = await net.grad(given, { of: (pass) => number(pass.at(net.output)), at: site });
  const gradient = grads[site]!;
  const direction = gradient.div(gradient.square().sum().sqrt());
  const moved = async (size: number): Promise<number> => {
    const edit = { [site]: (x: Tensor) => x.add(direction.mul(size)) };
    return number((await net.run(given, { edit })).at(net.output)).item();
  };
  const measured = ((await moved(step)) - (await moved(-step))) / (2 * step);
  const slope = await gradient.mul(direction).sum().item();
  return Math.abs(measured - slope) / Math.abs(slope);
}

test("the gradient of a class at the pixels is what small steps there make of its score", async () => {
  const golden = await openGolden("vit-classes");
  const net = await openVision(golden.files);
  const { given } = (await imagesOf(golden))[0];
  if (hasTexts(given) || !(given instanceof Tensor)) throw new Error("pixels were expected");
  const score = (pixels: Tensor): Tensor =>
    net.trace(pixels).logits.slice({ axis: 1, start: 1, end: 2 }).sum();

  const [gradient] = gradients(score(given), [given]);
  const direction = randn(given.shape, { seed: 4 });
  const step = 0.003;
  const plus = await score(given.add(direction.mul(step))).item();
  const minus = await score(given.sub(direction.mul(step))).item();
  const slope = await gradient!.mul(direction).sum().item();
  // the rest is of third order in the step, and float32 over 2 * step
  expect(Math.abs((plus - minus) / (2 * step) - slope)).toBeLessThan(0.01 * Math.abs(slope) + 2e-3);
});
