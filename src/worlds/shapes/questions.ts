// Questions about pictures, in words, with answers of one or two words. A question is asked only where its answer is plain:
// what it names is there once, and what it asks for stands clearly on one side. Each has a counterfactual partner: a
// picture in which one thing is different, and with it the answer.

import { unreachable } from "../../core/errors.ts";
import type { Rng } from "../../core/rng.ts";
import { requireOneOf } from "../_options.ts";
import { toText } from "../words.ts";
import { drawChange } from "./changes.ts";
import type { SceneChange } from "./changes.ts";
import { multipleScene } from "./multiple.ts";
import type { MultipleOptions, MultipleSample, MultipleScene } from "./multiple.ts";
import { isWithin, relationOf, shapeRelations } from "./relations.ts";
import type { ShapeRelation } from "./relations.ts";
import { drawScene } from "./scene.ts";
import type { Scene, SceneObject } from "./scene.ts";
import {
  attributeValues,
  describe,
  descriptionOf,
  isTrueOf,
  manyWords,
  oneWords,
  shapeAttributes,
} from "./words.ts";
import type { Description, ShapeAttribute } from "./words.ts";

/** What is asked; a question's words follow from it. */
export type Question =
  | { readonly kind: "attribute"; readonly attribute: ShapeAttribute; readonly of: Description }
  | { readonly kind: "what"; readonly relation: ShapeRelation; readonly of: Description }
  | { readonly kind: "count"; readonly of: Description }
  | { readonly kind: "exists"; readonly of: Description }
  | {
      readonly kind: "related";
      readonly subject: Description;
      readonly relation: ShapeRelation;
      readonly of: Description;
    };

/** The kinds of question. */
export const questionKinds = ["attribute", "what", "count", "exists", "related"] as const;

/** One kind of question. */
export type QuestionKind = (typeof questionKinds)[number];

export interface QuestionOptions extends MultipleOptions {
  /** What is asked; each kind equally often when it is left out. */
  kind?: QuestionKind;
}

/** A picture with a question, its answer and the counterfactual partner. */
export interface QuestionSample extends MultipleSample {
  readonly question: Question;
  /** The question's words, such as `what colour is the star ?`. */
  readonly words: readonly string[];
  /** The words as a text, such as `what colour is the star?`. */
  readonly text: string;
  /** The answer's words, such as `blue`. */
  readonly answer: readonly string[];
  /** The same scene with one thing changed, and the other answer; `drawScene` draws it. */
  readonly counterfactual: {
    readonly scene: Scene;
    readonly change: SceneChange;
    readonly answer: readonly string[];
  };
}

/**
 * Draws a picture of two to four objects with a question. The answers "yes" and "no" are equally frequent.
 *
 * @throws PatchClampError `BAD_OPTION` as `multipleSample` does, or when `kind` is none of those listed
 */
export function questionSample(rng: Rng, options: QuestionOptions = {}): QuestionSample {
  const { split = "train", kind = rng.pick(questionKinds) } = options;
  requireOneOf("questionSample", "kind", kind, questionKinds);
  const isYes = rng.uniform() < 0.5;
  for (;;) {
    const drawn = multipleScene("questionSample", rng, options);
    const question = propose[kind](rng, drawn, isYes);
    const answer = question && answerTo(question, drawn.scene);
    if (question === undefined || answer === undefined) continue;
    if (answer[0] === (isYes ? "no" : "yes")) continue;

    const partner = drawChange(rng, drawn, ({ scene, told }) => {
      const other = answerTo(question, scene);
      return other !== undefined && !isSame(other, answer) && isWithin(scene, told, split);
    });
    if (partner === undefined) continue;
    const { scene, change } = partner;
    const counterfactual = { scene, change, answer: answerTo(question, scene)! };
    const words = questionWords(question);
    const drawing = drawScene(drawn.scene, options);
    return { ...drawn, ...drawing, question, words, text: toText(words), answer, counterfactual };
  }
}

/**
 * Answers a question about a scene.
 *
 * @returns the words of the answer; undefined where the question has none, such as when two stars could be "the star"
 */
export function answerTo(question: Question, { objects }: Scene): string[] | undefined {
  const { of } = question;
  switch (question.kind) {
    case "attribute": {
      const object = only(objects, of);
      return object && [descriptionOf(object)[question.attribute]];
    }
    case "what": {
      const from = only(objects, of);
      const there = from && standing(objects, question.relation, from);
      return there && ["a", there.shape];
    }
    case "count":
      return [String(objects.filter((object) => isTrueOf(of, object)).length)];
    case "exists":
      return [objects.some((object) => isTrueOf(of, object)) ? "yes" : "no"];
    case "related": {
      const [subject, object] = [only(objects, question.subject), only(objects, of)];
      const relation = subject && object && relationOf(subject, object);
      return relation && [relation === question.relation ? "yes" : "no"];
    }
    default:
      return unreachable(question);
  }
}

