// Kanizsa's figures: discs with a piece cut out, in which people see a triangle or a square that is not there. In the
// control the same discs are turned, so that as much is drawn and nothing is seen.
// After Kanizsa 1976, "Subjective contours", Scientific American 234(4).

import { Rng } from "../../core/rng.ts";
import { requireOneOf } from "../_options.ts";
import { discForm, paint, polygonForm, stencil, writeMask } from "./_canvas.ts";
import type { Form } from "./_canvas.ts";
import { gestaltCanvas } from "./_gestalt.ts";
import type { GestaltOptions } from "./_gestalt.ts";
import { requireWithin } from "./_options.ts";
import type { Picture } from "./scene.ts";

/** The figures that can be seen. */
export const kanizsaFigures = ["triangle", "square"] as const;

/** A figure that can be seen. */
export type KanizsaFigure = (typeof kanizsaFigures)[number];

export interface KanizsaOptions extends GestaltOptions {
  /** The figure; either, equally often, when it is left out. */
  figure?: KanizsaFigure;
  /** Whether the discs face the figure; half of the time when it is left out. */
  isIllusory?: boolean;
  /** Share of each side of the figure that a disc's cut draws, 0.2..0.9; 0.5 by default. The less, the weaker the illusion. */
  support?: number;
}

/** A Kanizsa figure, or its control, with what is true of it. */
export interface KanizsaSample extends Picture {
  readonly figure: KanizsaFigure;
  /** Whether people see the figure: the discs face it. */
  readonly isIllusory: boolean;
  /** 1 where the figure is seen, or would be in a control, [height, width]. Nothing is drawn in a seen one. */
  readonly region: Uint8Array;
  /** What is drawn: the disc's index plus 1, or 0, [height, width]. */
  readonly inducers: Uint8Array;
}

/**
 * Draws a Kanizsa figure or its control.
 *
 * @param rng - advances by one word; a figure and its control with the same state differ only in how the discs are turned
 * @throws PatchClampError `BAD_OPTION` when a knob is out of its range or `figure` is none of those listed
 */
export function kanizsaSample(rng: Rng, options: KanizsaOptions = {}): KanizsaSample {
  const where = "kanizsaSample";
  const own = new Rng(rng.word());
  const drawn = own.split("figure");
  const [guess, coin] = [drawn.pick(kanizsaFigures), drawn.uniform() < 0.5];
  const { figure = guess, isIllusory = coin, support = 0.5 } = options;
  requireOneOf(where, "figure", figure, kanizsaFigures);
  requireWithin(where, "support", support, [0.2, 0.9]);

  const count = figure === "triangle" ? 3 : 4;
  const drawnShare = support * Math.sin(Math.PI / count); // a side has two discs
  const room = 0.42 + 0.06 * own.uniform();
  const outer = room / (1 + drawnShare); // from the middle of the figure to its corners
  const radius = outer * drawnShare;
  const [x, y] = [room + (1 - 2 * room) * own.uniform(), room + (1 - 2 * room) * own.uniform()];
  const turn = 0.3 * (2 * own.uniform() - 1);
  const corners = Array.from({ length: count }, (_, i): [number, number] => {
    const angle = turn + (2 * Math.PI * (i + (count === 4 ? 0.5 : 0))) / count;
    return [outer * Math.sin(angle), -outer * Math.cos(angle)];
  });

  const { canvas, ink, finish } = gestaltCanvas(where, own, options);
  const inducers = new Uint8Array(canvas.size ** 2);
  for (const [index, [dx, dy]] of corners.entries()) {
    const facing = Math.atan2(-dy, -dx);
    // a control's discs face away, each a little aslant, so that no cut goes on in another
    const away = facing + Math.PI + 0.6 * (2 * own.uniform() - 1);
    const disc = cutDisc([x + dx, y + dy], radius, {
      towards: isIllusory ? facing : away,
      halfAngle: (Math.PI * (count - 2)) / count / 2,
    });
    writeMask(inducers, paint(canvas, disc, { colour: ink }), index + 1);
  }
  const region = stencil(canvas.size, polygonForm(x, y, corners));
  return { ...finish(), figure, isIllusory, region, inducers };
}

/** A disc without the sector around a direction. */
function cutDisc(
  [x, y]: readonly [number, number],
  radius: number,
  { towards, halfAngle }: { towards: number; halfAngle: number },
): Form {
  const disc = discForm(x, y, radius);
  const [cos, sin] = [Math.cos(towards), Math.sin(towards)];
  const [cosHalf, sinHalf] = [Math.cos(halfAngle), Math.sin(halfAngle)];
  return {
    ...disc,
    distance: (px, py) => {
      const [dx, dy] = [px - x, py - y];
      const along = dx * cos + dy * sin;
      const across = Math.abs(dy * cos - dx * sin);
      const sector = across * cosHalf - along * sinHalf; // negative inside
      return Math.max(disc.distance(px, py), -sector);
    },
  };
}
