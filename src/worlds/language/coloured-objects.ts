// Coloured objects: a scene lists some things, each of another colour, and questions about it go both ways: from a thing to
// its colour and from a colour to its thing.

import type { Rng } from "../../core/rng.ts";
import { colours, firstNames, objects, places } from "./lexicon.ts";
import type { LanguageSkill, Span, Text } from "./skill.ts";

/** A thing of a scene. */
export interface ColouredObject {
  readonly object: string;
  readonly colour: string;
}

/** What a question wants to know: the colour of an object, or the object that has a colour. */
export type Wanted = keyof ColouredObject;

/** What a question names, by what it wants to know. */
const given = { colour: "object", object: "colour" } as const;

/** A question with its answer; positions count words from the beginning of the text. */
export interface ColourQuestion {
  readonly wanted: Wanted;
  /** The object or colour that is asked about. */
  readonly about: string;
  readonly answer: string;
  /** Where the answer stands. */
  readonly position: number;
}

/** What is true of a scene. */
export interface ColouredObjectsLabel {
  /** In the order in which they are listed. */
  readonly scene: readonly ColouredObject[];
  readonly questions: readonly ColourQuestion[];
}

const templates = (...texts: string[]): readonly (readonly string[])[] =>
  texts.map((text) => text.split(" "));

/** How a scene is told; `{things}` is the list of its things. */
const openings = templates(
  "on the {spot} there is {things} .",
  "there is {things} on the {spot} .",
  "{name} has {things} .",
  "{name} put {things} on the {spot} .",
  "at the {place} {name} saw {things} .",
);

const spots = ["table", "shelf", "floor", "bed"];

/** Questions, each with its answer. */
const questionForms: Readonly<Record<Wanted, readonly (readonly string[])[]>> = {
  colour: templates(
    "what colour is the {about} ? {answer} .",
    "the {about} is {answer} .",
    "the colour of the {about} is {answer} .",
  ),
  object: templates(
    "which thing is {about} ? the {answer} .",
    "what is {about} ? the {answer} .",
    "the {about} thing is the {answer} .",
  ),
};

const isSlot = (word: string): boolean => word.startsWith("{");

/** A question whose answer is still open. */
interface Asked {
  readonly wanted: Wanted;
  readonly about: string;
  readonly form: readonly string[];
}

/** Everything of a text but which thing has which colour. */
interface Plan {
  readonly opening: readonly string[];
  readonly cast: Readonly<Record<string, string>>;
  readonly asked: readonly Asked[];
}

/** Writes the scene and answers the questions by it: texts of one plan have their words at the same positions. */
function tell(
  scene: readonly ColouredObject[],
  { opening, cast, asked }: Plan,
): { words: string[]; label: ColouredObjectsLabel } {
  const words = opening.flatMap((word) =>
    word === "{things}" ? listed(scene) : isSlot(word) ? [cast[word.slice(1, -1)]!] : [word],
  );
  const questions = asked.map(({ wanted, about, form }): ColourQuestion => {
    const answer = scene.find((thing) => thing[given[wanted]] === about)![wanted];
    const position = words.length + form.indexOf("{answer}");
    words.push(
      ...form.map((word) => (word === "{about}" ? about : word === "{answer}" ? answer : word)),
    );
    return { wanted, about, answer, position };
  });
  return { words, label: { scene, questions } };
}

/** Such as `a red cup , a blue kite and a green hat`. */
function listed(scene: readonly ColouredObject[]): string[] {
  return scene.flatMap(({ colour, object }, i) => {
    const before = i === 0 ? [] : i === scene.length - 1 ? ["and"] : [","];
    return [...before, "a", colour, object];
  });
}

/** Draws questions about one thing after another; one that comes again is asked about the other way round. */
function drawAsked(rng: Rng, order: readonly ColouredObject[], count: number): Asked[] {
  const ways = order.map(() => rng.pick(["colour", "object"] as const));
  return Array.from({ length: count }, (_, i) => {
    const [thing, way] = [order[i % order.length]!, ways[i % order.length]!];
    const wanted: Wanted = i < order.length ? way : given[way];
    return { wanted, about: thing[given[wanted]], form: rng.pick(questionForms[wanted]) };
  });
}

const spanOf = ({ position }: ColourQuestion): Span => ({ start: position, end: position + 1 });

/** What colour a thing is, and which thing has a colour. */
export const colouredObjects: LanguageSkill<ColouredObjectsLabel> = {
  name: "coloured-objects",
  summary: "Tells the colour of an object in a scene, and the object that has a colour.",
  vocabulary: [
    ...new Set(
      [
        [...openings, ...Object.values(questionForms).flat()]
          .flat()
          .filter((word) => !isSlot(word)),
        ["a", ",", "and"],
        [spots, firstNames, colours, objects, places].flat(),
      ].flat(),
    ),
  ],
  knobs: {
    things: { meaning: "how many things are in the scene", least: 3, most: 5 },
    questions: { meaning: "how many questions are asked about it", least: 2, most: 4 },
  },

  draw: (rng, { things, questions }): Text<ColouredObjectsLabel> => {
    const [shown, taken] = [rng.shuffle(objects), rng.shuffle(colours)];
    const scene = Array.from({ length: things! }, (_, i) => ({
      object: shown[i]!,
      colour: taken[i]!,
    }));

    const order = rng.shuffle(scene);
    const plan: Plan = {
      opening: rng.pick(openings),
      cast: { spot: rng.pick(spots), name: rng.pick(firstNames), place: rng.pick(places) },
      asked: drawAsked(rng, order, questions!),
    };
    const { words, label } = tell(scene, plan);

    // The last thing in the order is seldom asked about, so few earlier answers change with its colour.
    const asked = order[(questions! - 1) % things!]!;
    const other = asked === order.at(-1) ? order[0]! : order.at(-1)!;
    const exchanged = scene.map((thing) => {
      if (thing === asked) return { ...thing, colour: other.colour };
      return thing === other ? { ...thing, colour: asked.colour } : thing;
    });

    return {
      words,
      answers: label.questions.map(spanOf),
      label,
      // Which objects and which colours, in no order: a scene and its counterfactual are in the same half.
      key: [...shown.slice(0, things).toSorted(), ...taken.slice(0, things).toSorted()].join(" "),
      counterfactual: tell(exchanged, plan).words,
    };
  },
};
