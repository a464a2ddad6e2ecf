// What organisms of the shape worlds have in common: how drawn pictures become what networks are given.

import type { Picture } from "../network/picture.ts";
import { tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Picture as Drawn } from "../worlds/index.ts";

/** Side of the pictures, in pixels. */
export const PICTURE_SIZE = 32;

/** preprocessor_config.json: a picture is brought to 32 x 32 pixels and its channels from 0..255 to -1..1. */
export const picturesConfig = {
  image_processor_type: "ViTImageProcessor",
  do_resize: true,
  size: { height: PICTURE_SIZE, width: PICTURE_SIZE },
  resample: 2,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
} as const;

/**
 * Pixels as networks are trained on them.
 *
 * @param channels - [batch, channel, height, width] in 0..1
 * @returns the same in -1..1
 */
export function trainingPixels(channels: Float32Array): Tensor {
  const side = PICTURE_SIZE;
  return tensor(
    channels.map((value) => 2 * value - 1),
    { shape: [channels.length / (3 * side * side), 3, side, side] },
  );
}

/**
 * Brings drawn pictures from [height, width, channel] to [channel, height, width] each.
 *
 * @returns [batch, channel, height, width] in 0..1
 */
export function channelsOf(pictures: readonly Drawn[]): Float32Array {
  const plane = PICTURE_SIZE ** 2;
  const channels = new Float32Array(pictures.length * 3 * plane);
  for (const [row, { pixels }] of pictures.entries()) {
    for (let i = 0; i < pixels.length; i++)
      channels[(3 * row + (i % 3)) * plane + Math.floor(i / 3)] = pixels[i]!;
  }
  return channels;
}

/** A drawn picture as users have theirs: 8 bits a channel. */
export function pictureOf({ size, pixels }: Drawn): Picture {
  return {
    width: size,
    height: size,
    data: Uint8ClampedArray.from(pixels, (value) => Math.round(255 * value)),
  };
}
