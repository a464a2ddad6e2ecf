// Colours and textures of objects.

import type { Distance, Rgb } from "./_canvas.ts";

/** The colours of objects, in the order of their labels. */
export const shapeColours = [
  "red",
  "blue",
  "green",
  "yellow",
  "pink",
  "brown",
  "white",
  "black",
] as const;

/** One of the eight colours. */
export type ShapeColour = (typeof shapeColours)[number];

/** What each colour looks like. */
export const palette: Readonly<Record<ShapeColour, Rgb>> = {
  red: [0.88, 0.18, 0.2],
  blue: [0.14, 0.39, 0.85],
  green: [0.15, 0.62, 0.31],
  yellow: [0.98, 0.8, 0.16],
  pink: [0.98, 0.52, 0.72],
  brown: [0.47, 0.27, 0.13],
  white: [0.99, 0.99, 0.97],
  black: [0.07, 0.07, 0.09],
};

/** The textures of objects, in the order of their labels. */
export const shapeTextures = ["plain", "striped", "dotted", "checked"] as const;

/** One of the four textures. */
export type ShapeTexture = (typeof shapeTextures)[number];

/**
 * The second colour of an object that is not plain: a darker tone of the first, and a lighter one of black. That of white
 * is darker than all backgrounds, so that no part of an object looks like a hole in it.
 */
export function secondTone([red, green, blue]: Rgb): Rgb {
  if (Math.max(red, green, blue) < 0.25) return [red + 0.26, green + 0.26, blue + 0.26];
  const share = Math.min(red, green, blue) > 0.8 ? 0.32 : 0.56;
  return [red * share, green * share, blue * share];
}

/** Length after which a texture repeats, as a share of the picture's side: a little over four pixels of 32. */
const period = 0.135;

/**
 * Where an object has its second tone, as a distance in its own, unturned frame: negative inside. Nowhere, if it is plain.
 */
export function textureDistance(texture: ShapeTexture): Distance | undefined {
  return textures[texture];
}

const textures: Record<ShapeTexture, Distance | undefined> = {
  plain: undefined,
  striped: (_, y) => stripe(y),
  dotted: (x, y) => {
    const [dx, dy] = [toMiddle(x), toMiddle(y)];
    return Math.sqrt(dx * dx + dy * dy) - period * 0.3;
  },
  checked: (x, y) => {
    const [across, down] = [stripe(x), stripe(y)];
    const edge = Math.min(Math.abs(across), Math.abs(down));
    return across < 0 === down < 0 ? -edge : edge;
  },
};

/** Distance along one axis to a stripe that is half a period wide; an edge is at 0, so that a small object has both tones. */
function stripe(x: number): number {
  return Math.abs(toMiddle(x + period / 4)) - period / 4;
}

/** How far a coordinate is from the middle of its period; 0 lies between two periods. */
function toMiddle(x: number): number {
  return x - period * (Math.floor(x / period) + 0.5);
}
