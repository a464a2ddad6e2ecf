// Good continuation: among short bars that point anywhere, a few follow a smooth curve and are seen as one line. In the
// control they stand in the same places and point anywhere too.
// After Field, Hayes and Hess 1993, "Contour integration by the human visual system", Vision Research 33(2).

import { Rng } from "../../core/rng.ts";
import { barForm, paint } from "./_canvas.ts";
import type { Bar } from "./_canvas.ts";
import { gestaltCanvas } from "./_gestalt.ts";
import type { GestaltOptions } from "./_gestalt.ts";
import { requireWithin } from "./_options.ts";
import type { Picture } from "./scene.ts";

export interface ContourOptions extends GestaltOptions {
  /** Whether the bars of the curve follow it; half of the time when it is left out. */
  isContour?: boolean;
  /** The most that a bar of the curve points aside, in degrees, 0..45; 0 by default. */
  jitter?: number;
}

/** Bars, some of them along a curve, with what is true of them. */
export interface ContourSample extends Picture {
  /** Whether a line is seen. */
  readonly isContour: boolean;
  /** 1 on the bars along the curve, whether or not they follow it, [height, width]. */
  readonly curve: Uint8Array;
  /** 1 on all bars, [height, width]. */
  readonly bars: Uint8Array;
}

/** Bars across the picture, and down. */
const lattice = 6;

/**
 * Draws bars with or without a line among them.
 *
 * @param rng - advances by one word; a picture and its control with the same state have their bars in the same places
 * @throws PatchClampError `BAD_OPTION` when a knob is out of its range
 */
export function contourSample(rng: Rng, options: ContourOptions = {}): ContourSample {
  const own = new Rng(rng.word());
  const coin = own.uniform() < 0.5;
  const { isContour = coin, jitter = 0 } = options;
  requireWithin("contourSample", "jitter", jitter, [0, 45]);

  const { canvas, ink: colour, finish } = gestaltCanvas("contourSample", own, options);
  const curve = new Uint8Array(canvas.size ** 2);
  const bars = new Uint8Array(canvas.size ** 2);
  const isUpright = own.uniform() < 0.5;
  for (const { x, y, onCurve } of drawPlaces(own)) {
    const anywhere = Math.PI * own.uniform();
    const aside = (jitter * Math.PI * (2 * own.uniform() - 1)) / 180;
    const angleRad = isContour && onCurve !== undefined ? onCurve + aside : anywhere;
    const flat: Bar = { x, y, length: 0.115, width: 0.044, angleRad, colour };
    const bar = isUpright ? { ...flat, x: y, y: x, angleRad: Math.PI / 2 - angleRad } : flat;
    const inside = paint(canvas, barForm(bar), { colour });
    for (let i = 0; i < inside.length; i++) {
      if (inside[i] === 0) continue;
      bars[i] = 1;
      if (onCurve !== undefined) curve[i] = 1;
    }
  }
  return { ...finish(), isContour, curve, bars };
}

interface Place {
  readonly x: number;
  readonly y: number;
  /** The curve's direction there, if it runs through. */
  readonly onCurve?: number;
}

/** Draws a curve from left to right, a place on it in every column, and places around it. */
function drawPlaces(rng: Rng): Place[] {
  const height = 0.3 + 0.4 * rng.uniform();
  const swing = 0.08 + 0.08 * rng.uniform();
  const [phase, turns] = [2 * Math.PI * rng.uniform(), 3 + 2 * rng.uniform()];
  const step = 1 / lattice;
  const places: Place[] = [];
  for (let column = 0; column < lattice; column++) {
    const x = (column + 0.5) * step;
    const y = height + swing * Math.sin(phase + turns * x);
    places.push({ x, y, onCurve: Math.atan(swing * turns * Math.cos(phase + turns * x)) });
    const shift = 0.3 * (rng.uniform() - 0.5);
    for (let row = 0; row < lattice; row++) {
      const other = (row + 0.5 + shift) * step;
      const aside = x + 0.3 * step * (rng.uniform() - 0.5);
      if (Math.abs(other - y) > 0.75 * step) places.push({ x: aside, y: other });
    }
  }
  return places;
}
