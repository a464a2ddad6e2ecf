// Questions about a scene, as many as one likes. The world asks each of its pictures one; a network that learns hears more of them.

import type { Rng } from "../core/rng.ts";
import {
  answerTo,
  questionWords,
  shapeClasses,
  shapeColours,
  shapeRelations,
  shapeSizes,
  shapeTextures,
  sizeOf,
} from "../worlds/index.ts";
import type {
  Description,
  Question,
  QuestionKind,
  Scene,
  SceneObject,
  ShapeAttribute,
} from "../worlds/index.ts";

/** The values of each attribute. */
export const attributeValues: Readonly<Record<ShapeAttribute, readonly string[]>> = {
  size: shapeSizes,
  colour: shapeColours,
  texture: shapeTextures,
  shape: shapeClasses,
};

/** What can be said of an object. */
export const attributes = Object.keys(attributeValues) as ShapeAttribute[];

/** All that can be said of an object. */
export function everythingAbout(object: SceneObject): Required<Description> {
  const { colour, texture, shape } = object;
  return { size: sizeOf(object), colour, texture, shape };
}

/** What a thing may be named by. */
const namings: readonly (readonly ShapeAttribute[])[] = [
  ["shape"],
  ["colour", "shape"],
  ["size", "shape"],
  ["texture", "shape"],
  ["colour"],
  ["size", "colour"],
  ["texture"],
];

/** A question with its answer. */
export interface Asked {
  readonly question: Question;
  readonly words: readonly string[];
  readonly answer: readonly string[];
}

/**
 * Asks about a scene: something that has one answer, "yes" as often as "no".
 *
 * @param kind - what is asked; a scene may have nothing to ask so, and then another kind is asked
 */
export function askAbout(rng: Rng, scene: Scene, kind: QuestionKind): Asked {
  const isYes = rng.uniform() < 0.5;
  for (let tries = 0; ; tries++) {
    const question = propose(rng, scene, { kind: tries < 40 ? kind : "attribute", isYes });
    const answer = answerTo(question, scene);
    if (answer === undefined || answer[0] === (isYes ? "no" : "yes")) continue;
    return { question, words: questionWords(question), answer };
  }
}

/** Any question of a kind; it may have no answer, or another one than is wanted. */
function propose(
  rng: Rng,
  { objects }: Scene,
  { kind, isYes }: { kind: QuestionKind; isYes: boolean },
): Question {
  const name = (object: SceneObject): Description => described(object, rng.pick(namings));
  switch (kind) {
    case "attribute": {
      const attribute = rng.pick(attributes);
      const ways = namings.filter((way) => !way.includes(attribute));
      return { kind, attribute, of: described(rng.pick(objects), rng.pick(ways)) };
    }
    case "what":
      return { kind, relation: rng.pick(shapeRelations), of: name(rng.pick(objects)) };
    case "count": {
      const attribute = rng.pick(["size", "colour", "shape"] as const);
      const there = described(rng.pick(objects), [attribute]);
      const any = { [attribute]: rng.pick(attributeValues[attribute]) };
      return { kind, of: rng.uniform() < 0.7 ? there : any };
    }
    case "exists": {
      const there = described(rng.pick(objects), ["colour", "shape"]);
      if (isYes) return { kind, of: there };
      const any = { colour: rng.pick(shapeColours), shape: rng.pick(shapeClasses) };
      const kept = rng.pick(["colour", "shape"] as const);
      return { kind, of: { ...any, [kept]: there[kept] } };
    }
    case "related": {
      const [subject, object] = rng.shuffle(objects);
      return {
        kind,
        subject: name(subject!),
        relation: rng.pick(shapeRelations),
        of: name(object!),
      };
    }
  }
}

function described(object: SceneObject, said: readonly ShapeAttribute[]): Description {
  const all = everythingAbout(object);
  return Object.fromEntries(said.map((attribute) => [attribute, all[attribute]]));
}
