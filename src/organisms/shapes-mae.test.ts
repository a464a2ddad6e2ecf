import { expect, test } from "vitest";

import { memoryFiles } from "../core/files.ts";
import { vitConfig } from "../architectures/vit-config.ts";
import type { VitParams } from "../architectures/vit.ts";
import { openCheckpoint } from "../checkpoints/checkpoint.ts";
import { Rng } from "../core/rng.ts";
import { leaves } from "../core/tree.ts";
import type { VisionNetwork } from "../network/vision.ts";
import { tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { saveCheckpoint } from "./card.ts";
import type { Organism } from "./organism.ts";
import { encode, maskedPictures, shapesMae } from "./shapes-mae.ts";
import type { MaskedPictures } from "./shapes-mae.ts";
import { trainOrganism } from "./train.ts";

/** The organism with one layer, to be trained on one batch over and over. */
function small(): Organism<VisionNetwork> {
  const batch = maskedPictures(new Rng(1), { batch: 4, seen: 24 });
  const { config, recipe } = shapesMae;
  return {
    ...shapesMae,
    config: { ...config, num_hidden_layers: 1 },
    recipe: { ...recipe, warmupSteps: 1, batch: () => batch },
  };
}

/** Pictures from their patches, all of which are seen. */
async function pixelsOf({ seen, seenAt }: MaskedPictures): Promise<Tensor> {
  const [values, places] = [await seen.numbers(), await seenAt.numbers()];
  const pixels = new Float32Array(values.length);
  for (const [i, value] of values.entries()) {
    const [row, patch] = [Math.floor(i / 3072), places[Math.floor(i / 48)]!];
    const [channel, y, x] = [Math.floor((i % 48) / 16), Math.floor((i % 16) / 4), i % 4];
    const [down, across] = [4 * Math.floor(patch / 8) + y, 4 * (patch % 8) + x];
    pixels[((row * 3 + channel) * 32 + down) * 32 + across] = value;
  }
  return tensor(pixels, { shape: [values.length / 3072, 3, 32, 32] });
}

test("what is seen and what is hidden are all patches of a picture, each once", async () => {
  const { seen, seenAt, hidden, hiddenAt } = maskedPictures(new Rng(2), { batch: 2, seen: 24 });
  expect(seen.shape).toEqual([2, 24, 48]);
  expect(hidden.shape).toEqual([2, 40, 48]);
  const [there, away] = [await seenAt.numbers(), await hiddenAt.numbers()];
  for (const row of [0, 1]) {
    const places = [
      ...there.slice(24 * row, 24 * row + 24),
      ...away.slice(40 * row, 40 * row + 40),
    ];
    expect(places.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, i) => i));
  }
});

test("when nothing is hidden, the encoder gives the network's own last hidden states", async () => {
  const net = (await trainOrganism(small(), { steps: 0 })).network() as VisionNetwork;
  const all = maskedPictures(new Rng(3), { batch: 2, seen: 64 });
  const config = vitConfig({ ...shapesMae.config, num_hidden_layers: 1 });
  const ours = encode(net.params as unknown as VitParams, all, config);
  const whole = (await net.run(await pixelsOf(all))).at("hidden");
  const [a, b, at] = [await ours.numbers(), await whole.numbers(), await all.seenAt.numbers()];
  const width = config.dModel;
  let furthest = 0;
  for (let row = 0; row < 2; row++) {
    for (let i = 0; i < 65; i++) {
      const place = i === 0 ? 0 : 1 + at[row * 64 + i - 1]!;
      for (let k = 0; k < width; k++) {
        const difference = a[(row * 65 + i) * width + k]! - b[(row * 65 + place) * width + k]!;
        furthest = Math.max(furthest, Math.abs(difference));
      }
    }
  }
  expect(furthest).toBeLessThan(1e-4);
});

test("it learns to paint four pictures, and keeps nothing of what painted them", async () => {
  const organism = small();
  const training = await trainOrganism(organism, { steps: 25 });
  const losses: number[] = [];
  for await (const { loss } of training) losses.push(loss);
  expect(losses.at(-1)!).toBeLessThan(0.5 * losses[0]!);

  const { params } = training.network();
  expect(leaves(params).filter(([path]) => /extra|pooler/.test(path))).toEqual([]);
  const files = memoryFiles();
  await saveCheckpoint(organism, params, files);
  const { tensors } = await openCheckpoint(files);
  expect(
    [...tensors.keys()].filter((name) => !/^vit\.(embeddings|encoder|layernorm)\./.test(name)),
  ).toEqual([]);
});
