// Ways in which a picture goes bad, each at five severities, to study how networks fail and adapt. What a picture shows
// stays true, but where: only `rotation` moves it, and `bar` hides some of it.
// After Hendrycks and Dietterich 2019, arXiv:1903.12261; the strengths are ours, for small pictures.

import type { Rng } from "../../core/rng.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { addNoise, barForm, blankCanvas, paint } from "./_canvas.ts";
import type { Rgb } from "./_canvas.ts";
import { requireWithin } from "./_options.ts";
import type { Picture } from "./scene.ts";

/** The ways in which a picture can go bad. */
export const shapeCorruptions = [
  "noise",
  "blur",
  "contrast",
  "brightness",
  "pixelate",
  "colour shift",
  "bar",
  "rotation",
] as const;

/** One way in which a picture can go bad. */
export type ShapeCorruption = (typeof shapeCorruptions)[number];

export interface CorruptOptions {
  kind: ShapeCorruption;
  /** How bad, an integer in 1..5. */
  severity: number;
}

/**
 * Makes a picture worse; the argument is left alone.
 *
 * @param rng - advances by at most three words, whatever the severity
 * @returns a picture of the same size, in 0..1
 * @throws PatchClampError `BAD_OPTION` when `kind` is none of those listed or `severity` is no integer in 1..5
 */
export function corruptPicture(rng: Rng, picture: Picture, options: CorruptOptions): Picture {
  const { kind, severity } = options;
  requireOneOf("corruptPicture", "kind", kind, shapeCorruptions);
  requireAtLeast("corruptPicture", "severity", severity, 1);
  requireWithin("corruptPicture", "severity", severity, [1, 5]);

  const { apply, strengths } = corruptions[kind];
  const copy = { size: picture.size, pixels: picture.pixels.slice() };
  const worse = apply(copy, strengths[severity - 1]!, rng);
  for (let i = 0; i < worse.pixels.length; i++) {
    worse.pixels[i] = Math.min(1, Math.max(0, worse.pixels[i]!));
  }
  return worse;
}

interface Corruption {
  /** May change the picture that it is given. */
  readonly apply: (picture: Picture, strength: number, rng: Rng) => Picture;
  readonly strengths: readonly [number, number, number, number, number];
}

const corruptions: Record<ShapeCorruption, Corruption> = {
  // standard deviation
  noise: { apply: noise, strengths: [0.04, 0.08, 0.12, 0.18, 0.26] },
  // standard deviation of the Gaussian in shares of the side
  blur: { apply: blur, strengths: [0.014, 0.022, 0.032, 0.046, 0.065] },
  // what is left of the distance to the mean
  contrast: {
    apply: ({ size, pixels }, left) => {
      const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
      return { size, pixels: pixels.map((value) => mean + left * (value - mean)) };
    },
    strengths: [0.7, 0.5, 0.35, 0.22, 0.12],
  },
  // added to all channels, or taken away
  brightness: {
    apply: ({ size, pixels }, strength, rng) => {
      const shift = rng.pick([-strength, strength]);
      return { size, pixels: pixels.map((value) => value + shift) };
    },
    strengths: [0.08, 0.16, 0.24, 0.33, 0.42],
  },
  // side of a cell in shares of the picture's
  pixelate: { apply: pixelate, strengths: [1 / 20, 1 / 16, 1 / 12, 1 / 9, 1 / 7] },
  // the most that one channel changes; the brightness stays
  "colour shift": { apply: shiftColours, strengths: [0.06, 0.12, 0.18, 0.26, 0.34] },
  // width in shares of the side
  bar: { apply: coverWithBar, strengths: [0.08, 0.13, 0.18, 0.24, 0.3] },
  // degrees, to either side
  rotation: { apply: rotate, strengths: [4, 8, 12, 18, 25] },
};

function noise(picture: Picture, deviation: number, rng: Rng): Picture {
  addNoise(picture, deviation, rng.word());
  return picture;
}

