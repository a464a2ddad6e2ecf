// How networks that look begin: weights that keep the scale of what goes through them, and positions that know their neighbours.

import type { Rng } from "../core/rng.ts";
import { kaimingNormal } from "../nn/index.ts";
import { tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { waves } from "./waves.ts";

/**
 * A parameter before training, as `initial` of a recipe: matrices and kernels, and the position embeddings of patches.
 *
 * @returns undefined for gains and biases, the class token, and heads
 */
export function lookingWeights(
  path: string,
  shape: readonly number[],
  rng: Rng,
): Tensor | undefined {
  if (path.endsWith("posEmbed")) return gridPlaces(shape);
  if (shape.length < 2 || /(?:^classifier\.weight|^pooler\.weight|cls)$/.test(path))
    return undefined;
  return kaimingNormal(shape, { seed: rng.word() });
}

/** Ratio of the longest to the shortest wave. */
const WAVES = 30;

/**
 * Position embeddings of a square of patches as waves along its columns and its rows, by which near patches are alike.
 *
 * @param shape - [..., first + side * side, dModel]; the `first` rows that are no patch, 0 or 1 of them, are zero
 * @source He et al. 2022, arXiv:2111.06377, appendix A.1; the waves are shorter here, for few patches
 */
export function gridPlaces(shape: readonly number[]): Tensor {
  const [rows, size] = shape.slice(-2) as [number, number];
  const side = Math.floor(Math.sqrt(rows));
  const first = rows - side ** 2;
  const data = new Float32Array(rows * size);
  for (let patch = 0; patch < side ** 2; patch++) {
    const places = [patch % side, Math.floor(patch / side)];
    const values = places.flatMap((place) => waves(place, { size: size / 2, ratio: WAVES }));
    data.set(values, (first + patch) * size);
  }
  return tensor(data, { shape });
}
