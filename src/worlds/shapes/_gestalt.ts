// What Gestalt figures share: two tones, of which either may be the lighter, and a third for accents.

import type { Rng } from "../../core/rng.ts";
import { addNoise, blankCanvas, fillGradient } from "./_canvas.ts";
import type { Canvas, Rgb } from "./_canvas.ts";
import { requireSize, requireWithin } from "./_options.ts";
import { palette } from "./paints.ts";
import type { DrawOptions, Picture } from "./scene.ts";

/** Knobs that every Gestalt figure has. */
export interface GestaltOptions extends DrawOptions {
  /** Standard deviation of the noise over the whole picture, 0..0.5; 0.02 by default. */
  noise?: number;
}

interface GestaltCanvas {
  readonly canvas: Canvas;
  /** The tone of what is drawn. */
  readonly ink: Rgb;
  /** The tone of what it is drawn on. */
  readonly ground: Rgb;
  /** A tone that is neither. */
  readonly accent: Rgb;
  /** Adds the noise, once all is drawn. */
  readonly finish: () => Picture;
}

/** Tones that stand out from one another. */
const tones: readonly (readonly [dark: Rgb, light: Rgb, accent: Rgb])[] = [
  [palette.black, [0.93, 0.9, 0.82], [0.87, 0.36, 0.2]],
  [
    [0.13, 0.2, 0.42],
    [0.8, 0.86, 0.93],
    [0.93, 0.5, 0.2],
  ],
  [
    [0.36, 0.12, 0.2],
    [0.95, 0.85, 0.78],
    [0.2, 0.58, 0.66],
  ],
  [
    [0.07, 0.3, 0.26],
    [0.83, 0.92, 0.84],
    [0.88, 0.42, 0.56],
  ],
];

/**
 * Begins a figure.
 *
 * @param where - the public function reported in an error
 * @throws PatchClampError `BAD_OPTION` when `size` or `noise` is out of its range
 */
export function gestaltCanvas(where: string, rng: Rng, options: GestaltOptions): GestaltCanvas {
  const { size = 32, noise = 0.02 } = options;
  requireSize(where, size);
  requireWithin(where, "noise", noise, [0, 0.5]);

  const own = rng.split("tones");
  const [dark, light, accent] = own.pick(tones);
  const [ink, ground] = own.uniform() < 0.5 ? [dark, light] : [light, dark];
  const canvas = blankCanvas(size);
  fillGradient(canvas, ground, ground, 0);
  const finish = (): Picture => {
    addNoise(canvas, noise, rng.split("noise").word());
    return canvas;
  };
  return { canvas, ink, ground, accent, finish };
}
