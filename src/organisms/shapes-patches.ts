// What the patches of a picture show: known for every drawn picture, and much more to learn from than one label.

import type { Rng } from "../core/rng.ts";
import { crossEntropy, kaimingNormal } from "../nn/index.ts";
import { linear } from "../nn/layers.ts";
import { zeros } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Drawing } from "../worlds/index.ts";
import { PICTURE_SIZE } from "./shapes-pictures.ts";

/** Side of a patch in pixels, patches along one side, and in all. */
export const PATCH = 4;
export const ACROSS = PICTURE_SIZE / PATCH;
export const PATCHES = ACROSS ** 2;

/** The index of the object that fills most of each patch, row by row; -1 where none fills a quarter. */
export function patchOwners({ mask, amodal }: Drawing): number[] {
  return Array.from({ length: PATCHES }, (_, patch) => {
    const corner = PATCH * (Math.floor(patch / ACROSS) * PICTURE_SIZE + (patch % ACROSS));
    const counts = amodal.map(() => 0);
    for (let i = 0; i < PATCH ** 2; i++) {
      const owner = mask[corner + Math.floor(i / PATCH) * PICTURE_SIZE + (i % PATCH)]!;
      if (owner > 0) counts[owner - 1]!++;
    }
    const most = Math.max(...counts);
    return most < PATCH ** 2 / 4 ? -1 : counts.indexOf(most);
  });
}

/** One linear layer that tells from a patch's features what it shows; it is trained along with a network and not kept. */
export type PatchReadout = { readonly weight: Tensor; readonly bias: Tensor };

/**
 * A read-out before training.
 *
 * @param width - numbers in a patch's features
 * @param values - what an object's value can be, beside which there is the ground
 */
export function freshReadout(rng: Rng, width: number, values: number): PatchReadout {
  const classes = 1 + values;
  return {
    weight: kaimingNormal([classes, width], { seed: rng.word() }),
    bias: zeros([classes]),
  };
}

/**
 * Mean nats of what patches show.
 *
 * @param features - [batch, patch, width]
 * @param truths - 0 for the ground, else one more than the number of the object's value; int32, [batch, patch]
 */
export function patchLoss(features: Tensor, truths: Tensor, readout: PatchReadout): Tensor {
  return crossEntropy(linear(features, readout), truths);
}
