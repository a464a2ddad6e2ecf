// Resizing of 8-bit pictures, to the very bytes of Pillow (before version 13): weights of 22 binary places, rows first, rounded to
// bytes between.

import { antialiased } from "../nn/resampling.ts";
import type { Reading, ResamplingFilter } from "../nn/resampling.ts";

/** Height and width, in pixels or patches. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

type Bytes = Uint8Array | Uint8ClampedArray;

const PLACES = 22;
const CHANNELS = 3;

/**
 * Resizes a picture.
 *
 * @param picture - whose data are red, green and blue of every pixel, row by row
 * @param to - the new size, in pixels
 * @returns [height, width, 3] of the new size
 */
export function resizeBytes(
  { height, width, data }: ImageSize & { readonly data: Bytes },
  to: ImageSize,
  filter: ResamplingFilter,
): Bytes {
  const wide =
    to.width === width
      ? data
      : resample(data, [height, CHANNELS], antialiased(filter, width, to.width));
  if (to.height === height) return wide;
  return resample(wide, [1, to.width * CHANNELS], antialiased(filter, height, to.height));
}

/** Resamples the middle axis of [outer, axis, inner]. */
function resample(
  data: Bytes,
  [outer, inner]: readonly [number, number],
  readings: readonly Reading[],
): Uint8Array {
  const to = readings.length;
  const from = data.length / (outer * inner);
  const result = new Uint8Array(outer * to * inner);
  for (const [i, { start, weights }] of readings.entries()) {
    const whole = weights.map((weight) => roundedAway(weight * 2 ** PLACES));
    for (let o = 0; o < outer; o++) {
      for (let c = 0; c < inner; c++) {
        let sum = 2 ** (PLACES - 1);
        let at = (o * from + start) * inner + c;
        for (const weight of whole) {
          sum += data[at]! * weight;
          at += inner;
        }
        const byte = Math.floor(sum / 2 ** PLACES);
        result[(o * to + i) * inner + c] = Math.min(255, Math.max(0, byte));
      }
    }
  }
  return result;
}

/** Halves go away from 0. */
function roundedAway(x: number): number {
  return Math.trunc(x + (x < 0 ? -0.5 : 0.5));
}
