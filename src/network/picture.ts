// From pictures to the pixels that a network takes: resized, cropped and normalised as its checkpoint says.

import { PatchClampError } from "../core/errors.ts";
import { bicubic, bilinear } from "../nn/resampling.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { resizeBytes } from "./resize.ts";
import type { ImageSize } from "./resize.ts";

/** A picture of 8 bits a channel, as `getImageData` of a canvas and readers of PNG files give it. */
export interface Picture {
  /** In pixels. */
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of every pixel, with or without alpha, row by row from the top. What shines through is white. */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** How pictures become pixels. */
export interface PictureForm {
  readonly resize?: {
    /** A size, or the length of the shorter side where the picture keeps its shape; in pixels. */
    readonly to: ImageSize | number;
    readonly filter: "bilinear" | "bicubic";
  };
  /** The middle that is kept, in pixels; where a picture is smaller, black is put around it. */
  readonly crop?: ImageSize;
  /** What bytes are multiplied by ... */
  readonly scale: number;
  /** ... and then brought to mean 0 and spread 1 with, channel by channel. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Three channels without alpha. */
interface Rgb extends ImageSize {
  readonly data: Uint8Array | Uint8ClampedArray;
}

/**
 * Pixels from pictures.
 *
 * @param where - the network's name
 * @returns [batch, 3, height, width]
 * @throws PatchClampError `BAD_INPUT` when there is no picture, its data do not fit its size, or pictures end up with different sizes
 */
export function pixelsOf(where: string, pictures: readonly Picture[], form: PictureForm): Tensor {
  if (pictures.length === 0) {
    throw new PatchClampError("BAD_INPUT", { where, problem: "the list of images is empty." });
  }
  const ready = pictures.map((picture) => {
    const rgb = opaque(where, picture);
    const resized = form.resize === undefined ? rgb : resizedBy(rgb, form.resize);
    return form.crop === undefined ? resized : middle(resized, form.crop);
  });
  const { height, width } = ready[0]!;
  const other = ready.find((image) => image.height !== height || image.width !== width);
  if (other !== undefined) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: `images of one batch must have one size, but ${width} x ${height} and ${other.width} x ${other.height} pixels are among them.`,
      fix: "give them one by one.",
    });
  }
  const size = 3 * height * width;
  const data = new Float32Array(pictures.length * size);
  for (const [i, image] of ready.entries()) normalise(image, form, data.subarray(i * size));
  return fromHost(data, { shape: [pictures.length, 3, height, width], dtype: "float32" }, "pixels");
}

/** Checks a picture and lays it on white. */
function opaque(where: string, { width, height, data }: Picture): Rgb {
  const pixels = width * height;
  const isSize = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  if (isSize && data?.length === 3 * pixels) return { width, height, data };
  if (!isSize || data?.length !== 4 * pixels) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: `an image of ${width} x ${height} pixels has ${data?.length ?? "no"} bytes, not 3 or 4 a pixel.`,
      fix: "give { width, height, data } with red, green, blue and, if you like, alpha of every pixel; or pixels as a tensor.",
    });
  }
  const rgb = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    const alpha = data[4 * i + 3]! / 255;
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = Math.round(255 + alpha * (data[4 * i + c]! - 255));
  }
  return { width, height, data: rgb };
}

function resizedBy(image: Rgb, { to, filter }: NonNullable<PictureForm["resize"]>): Rgb {
  const size = typeof to === "number" ? withShorterSide(image, to) : to;
  return { ...size, data: resizeBytes(image, size, filter === "bicubic" ? bicubic : bilinear) };
}

/** The longer side is cut to whole pixels, as in transformers. */
function withShorterSide({ height, width }: ImageSize, shorter: number): ImageSize {
  return width <= height
    ? { height: Math.trunc((shorter * height) / width), width: shorter }
    : { height: shorter, width: Math.trunc((shorter * width) / height) };
}

function middle({ height, width, data }: Rgb, crop: ImageSize): Rgb {
  const kept = new Uint8Array(3 * crop.height * crop.width);
  const top = Math.floor((height - crop.height) / 2);
  const left = Math.floor((width - crop.width) / 2);
  for (let y = Math.max(0, -top); y < crop.height && y + top < height; y++) {
    const from = Math.max(0, left);
    const row = ((y + top) * width + from) * 3;
    const count = Math.min(width - from, crop.width - (from - left));
    kept.set(data.subarray(row, row + count * 3), (y * crop.width + from - left) * 3);
  }
  return { ...crop, data: kept };
}

/** Writes [3, height, width]. */
function normalise({ data }: Rgb, { scale, mean, std }: PictureForm, into: Float32Array): void {
  const pixels = data.length / 3;
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < pixels; i++)
      into[c * pixels + i] = (data[3 * i + c]! * scale - mean[c]!) / std[c]!;
  }
}
