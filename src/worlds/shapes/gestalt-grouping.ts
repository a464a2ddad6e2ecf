// Grouping: equal dots are seen as rows or as columns, because those in a line are nearer to one another (proximity) or
// look the same (similarity). After Wertheimer 1923, "Untersuchungen zur Lehre von der Gestalt II".

import { Rng } from "../../core/rng.ts";
import { requireOneOf } from "../_options.ts";
import { discForm, paint, writeMask } from "./_canvas.ts";
import { gestaltCanvas } from "./_gestalt.ts";
import type { GestaltOptions } from "./_gestalt.ts";
import { requireWithin } from "./_options.ts";
import type { Picture } from "./scene.ts";

/** Why dots are seen as lines. */
export const groupingCues = ["proximity", "similarity"] as const;

/** One reason why dots are seen as lines. */
export type GroupingCue = (typeof groupingCues)[number];

/** The lines that are seen. */
export const groupingLines = ["rows", "columns"] as const;

/** One kind of line. */
export type GroupingLine = (typeof groupingLines)[number];

export interface GroupingOptions extends GestaltOptions {
  /** Why; either, equally often, when it is left out. */
  by?: GroupingCue;
  /** What is seen; either, equally often, when it is left out. */
  lines?: GroupingLine;
  /** With proximity, how much further lines are apart than the dots of a line, 1.2..2.5; 1.8 by default. */
  ratio?: number;
}

/** Dots with the lines that they form. */
export interface GroupingSample extends Picture {
  readonly by: GroupingCue;
  readonly lines: GroupingLine;
  /** The line of each dot's pixels, counted from 1 at the top or on the left; 0 beside the dots; [height, width]. */
  readonly groups: Uint8Array;
}

/**
 * Draws dots that are seen as rows or as columns.
 *
 * @param rng - advances by one word; rows and columns with the same state are the same picture about its diagonal, but for
 *   the noise
 * @throws PatchClampError `BAD_OPTION` when a knob is out of its range, or `by` or `lines` is none of those listed
 */
export function groupingSample(rng: Rng, options: GroupingOptions = {}): GroupingSample {
  const where = "groupingSample";
  const own = new Rng(rng.word());
  const [cue, line] = [own.pick(groupingCues), own.pick(groupingLines)];
  const { by = cue, lines = line, ratio = 1.8 } = options;
  requireOneOf(where, "by", by, groupingCues);
  requireOneOf(where, "lines", lines, groupingLines);
  requireWithin(where, "ratio", ratio, [1.2, 2.5]);

  const isNear = by === "proximity";
  const apart = isNear ? 0.23 : 0.18;
  const along = isNear ? apart / ratio : apart;
  const count = { lines: isNear ? 4 : 5, dots: Math.floor(0.9 / along) };
  const radius = Math.min(0.055, 0.36 * along);
  const [shiftAcross, shiftAlong] = [own.uniform() - 0.5, own.uniform() - 0.5];

  const { canvas, ink, accent, finish } = gestaltCanvas(where, own, options);
  const groups = new Uint8Array(canvas.size ** 2);
  for (let i = 0; i < count.lines; i++) {
    const across = middle(i, count.lines, apart, shiftAcross);
    for (let j = 0; j < count.dots; j++) {
      const down = middle(j, count.dots, along, shiftAlong);
      const [x, y] = lines === "columns" ? [across, down] : [down, across];
      const colour = !isNear && i % 2 === 1 ? accent : ink;
      writeMask(groups, paint(canvas, discForm(x, y, radius), { colour }), i + 1);
    }
  }
  return { ...finish(), by, lines, groups };
}

/** Where the item `i` of a line stands, in the middle of the picture but for a shift by a part of the room that is left. */
function middle(i: number, count: number, step: number, shift: number): number {
  return 0.5 + (i - (count - 1) / 2) * step + 0.8 * shift * (1 - count * step);
}
