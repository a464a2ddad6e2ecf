// How things are called: "a small red circle", "the star", "3 circles".

import { shapeClasses } from "./outlines.ts";
import type { ShapeClass } from "./outlines.ts";
import { shapeColours, shapeTextures } from "./paints.ts";
import type { ShapeColour, ShapeTexture } from "./paints.ts";
import { shapeSizes, sizeOf } from "./scene.ts";
import type { SceneObject, ShapeSize } from "./scene.ts";

/** What can be said of an object, in the order in which it is said. */
export const shapeAttributes = ["size", "colour", "texture", "shape"] as const;

/** Something that can be said of an object. */
export type ShapeAttribute = (typeof shapeAttributes)[number];

/** What is said of an object, or of several. */
export interface Description {
  readonly size?: ShapeSize;
  readonly colour?: ShapeColour;
  readonly texture?: ShapeTexture;
  readonly shape?: ShapeClass;
}

/** The values that each attribute can have. */
export const attributeValues: Readonly<Record<ShapeAttribute, readonly string[]>> = {
  size: shapeSizes,
  colour: shapeColours,
  texture: shapeTextures,
  shape: shapeClasses,
};

const plurals = shapeClasses.map((shape) => (shape === "cross" ? "crosses" : `${shape}s`));

/** Every word of captions, questions and answers, each once. */
export const shapesVocabulary: readonly string[] = [
  ...shapeClasses,
  ...plurals,
  "thing",
  "things",
  ...shapeColours,
  ...shapeTextures,
  ...shapeSizes,
  ..."left right above below of a the and is are there what how many colour size texture shape yes no".split(
    " ",
  ),
  ..."0 1 2 3 4 , ?".split(" "),
];

/** All that can be said of an object. */
export function descriptionOf(object: SceneObject): Required<Description> {
  const { colour, texture, shape } = object;
  return { size: sizeOf(object), colour, texture, shape };
}

/** Those of the attributes of an object that are to be said. */
export function describe(object: SceneObject, said: readonly ShapeAttribute[]): Description {
  const all = descriptionOf(object);
  return Object.fromEntries(said.map((attribute) => [attribute, all[attribute]]));
}

/** Whether all that is said is true of an object. */
export function isTrueOf(said: Description, object: SceneObject): boolean {
  const all = descriptionOf(object);
  return shapeAttributes.every((name) => said[name] === undefined || said[name] === all[name]);
}

/** One thing: its size, its colour, its texture and its shape, as far as they are said. */
export function oneWords(said: Description): string[] {
  const { size, colour, texture, shape = "thing" } = said;
  return [size, colour, texture, shape].filter((word) => word !== undefined);
}

/** Several things. */
export function manyWords(said: Description): string[] {
  const { shape } = said;
  const noun = shape === undefined ? "things" : plurals[shapeClasses.indexOf(shape)]!;
  return [...oneWords(said).slice(0, -1), noun];
}