/** Along rows and then along columns; the border goes on outside. */
function blur(picture: Picture, sigma: number): Picture {
  const { size } = picture;
  const reach = Math.ceil(3 * sigma * size);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-(((i - reach) / (sigma * size)) ** 2) / 2),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const along = (from: Float32Array, dx: number, dy: number): Float32Array =>
    resample(size, (row, column, c) =>
      weights.reduce((sum, weight, i) => {
        const step = i - reach;
        return (
          sum + (weight / total) * from[pixelAt(size, row + dy * step, column + dx * step) + c]!
        );
      }, 0),
    );
  return { size, pixels: along(along(picture.pixels, 1, 0), 0, 1) };
}

/** Every pixel takes the mean of its cell. */
function pixelate({ size, pixels }: Picture, cell: number): Picture {
  const cells = Math.round(1 / cell);
  const cellOf = (row: number, column: number): number =>
    Math.floor((row * cells) / size) * cells + Math.floor((column * cells) / size);
  const sums = new Float64Array(cells * cells * 3);
  const counts = new Float64Array(cells * cells);
  for (let pixel = 0; pixel < size * size; pixel++) {
    const own = cellOf(Math.floor(pixel / size), pixel % size);
    counts[own]!++;
    for (let c = 0; c < 3; c++) sums[own * 3 + c]! += pixels[pixel * 3 + c]!;
  }
  const mean = (row: number, column: number, c: number): number => {
    const own = cellOf(row, column);
    return sums[own * 3 + c]! / counts[own]!;
  };
  return { size, pixels: resample(size, mean) };
}

/** Adds to the channels three parts of a circle, whose sum is 0. */
function shiftColours({ size, pixels }: Picture, strength: number, rng: Rng): Picture {
  const angle = 2 * Math.PI * rng.uniform();
  const shift = [0, 1, 2].map((c) => strength * Math.cos(angle + (2 * Math.PI * c) / 3));
  return { size, pixels: pixels.map((value, i) => value + shift[i % 3]!) };
}

const grey: Rgb = [0.35, 0.35, 0.35];

/** Lays a bar across the picture, through a point of its middle half. */
function coverWithBar(picture: Picture, width: number, rng: Rng): Picture {
  const [x, y] = [0.25 + 0.5 * rng.uniform(), 0.25 + 0.5 * rng.uniform()];
  const angleRad = Math.PI * rng.uniform();
  paint(picture, barForm({ x, y, length: 3, width, angleRad, colour: grey }), { colour: grey });
  return picture;
}

/** Turns the picture about its middle; the border goes on outside. */
function rotate({ size, pixels }: Picture, degrees: number, rng: Rng): Picture {
  const angle = (rng.pick([-degrees, degrees]) * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const middle = (size - 1) / 2;
  const turned = (row: number, column: number, c: number): number => {
    const [dx, dy] = [column - middle, row - middle];
    const [x, y] = [middle + dx * cos + dy * sin, middle + dy * cos - dx * sin];
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const value = (r: number, k: number): number => pixels[pixelAt(size, r, k) + c]!;
    const [right, down] = [x - left, y - top];
    return (
      (1 - down) * ((1 - right) * value(top, left) + right * value(top, left + 1)) +
      down * ((1 - right) * value(top + 1, left) + right * value(top + 1, left + 1))
    );
  };
  return { size, pixels: resample(size, turned) };
}

/** Where a pixel's channels begin; outside the picture, those of the nearest pixel. */
function pixelAt(size: number, row: number, column: number): number {
  const clamp = (i: number): number => Math.min(size - 1, Math.max(0, i));
  return (clamp(row) * size + clamp(column)) * 3;
}

function resample(
  size: number,
  value: (row: number, column: number, c: number) => number,
): Float32Array {
  const { pixels } = blankCanvas(size);
  for (let i = 0; i < pixels.length; i++) {
    const pixel = Math.floor(i / 3);
    pixels[i] = value(Math.floor(pixel / size), pixel % size, i % 3);
  }
  return pixels;
}
