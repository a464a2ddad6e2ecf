// Figure and ground: a band between two wavy borders. The side to which the waves bulge is seen as the figure; brightness,
// area and symmetry say nothing. After Kanizsa and Gerbino 1976, "Convexity and symmetry in figure-ground organization".

import { Rng } from "../../core/rng.ts";
import { requireOneOf } from "../_options.ts";
import { paint, stencil } from "./_canvas.ts";
import type { Form } from "./_canvas.ts";
import { gestaltCanvas } from "./_gestalt.ts";
import type { GestaltOptions } from "./_gestalt.ts";
import { requireWithin } from "./_options.ts";
import type { Picture } from "./scene.ts";

/** What can be seen as the figure: the band, or the two sides of it. */
export const figureRegions = ["band", "sides"] as const;

/** One of the regions that can be seen as the figure. */
export type FigureRegion = (typeof figureRegions)[number];

export interface FigureGroundOptions extends GestaltOptions {
  /** The figure; either, equally often, when it is left out. */
  figure?: FigureRegion;
  /** How far the borders bulge, as a share of the picture's side, 0.04..0.16; 0.12 by default. */
  bulge?: number;
}

/** Two regions with which of them is the figure. */
export interface FigureGroundSample extends Picture {
  readonly figure: FigureRegion;
  /** 1 on the figure, 0 on the ground, [height, width]. */
  readonly mask: Uint8Array;
}

/**
 * Draws a band whose borders bulge outwards or inwards.
 *
 * @param rng - advances by one word
 * @throws PatchClampError `BAD_OPTION` when a knob is out of its range or `figure` is none of those listed
 */
export function figureGroundSample(
  rng: Rng,
  options: FigureGroundOptions = {},
): FigureGroundSample {
  const where = "figureGroundSample";
  const own = new Rng(rng.word());
  const guess = own.pick(figureRegions);
  const { figure = guess, bulge = 0.12 } = options;
  requireOneOf(where, "figure", figure, figureRegions);
  requireWithin(where, "bulge", bulge, [0.04, 0.16]);

  const isUpright = own.uniform() < 0.5;
  const band = waveBand(own, figure === "band" ? bulge : -bulge);
  const form: Form = isUpright ? band : { ...band, distance: (x, y) => band.distance(y, x) };
  const { canvas, ink, finish } = gestaltCanvas(where, own, options);
  paint(canvas, form, { colour: ink });
  const inside = stencil(canvas.size, form);
  const mask = figure === "band" ? inside : inside.map((value) => 1 - value);
  return { ...finish(), figure, mask };
}

/**
 * An upright band that has half of the picture's area.
 *
 * @param bulge - how far its borders bulge outwards; inwards when it is negative
 */
function waveBand(rng: Rng, bulge: number): Form {
  const waves = 3 + rng.uniform();
  const phases = [rng.uniform(), rng.uniform()];
  const half = 0.25 - (bulge * 2) / Math.PI; // 2 / pi is the mean of |sin|
  return {
    x: 0.5,
    y: 0.5,
    reach: 0.5,
    distance: (x, y) => {
      const angle = Math.PI * (waves * y + phases[x < 0.5 ? 0 : 1]!);
      const slope = bulge * Math.PI * waves * Math.cos(angle);
      const beyond = Math.abs(x - 0.5) - half - bulge * Math.abs(Math.sin(angle));
      return beyond / Math.sqrt(1 + slope * slope); // near enough to the distance for a smooth border
    },
  };
}
