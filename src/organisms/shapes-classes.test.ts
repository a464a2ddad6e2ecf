import { expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import type { VisionNetwork } from "../network/vision.ts";
import type { Organism } from "./organism.ts";
import { labelledPictures } from "./shapes-classes.ts";
import { shapesCnn } from "./shapes-cnn.ts";
import { shapesVit } from "./shapes-vit.ts";
import { trainOrganism } from "./train.ts";

const tiny: Record<string, Organism<VisionNetwork>> = {
  cnn: {
    ...shapesCnn,
    config: { ...shapesCnn.config, patch_size: 4, hidden_sizes: [8, 8, 16], depths: [1, 1, 1] },
    recipe: { ...shapesCnn.recipe, learningRate: 0.01 },
  },
  vit: {
    ...shapesVit,
    config: { ...shapesVit.config, num_hidden_layers: 1 },
    recipe: { ...shapesVit.recipe, learningRate: 0.003 },
  },
};

/** The organism, to be trained on one small batch over and over. */
function onOneBatch(organism: Organism<VisionNetwork>): Organism<VisionNetwork> {
  const batch = labelledPictures(new Rng(1), 8, 0);
  return {
    ...organism,
    recipe: { ...organism.recipe, warmupSteps: 1, batch: () => batch },
  };
}

test.each(["cnn", "vit"])("a tiny %s learns eight pictures by heart", async (form) => {
  const losses: number[] = [];
  for await (const { loss } of await trainOrganism(onOneBatch(tiny[form]!), { steps: 30 }))
    losses.push(loss);
  expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]!);
});

test("a batch is a function of its number and the seed, and its labels are those of ten shapes", async () => {
  const [first, again, second] = [0, 0, 1].map((index) => shapesVit.recipe.batch(index, 1)) as [
    ReturnType<typeof labelledPictures>,
    ReturnType<typeof labelledPictures>,
    ReturnType<typeof labelledPictures>,
  ];
  const { tokens: batch } = shapesVit.recipe;
  expect(first.pixels.shape).toEqual([batch, 3, 32, 32]);
  expect(await first.pixels.numbers()).toEqual(await again.pixels.numbers());
  expect(await first.pixels.numbers()).not.toEqual(await second.pixels.numbers());
  const other = shapesVit.recipe.batch(0, 2) as ReturnType<typeof labelledPictures>;
  expect(await first.pixels.numbers()).not.toEqual(await other.pixels.numbers());
  const labels = new Set(await labelledPictures(new Rng(2), 80, 1).labels.numbers());
  expect([...labels].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("pixels lie in -1..1 around the grey in the middle", async () => {
  const pixels = Array.from(await labelledPictures(new Rng(3), 20, 1).pixels.numbers());
  expect(Math.min(...pixels)).toBeGreaterThanOrEqual(-1);
  expect(Math.max(...pixels)).toBeLessThanOrEqual(1);
  const mean = pixels.reduce((sum, x) => sum + x, 0) / pixels.length;
  expect(Math.abs(mean)).toBeLessThan(0.3);
});
