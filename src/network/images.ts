// Images in the forms that users have them, and the pixels that networks take.

import { PatchClampError } from "../core/errors.ts";
import { showShape } from "../tensor/op.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Picture, PictureForm } from "./picture.ts";
import { pixelsOf } from "./picture.ts";
import type { ImageSize } from "./resize.ts";

/** Pictures, one or several; or pixels [batch, channel, height, width], normalised as the network wants them. */
export type Images = Picture | readonly Picture[] | Tensor;

/** What images a network takes. */
export interface ImageSizes {
  readonly channels: number;
  /** Images that it was made for, in pixels. */
  readonly image: ImageSize;
  /** Smallest image it takes where it takes any size; undefined where it takes only its own. */
  readonly smallest?: ImageSize | undefined;
}

/**
 * Pixels as a network takes them.
 *
 * @param where - the network's name
 * @param sizes - what it takes
 * @param form - how pictures become pixels; undefined where the checkpoint does not say it
 * @returns [batch, channel, height, width]
 * @throws PatchClampError `BAD_INPUT` when images are of a form or size that it does not take
 */
export function imagePixels(
  where: string,
  images: Images,
  { sizes, form }: { readonly sizes: ImageSizes; readonly form: PictureForm | undefined },
): Tensor {
  const pixels = images instanceof Tensor ? images : fromPictures(where, images, form);
  checkPixels(where, pixels, sizes);
  return pixels;
}

function fromPictures(
  where: string,
  images: Exclude<Images, Tensor>,
  form: PictureForm | undefined,
): Tensor {
  if (form !== undefined) return pixelsOf(where, "data" in images ? [images] : images, form);
  throw new PatchClampError("BAD_INPUT", {
    where,
    problem: "the checkpoint does not say how pictures become pixels.",
    fix: "put its preprocessor_config.json beside the weights, or give pixels as a tensor.",
  });
}

function checkPixels(where: string, pixels: Tensor, sizes: ImageSizes): void {
  const { channels, image, smallest } = sizes;
  const [batch = 0, found, height = 0, width = 0] = pixels.shape;
  const isRight =
    pixels.dtype === "float32" &&
    pixels.rank === 4 &&
    batch > 0 &&
    found === channels &&
    (smallest === undefined
      ? height === image.height && width === image.width
      : height >= smallest.height && width >= smallest.width);
  if (isRight) return;
  const size =
    smallest === undefined
      ? `${image.height}, ${image.width}`
      : `height from ${smallest.height}, width from ${smallest.width}`;
  throw new PatchClampError("BAD_INPUT", {
    where,
    problem: `the pixels are ${pixels.dtype}${showShape(pixels.shape)}, but it takes float32[batch, ${channels}, ${size}].`,
    facts: { shape: pixels.shape, dtype: pixels.dtype },
  });
}