/** The words of a question, the last of which is `?`. */
export function questionWords(question: Question): string[] {
  const the = (said: Description): string[] => ["the", ...oneWords(said)];
  switch (question.kind) {
    case "attribute":
      return ["what", question.attribute, "is", ...the(question.of), "?"];
    case "what":
      return ["what", "is", ...question.relation.split(" "), ...the(question.of), "?"];
    case "count":
      return ["how", "many", ...manyWords(question.of), "are", "there", "?"];
    case "exists":
      return ["is", "there", "a", ...oneWords(question.of), "?"];
    case "related": {
      const { subject, relation, of } = question;
      return ["is", ...the(subject), ...relation.split(" "), ...the(of), "?"];
    }
    default:
      return unreachable(question);
  }
}

/** The object of which a description is true, if there is just one. */
function only(objects: readonly SceneObject[], said: Description): SceneObject | undefined {
  const found = objects.filter((object) => isTrueOf(said, object));
  return found.length === 1 ? found[0] : undefined;
}

/** The object that stands so to another; undefined if there are several, or one that may be meant as well. */
function standing(
  objects: readonly SceneObject[],
  relation: ShapeRelation,
  from: SceneObject,
): SceneObject | undefined {
  const others = objects.filter((object) => object !== from);
  if (others.some((object) => relationOf(object, from) === undefined)) return undefined;
  const found = others.filter((object) => relationOf(object, from) === relation);
  return found.length === 1 ? found[0] : undefined;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.join(" ") === b.join(" ");
}

/** Finds something to ask about a scene, if there is; the answer may have to be "yes" or "no". */
type Propose = (rng: Rng, drawn: MultipleScene, isYes: boolean) => Question | undefined;

const propose: Record<QuestionKind, Propose> = {
  attribute: (rng, { scene: { objects } }) => {
    const attribute = rng.pick(shapeAttributes);
    const of = naming(objects, rng.pick(objects), attribute);
    return of && { kind: "attribute", attribute, of };
  },
  what: (_, { scene: { objects }, told }) => {
    const of = naming(objects, objects[told.object]!);
    return of && { kind: "what", relation: told.relation, of };
  },
  count: (rng, { scene: { objects } }) => {
    const wanted = rng.below(objects.length + 1);
    const possible = (["size", "colour", "shape"] as const).flatMap((attribute) =>
      attributeValues[attribute].map((value): Description => ({ [attribute]: value })),
    );
    const fitting = possible.filter(
      (said) => objects.filter((object) => isTrueOf(said, object)).length === wanted,
    );
    return fitting.length === 0 ? undefined : { kind: "count", of: rng.pick(fitting) };
  },
  exists: (rng, { scene: { objects } }, isYes) => {
    const there = describe(rng.pick(objects), ["colour", "shape"]);
    if (isYes) return { kind: "exists", of: there };
    // a "no" has a shape or a colour of the picture, so neither alone gives it away
    const kept = describe(rng.pick(objects), [rng.pick(["colour", "shape"] as const)]);
    const other = {
      colour: rng.pick(attributeValues.colour),
      shape: rng.pick(attributeValues.shape),
    };
    return { kind: "exists", of: { ...(other as Description), ...kept } };
  },
  related: (rng, { scene: { objects }, told }, isYes) => {
    const subject = naming(objects, objects[told.subject]!);
    const of = naming(objects, objects[told.object]!);
    const wrong = shapeRelations.filter((relation) => relation !== told.relation);
    const relation = isYes ? told.relation : rng.pick(wrong);
    return subject && of && { kind: "related", subject, relation, of };
  },
};

/** The shortest way to name one object among others without the attribute that is asked. */
function naming(
  objects: readonly SceneObject[],
  object: SceneObject,
  asked?: ShapeAttribute,
): Description | undefined {
  const ways: ShapeAttribute[][] = [
    ["shape"],
    ["colour", "shape"],
    ["size", "shape"],
    ["texture", "shape"],
    ["colour"],
    ["size", "colour"],
    ["texture"],
  ];
  return ways
    .filter((way) => asked === undefined || !way.includes(asked))
    .map((way) => describe(object, way))
    .find((said) => only(objects, said) !== undefined);
}
