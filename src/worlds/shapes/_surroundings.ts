// What lies around objects: a calm surface, and clutter on it.

import type { Rng } from "../../core/rng.ts";
import type { Bar, Rgb } from "./_canvas.ts";
import { requireSize, requireWithin } from "./_options.ts";
import { palette, shapeColours } from "./paints.ts";
import type { Background, DrawOptions, Scene } from "./scene.ts";

/** Knobs that every picture of objects has. */
export interface SurroundingsOptions extends DrawOptions {
  /** Standard deviation of the noise over the whole picture, 0..0.5; 0.02 by default. */
  noise?: number;
  /** How much clutter lies behind the objects, 0..1; 0 by default. */
  clutter?: number;
  /** How far the background's brightness changes across the picture, 0..0.4; 0.12 by default. */
  gradient?: number;
}

/** Muted tones, from which every colour of objects stands out. */
export const surfaces: readonly Rgb[] = [
  [0.42, 0.48, 0.56],
  [0.76, 0.72, 0.62],
  [0.56, 0.66, 0.62],
  [0.68, 0.74, 0.8],
  [0.5, 0.47, 0.6],
  [0.62, 0.62, 0.6],
];

/** Pieces of clutter at 1. */
const mostPieces = 48;

/**
 * Draws what lies around the objects. Each knob has a stream of its own, so turning one leaves the rest as it is.
 *
 * @param where - the public function reported in an error
 * @throws PatchClampError `BAD_OPTION` when a knob is out of its range
 */
export function drawSurroundings(
  where: string,
  rng: Rng,
  options: SurroundingsOptions,
): Omit<Scene, "objects" | "covers"> {
  const { noise = 0.02, clutter = 0, gradient = 0.12, size = 32 } = options;
  requireSize(where, size);
  requireWithin(where, "noise", noise, [0, 0.5]);
  requireWithin(where, "clutter", clutter, [0, 1]);
  requireWithin(where, "gradient", gradient, [0, 0.4]);

  const background = drawBackground(rng.split("background"), gradient);
  return {
    background,
    clutter: drawClutter(rng.split("clutter"), clutter, background),
    noise,
    seed: rng.split("noise").word(),
  };
}

function drawBackground(rng: Rng, gradient: number): Background {
  const surface = rng.pick(surfaces);
  const angleRad = 2 * Math.PI * rng.uniform();
  const shifted = (by: number): Rgb => [surface[0] + by, surface[1] + by, surface[2] + by];
  return { from: shifted(-gradient / 2), to: shifted(gradient / 2), angleRad };
}

/** Shreds in faint colours. */
function drawClutter(rng: Rng, amount: number, { from, to }: Background): Bar[] {
  return Array.from({ length: Math.round(amount * mostPieces) }, () => {
    const vivid = palette[rng.pick(shapeColours)];
    const share = 0.3 + 0.35 * rng.uniform();
    const tone = (c: 0 | 1 | 2): number => (1 - share) * ((from[c] + to[c]) / 2) + share * vivid[c];
    return {
      x: rng.uniform(),
      y: rng.uniform(),
      length: 0.04 + 0.12 * rng.uniform(),
      width: 0.025 + 0.025 * rng.uniform(),
      angleRad: Math.PI * rng.uniform(),
      colour: [tone(0), tone(1), tone(2)],
    };
  });
}
