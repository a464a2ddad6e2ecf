// A scene is what is true of a picture: objects in the order of their depth, what lies behind them, and what covers them.
// Lengths and places are shares of the picture's side, x to the right and y down, so one scene can be drawn at any size.

import { PatchClampError } from "../../core/errors.ts";
import { requireOneOf } from "../_options.ts";
import { addNoise, barForm, blankCanvas, fillGradient, paint, writeMask } from "./_canvas.ts";
import type { Bar, Form, Ink, Rgb } from "./_canvas.ts";
import { requireSize, requireWithin } from "./_options.ts";
import { outlineDistance, shapeClasses } from "./outlines.ts";
import type { ShapeClass } from "./outlines.ts";
import { palette, secondTone, shapeColours, shapeTextures, textureDistance } from "./paints.ts";
import type { ShapeColour, ShapeTexture } from "./paints.ts";

/** One thing in a scene. */
export interface SceneObject {
  readonly shape: ShapeClass;
  readonly colour: ShapeColour;
  readonly texture: ShapeTexture;
  /** Its centre of mass. */
  readonly x: number;
  readonly y: number;
  /** Radius of the disc that holds it. */
  readonly radius: number;
  /** How far it is turned clockwise. */
  readonly angleRad: number;
  /** What is added to its red, green and blue; nothing when it is left out. */
  readonly tint?: Rgb;
}

/** A surface whose colour changes along a direction, from one border to the other. */
export interface Background {
  readonly from: Rgb;
  readonly to: Rgb;
  readonly angleRad: number;
}

/** All that a picture shows. */
export interface Scene {
  readonly background: Background;
  /** Small things without a name, behind all objects. */
  readonly clutter: readonly Bar[];
  /** From back to front, at most 255. */
  readonly objects: readonly SceneObject[];
  /** Cards without a name, in front of all objects. */
  readonly covers: readonly Bar[];
  /** Standard deviation of the noise over the whole picture, 0..0.5. */
  readonly noise: number;
  /** The noise's stream. */
  readonly seed: number;
}

/** Pixels of a square picture. */
export interface Picture {
  /** Its side in pixels. */
  readonly size: number;
  /** [height, width, channel] in 0..1; the channels are red, green and blue. */
  readonly pixels: Float32Array;
}

/** A picture of a scene with where everything is. */
export interface Drawing extends Picture {
  /** What is seen at the centre of each pixel: the object's index plus 1, or 0; [height, width]. */
  readonly mask: Uint8Array;
  /** Of each object all of it, hidden or not: 1 inside, 0 outside; [height, width] each. */
  readonly amodal: readonly Uint8Array[];
  /** The share of each object that is seen, 0..1. */
  readonly visible: readonly number[];
}

export interface DrawOptions {
  /** The picture's side in pixels, 16..96; 32 by default. */
  size?: number;
}

/**
 * Draws a scene, with smooth edges and exact masks.
 *
 * @returns the picture and its masks; the same scene gives the same bytes
 * @throws PatchClampError `BAD_OPTION` when `size` is no integer in 16..96, or the scene holds a name that is none of those
 *   listed, a radius outside 0.02..1, noise outside 0..0.5 or more than 255 objects
 */
export function drawScene(scene: Scene, options: DrawOptions = {}): Drawing {
  const { size = 32 } = options;
  requireSize("drawScene", size);
  requireScene(scene);

  const canvas = blankCanvas(size);
  const { from, to, angleRad } = scene.background;
  fillGradient(canvas, from, to, angleRad);
  for (const bar of scene.clutter) paint(canvas, barForm(bar), bar);

  const mask = new Uint8Array(size * size);
  const amodal = scene.objects.map((object, index) => {
    const inside = paint(canvas, objectForm(object), objectInk(object));
    writeMask(mask, inside, index + 1);
    return inside;
  });
  for (const bar of scene.covers) writeMask(mask, paint(canvas, barForm(bar), bar), 0);
  addNoise(canvas, scene.noise, scene.seed);

  const seen = new Float64Array(amodal.length + 1);
  for (const owner of mask) seen[owner]!++;
  const visible = amodal.map((inside, index) => {
    const all = count(inside);
    return all === 0 ? 0 : seen[index + 1]! / all;
  });
  return { ...canvas, mask, amodal, visible };
}

function count(inside: Uint8Array): number {
  let total = 0;
  for (const value of inside) total += value;
  return total;
}

/** The outline of an object where it stands. */
export function objectForm(object: SceneObject): Form {
  const { x, y, radius, angleRad, shape } = object;
  const outline = outlineDistance(shape);
  const [cos, sin] = [Math.cos(angleRad) / radius, Math.sin(angleRad) / radius];
  return {
    x,
    y,
    reach: radius,
    distance: (px, py) => {
      const [dx, dy] = [px - x, py - y];
      return outline(dx * cos + dy * sin, dy * cos - dx * sin) * radius;
    },
  };
}

function objectInk({ x, y, angleRad, colour, texture, tint = [0, 0, 0] }: SceneObject): Ink {
  const pure = palette[colour];
  const tinted = [0, 1, 2].map((c) => Math.min(1, Math.max(0, pure[c]! + tint[c]!)));
  const tone = tinted as [number, number, number];
  const pattern = textureDistance(texture);
  if (pattern === undefined) return { colour: tone };
  const [cos, sin] = [Math.cos(angleRad), Math.sin(angleRad)];
  return {
    colour: tone,
    other: secondTone(tone),
    second: (px, py) => {
      const [dx, dy] = [px - x, py - y];
      return pattern(dx * cos + dy * sin, dy * cos - dx * sin);
    },
  };
}

/** The sizes that have a name. */
export const shapeSizes = ["small", "large"] as const;

/** How large an object is called. */
export type ShapeSize = (typeof shapeSizes)[number];

/** Objects whose disc has a radius of less than 0.16 of the picture's side are small, the others are large. */
export function sizeOf(object: SceneObject): ShapeSize {
  return object.radius < 0.16 ? "small" : "large";
}

/** A rectangle of pixels: from `left` and `top` up to but not including `right` and `bottom`. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * The smallest box that holds all pixels of a mask.
 *
 * @param inside - not 0 inside, [size, size]
 * @returns undefined when the mask is empty
 */
export function boxOf(inside: Uint8Array, size: number): Box | undefined {
  let [left, top, right, bottom] = [size, size, 0, 0];
  inside.forEach((value, pixel) => {
    if (value === 0) return;
    const [row, column] = [Math.floor(pixel / size), pixel % size];
    left = Math.min(left, column);
    right = Math.max(right, column + 1);
    top = Math.min(top, row);
    bottom = Math.max(bottom, row + 1);
  });
  return right === 0 ? undefined : { left, top, right, bottom };
}

function requireScene(scene: Scene): void {
  const where = "drawScene";
  if (scene.objects.length > 255) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `the scene has ${scene.objects.length} objects, and a mask has numbers for 255.`,
    });
  }
  requireWithin(where, "noise", scene.noise, [0, 0.5]);
  for (const [index, { shape, colour, texture, radius }] of scene.objects.entries()) {
    requireOneOf(where, `objects[${index}].shape`, shape, shapeClasses);
    requireOneOf(where, `objects[${index}].colour`, colour, shapeColours);
    requireOneOf(where, `objects[${index}].texture`, texture, shapeTextures);
    requireWithin(where, `objects[${index}].radius`, radius, [0.02, 1]);
  }
}
