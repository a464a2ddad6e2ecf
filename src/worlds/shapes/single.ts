// Pictures of one object, for classifiers. What an object is and where it stands belongs to one half of the world as a
// whole: training sees every shape, colour, texture and quarter of the picture, but not all of them together.

import { Rng } from "../../core/rng.ts";
import { requireOneOf } from "../_options.ts";
import { drawWithin, splits } from "../split.ts";
import type { Split } from "../split.ts";
import type { Bar } from "./_canvas.ts";
import { requireWithin } from "./_options.ts";
import { pointsOf } from "./_points.ts";
import { drawSurroundings, surfaces } from "./_surroundings.ts";
import type { SurroundingsOptions } from "./_surroundings.ts";
import { shapeClasses } from "./outlines.ts";
import type { ShapeClass } from "./outlines.ts";
import { shapeColours, shapeTextures } from "./paints.ts";
import type { ShapeColour, ShapeTexture } from "./paints.ts";
import { boxOf, drawScene } from "./scene.ts";
import type { Box, Drawing, Scene, SceneObject } from "./scene.ts";

/** The quarters of a picture, in the order of their labels. */
export const shapePlaces = ["top left", "top right", "bottom left", "bottom right"] as const;

/** One quarter of a picture. */
export type ShapePlace = (typeof shapePlaces)[number];

export interface SingleOptions extends SurroundingsOptions {
  /** Which half of the world is drawn from, `train` by default. */
  split?: Split;
  /** The shape; each is equally likely when it is left out. */
  shape?: ShapeClass;
  /** Share of the object that a card hides, 0..0.8; 0 by default. */
  occlusion?: number;
  /** The most that is added to or taken from red, green and blue, 0..0.3; 0 by default. */
  colourJitter?: number;
  /** The least and the most radius of the disc that holds the object, in 0.08..0.45; 0.2 to 0.36 by default. */
  scale?: readonly [least: number, most: number];
  /** The most that the object is turned to either side, in degrees, 0..180; 20 by default. */
  turn?: number;
}

/** What is true of a picture of one object. */
export interface SingleLabel {
  readonly shape: ShapeClass;
  readonly colour: ShapeColour;
  readonly texture: ShapeTexture;
  /** The quarter that has the object's centre. */
  readonly place: ShapePlace;
  /** Holds all of the object, hidden or not, in pixels. */
  readonly box: Box;
}

/** A picture of one object with what is true of it. */
export interface SingleSample extends Drawing {
  readonly scene: Scene;
  readonly label: SingleLabel;
  /** What decides its half of the world: shape, colour, texture and quarter. */
  readonly key: string;
}

/**
 * Draws a picture of one object. Each knob has a stream of its own: turning one changes nothing else in the picture.
 *
 * @param rng - advances by one word; the same state gives the same picture
 * @throws PatchClampError `BAD_OPTION` when a knob is out of its range, or `split` or `shape` is none of those listed
 */
export function singleSample(rng: Rng, options: SingleOptions = {}): SingleSample {
  const { scene, key, place } = singleScene("singleSample", rng, options);
  const drawing = drawScene(scene, options);
  const { shape, colour, texture } = scene.objects[0]!;
  const box = boxOf(drawing.amodal[0]!, drawing.size)!;
  return { ...drawing, scene, label: { shape, colour, texture, place, box }, key };
}

/** A scene of one object, not drawn yet. */
interface SingleScene {
  readonly scene: Scene;
  readonly place: ShapePlace;
  readonly key: string;
}

/** Does the work of `singleSample` but for the drawing. */
export function singleScene(where: string, rng: Rng, options: SingleOptions): SingleScene {
  const { split = "train", occlusion = 0 } = options;
  requireOneOf(where, "split", split, splits);
  requireWithin(where, "occlusion", occlusion, [0, 0.8]);

  const own = new Rng(rng.word());
  const surroundings = drawSurroundings(where, own, options);
  const kind = drawWithin(split, () => drawKind(where, own, options));
  const object = drawObject(where, own.split("object"), kind, options);
  const covers = occlusion === 0 ? [] : [drawCover(own.split("cover"), object, occlusion)];
  return { scene: { ...surroundings, objects: [object], covers }, ...kind };
}

/** What an object is, and in which quarter it stands. */
type Kind = Omit<SingleLabel, "box"> & { readonly key: string };

function drawKind(where: string, rng: Rng, options: SingleOptions): Kind {
  const { shape = rng.pick(shapeClasses) } = options;
  requireOneOf(where, "shape", shape, shapeClasses);
  const colour = rng.pick(shapeColours);
  const texture = rng.pick(shapeTextures);
  const place = rng.pick(shapePlaces);
  return {
    shape,
    colour,
    texture,
    place,
    key: ["single", shape, colour, texture, place].join("|"),
  };
}

function drawObject(where: string, rng: Rng, kind: Kind, options: SingleOptions): SceneObject {
  const { colourJitter = 0, scale = [0.2, 0.36], turn = 20 } = options;
  requireWithin(where, "colourJitter", colourJitter, [0, 0.3]);
  requireWithin(where, "turn", turn, [0, 180]);
  requireWithin(where, "scale[0]", scale[0], [0.08, 0.45]);
  requireWithin(where, "scale[1]", scale[1], [scale[0], 0.45]);

  const radius = scale[0] + (scale[1] - scale[0]) * rng.uniform();
  const angleRad = (turn * Math.PI * (2 * rng.uniform() - 1)) / 180;
  // from the edge to the middle, with the whole disc in the picture
  const along = (isFar: boolean): number => {
    const near = radius + (0.5 - radius) * rng.uniform();
    return isFar ? 1 - near : near;
  };
  const x = along(kind.place.endsWith("right"));
  const y = along(kind.place.startsWith("bottom"));
  const shift = (): number => colourJitter * (2 * rng.uniform() - 1);
  const { shape, colour, texture } = kind;
  return { shape, colour, texture, x, y, radius, angleRad, tint: [shift(), shift(), shift()] };
}

/**
 * Draws a card that comes from a random side and hides a share of the object.
 *
 * @param share - 0..1, met to about one part in a hundred
 */
function drawCover(rng: Rng, object: SceneObject, share: number): Bar {
  const { x, y, radius } = object;
  const towards = 2 * Math.PI * rng.uniform();
  const [dx, dy] = [Math.cos(towards), Math.sin(towards)];

  // how far each point of the object lies towards the card
  const depths = pointsOf(object).map(([px, py]) => px * dx + py * dy);
  depths.sort((a, b) => b - a);
  const edge = depths[Math.min(depths.length - 1, Math.round(share * depths.length))]!;
  const width = depths[0]! - edge + 0.06; // a little more than the object reaches
  const middle = edge + width / 2;
  return {
    x: x + middle * dx,
    y: y + middle * dy,
    length: 2 * radius + 0.08,
    width,
    angleRad: towards + Math.PI / 2,
    colour: rng.pick(surfaces),
  };
}
