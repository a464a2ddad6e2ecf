// A small rasteriser: a form is a signed distance, and a pixel is covered by as much of the form as lies within half a
// pixel of its centre. Lengths are shares of the picture's side, x to the right and y down, so that a drawing has no size
// until it is painted.

import { hash32 } from "../../core/rng.ts";

/** Red, green and blue, each in 0..1. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** Pixels under way, [size, size, 3]. */
export interface Canvas {
  readonly size: number;
  readonly pixels: Float32Array;
}

/** How far a point is from the edge of a form: negative inside. */
export type Distance = (x: number, y: number) => number;

/** A form, and the square that holds it. */
export interface Form {
  readonly x: number;
  readonly y: number;
  /** Half the side of the square. */
  readonly reach: number;
  readonly distance: Distance;
}

/** One colour, or two where `second` tells how far a point is from the edge of the second: negative inside it. */
export interface Ink {
  readonly colour: Rgb;
  readonly other?: Rgb;
  readonly second?: Distance;
}

export function blankCanvas(size: number): Canvas {
  return { size, pixels: new Float32Array(size * size * 3) };
}

/**
 * Paints a form over what is there.
 *
 * @returns 1 at the pixels whose centres lie in the form, [size, size]
 */
export function paint({ size, pixels }: Canvas, form: Form, ink: Ink): Uint8Array {
  const { distance } = form;
  const { colour, other = colour, second } = ink;
  const inside = new Uint8Array(size * size);
  const [left, right] = span(form.x, form.reach, size);
  const [top, bottom] = span(form.y, form.reach, size);

  for (let row = top; row < bottom; row++) {
    const y = (row + 0.5) / size;
    for (let column = left; column < right; column++) {
      const x = (column + 0.5) / size;
      const d = distance(x, y);
      const covered = coverage(d * size);
      if (covered === 0) continue;
      const pixel = row * size + column;
      if (d <= 0) inside[pixel] = 1;
      const share = second === undefined ? 0 : coverage(second(x, y) * size);
      for (let c = 0; c < 3; c++) {
        const under = pixels[pixel * 3 + c]!;
        const over = share === 0 ? colour[c]! : colour[c]! + share * (other[c]! - colour[c]!);
        pixels[pixel * 3 + c] = covered === 1 ? over : under + covered * (over - under);
      }
    }
  }
  return inside;
}

/** 1 at the pixels whose centres lie in a form, [size, size]. */
export function stencil(size: number, form: Form): Uint8Array {
  return paint(blankCanvas(size), form, { colour: [0, 0, 0] });
}

/** Numbers the pixels of a stencil in a mask, over what is there. */
export function writeMask(mask: Uint8Array, inside: Uint8Array, value: number): void {
  for (let i = 0; i < mask.length; i++) if (inside[i] === 1) mask[i] = value;
}

/** How much of a pixel is covered when the edge is `d` pixels from its centre. */
function coverage(d: number): number {
  return d >= 0.5 ? 0 : d <= -0.5 ? 1 : 0.5 - d;
}

/** The pixels that a form can touch along one axis: from the first up to but not including the second. */
function span(centre: number, reach: number, size: number): [number, number] {
  return [
    Math.max(0, Math.floor((centre - reach) * size - 0.5)),
    Math.min(size, Math.ceil((centre + reach) * size + 0.5)),
  ];
}

/** Fills the canvas with a colour that changes along a direction, from one border to the other. */
export function fillGradient(canvas: Canvas, from: Rgb, to: Rgb, angleRad: number): void {
  const { size, pixels } = canvas;
  const [dx, dy] = [Math.cos(angleRad), Math.sin(angleRad)];
  const half = (Math.abs(dx) + Math.abs(dy)) / 2;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const along = ((column + 0.5) / size - 0.5) * dx + ((row + 0.5) / size - 0.5) * dy;
      const share = 0.5 + along / (2 * half);
      const pixel = (row * size + column) * 3;
      for (let c = 0; c < 3; c++) pixels[pixel + c] = from[c]! + share * (to[c]! - from[c]!);
    }
  }
}

/**
 * Adds noise and keeps the values in 0..1. The noise is the sum of four uniform bytes, which is normal but for its tails,
 * and takes one word of chance a value.
 *
 * @param deviation - the standard deviation of the noise
 * @param seed - the stream of the noise
 */
export function addNoise({ pixels }: Canvas, deviation: number, seed: number): void {
  if (deviation === 0) return;
  const scale = deviation / Math.sqrt((4 * (256 ** 2 - 1)) / 12);
  for (let i = 0; i < pixels.length; i++) {
    const word = hash32(seed, i);
    const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
    pixels[i] = Math.min(1, Math.max(0, pixels[i]! + (sum - 510) * scale));
  }
}

/** A rectangle that may be turned. */
export interface Bar {
  readonly x: number;
  readonly y: number;
  readonly length: number;
  readonly width: number;
  /** Turn of its length from the x axis, clockwise. */
  readonly angleRad: number;
  readonly colour: Rgb;
}

export function barForm({ x, y, length, width, angleRad }: Bar): Form {
  const [cos, sin] = [Math.cos(angleRad), Math.sin(angleRad)];
  return {
    x,
    y,
    reach: (length + width) / 2,
    distance: (px, py) => {
      const [dx, dy] = [px - x, py - y];
      return boxDistance(dx * cos + dy * sin, dy * cos - dx * sin, length / 2, width / 2);
    },
  };
}

/** Distance to a rectangle around the origin with these half sides. */
export function boxDistance(x: number, y: number, a: number, b: number): number {
  const [outX, outY] = [Math.abs(x) - a, Math.abs(y) - b];
  if (outX <= 0 || outY <= 0) return Math.max(outX, outY);
  return Math.sqrt(outX * outX + outY * outY);
}

export function discForm(x: number, y: number, radius: number): Form {
  return {
    x,
    y,
    reach: radius,
    distance: (px, py) => Math.sqrt((px - x) ** 2 + (py - y) ** 2) - radius,
  };
}

/** A polygon around `x`, `y` by its corners there, in order. */
export function polygonForm(
  x: number,
  y: number,
  corners: readonly (readonly [number, number])[],
): Form {
  const reach = Math.max(...corners.flat().map(Math.abs));
  const distance = polygonDistance(corners);
  return { x, y, reach, distance: (px, py) => distance(px - x, py - y) };
}

/** The distance to the nearest side, and whether a ray to the right crosses an odd number of sides. */
export function polygonDistance(corners: readonly (readonly [number, number])[]): Distance {
  const sides = corners.map(([x, y], i) => {
    const [nextX, nextY] = corners[(i + 1) % corners.length]!;
    const [ex, ey] = [nextX - x, nextY - y];
    return { x, y, ex, ey, squared: ex * ex + ey * ey };
  });
  return (px, py) => {
    let nearest = Infinity;
    let isInside = false;
    for (const { x, y, ex, ey, squared } of sides) {
      const dx = px - x;
      const dy = py - y;
      const along = Math.min(1, Math.max(0, (dx * ex + dy * ey) / squared));
      const missX = dx - along * ex;
      const missY = dy - along * ey;
      nearest = Math.min(nearest, missX * missX + missY * missY);
      if (dy < 0 !== dy - ey < 0 && dx < (dy / ey) * ex) isInside = !isInside;
    }
    return isInside ? -Math.sqrt(nearest) : Math.sqrt(nearest);
  };
}
