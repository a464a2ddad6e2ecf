import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { colours, digits } from "../language/lexicon.ts";
import { toWords } from "../words.ts";
import { captionSample } from "./captions.ts";
import { shapeColours } from "./paints.ts";
import { answerTo, questionKinds, questionSample, questionWords } from "./questions.ts";
import type { QuestionOptions, QuestionSample } from "./questions.ts";
import { relationOf } from "./relations.ts";
import { sizeOf } from "./scene.ts";
import type { Scene, SceneObject } from "./scene.ts";
import { shapesVocabulary } from "./words.ts";

function samples(seed: number, count: number, options: QuestionOptions = {}): QuestionSample[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => questionSample(rng, options));
}

/** Answers a question from its text alone. */
function read(text: string, { objects }: Scene): string | undefined {
  const named = (words: string): SceneObject[] =>
    objects.filter((object) => {
      const own = [
        sizeOf(object),
        object.colour,
        object.texture,
        object.shape,
        "thing",
      ] as string[];
      return words.split(" ").every((word) => own.includes(word));
    });
  const related = /^is the (.+) (left of|right of|above|below) the (.+)\?$/.exec(text);
  if (related) {
    const [subject, object] = [named(related[1]!)[0]!, named(related[3]!)[0]!];
    return relationOf(subject, object) === related[2] ? "yes" : "no";
  }
  const exists = /^is there a (.+)\?$/.exec(text);
  if (exists) return named(exists[1]!).length > 0 ? "yes" : "no";
  const count = /^how many (.+)s are there\?$/.exec(text);
  if (count) return String(named(count[1]!.replace("crosse", "cross")).length);
  const attribute = /^what (size|colour|texture|shape) is the (.+)\?$/.exec(text);
  if (attribute) {
    const [object] = named(attribute[2]!) as [SceneObject];
    return { size: sizeOf(object), ...object }[
      attribute[1] as "size" | "colour" | "texture" | "shape"
    ];
  }
  const what = /^what is (left of|right of|above|below) the (.+)\?$/.exec(text);
  if (what === null) return undefined;
  const [from] = named(what[2]!) as [SceneObject];
  const there = objects.filter((object) => relationOf(object, from) === what[1]);
  return there.length === 1 ? `a ${there[0]!.shape}` : undefined;
}

test("the first questions of seed 1 stay what they are", () => {
  const texts = questionKinds.flatMap((kind) =>
    samples(1, 2, { kind, size: 16 }).map(({ text, answer, counterfactual }) =>
      [text, ...answer, "|", ...counterfactual.answer].join(" "),
    ),
  );
  expect(texts).toMatchInlineSnapshot(`
    [
      "what colour is the half-moon? yellow | blue",
      "what colour is the small diamond? white | red",
      "what is right of the red hexagon? a hexagon | a square",
      "what is left of the yellow star? a star | a hexagon",
      "how many black things are there? 2 | 1",
      "how many green things are there? 1 | 2",
      "is there a black circle? yes | no",
      "is there a white triangle? no | yes",
      "is the half-moon left of the red ring? yes | no",
      "is the triangle above the circle? no | yes",
    ]
  `);
});

test.each(questionKinds)(
  "a question of kind %s, read again, has its answer in both scenes",
  (kind) => {
    for (const { text, answer, scene, counterfactual } of samples(2, 30, { kind, size: 16 })) {
      expect([text, read(text, scene)]).toEqual([text, answer.join(" ")]);
      expect([text, read(text, counterfactual.scene)]).toEqual([
        text,
        counterfactual.answer.join(" "),
      ]);
      expect(counterfactual.answer).not.toEqual(answer);
    }
  },
);

test.each(["exists", "related"] as const)("half of the answers to %s are yes", (kind) => {
  const yes = samples(3, 100, { kind, size: 16 }).filter(
    ({ answer }) => answer[0] === "yes",
  ).length;
  expect(Math.abs(yes - 50)).toBeLessThan(15); // three standard deviations of 100 coins
});

test("what is not there once cannot be asked about", () => {
  const [{ scene }] = samples(4, 1) as [QuestionSample];
  const [first] = scene.objects as [SceneObject];
  const two = { ...scene, objects: [first, { ...first, x: 0.1 }] };
  const of = { shape: first.shape };
  expect(answerTo({ kind: "attribute", attribute: "colour", of }, two)).toBeUndefined();
  expect(answerTo({ kind: "what", relation: "above", of }, two)).toBeUndefined();
  expect(answerTo({ kind: "count", of }, two)).toEqual(["2"]);
});

test("an object that stands aslant makes it unclear what stands beside another", () => {
  const [{ scene }] = samples(5, 1) as [QuestionSample];
  const at = (shape: SceneObject["shape"], x: number, y: number): SceneObject => {
    return { ...scene.objects[0]!, shape, x, y };
  };
  const star = at("star", 0.5, 0.5);
  const ask = (...others: SceneObject[]): string[] | undefined =>
    answerTo(
      { kind: "what", relation: "left of", of: { shape: "star" } },
      { ...scene, objects: [star, ...others] },
    );
  expect(ask(at("ring", 0.2, 0.5))).toEqual(["a", "ring"]);
  expect(ask(at("ring", 0.2, 0.5), at("heart", 0.5, 0.8))).toEqual(["a", "ring"]);
  expect(ask(at("ring", 0.2, 0.5), at("heart", 0.3, 0.3))).toBeUndefined();
  expect(ask(at("ring", 0.8, 0.5))).toBeUndefined();
});

test("questions, answers and captions use every word of the vocabulary and no other", () => {
  const used = new Set<string>();
  for (const { words, text, answer, question } of [
    ...samples(6, 150, { size: 16 }),
    ...samples(6, 200, { size: 16, kind: "count", count: 4 }),
  ]) {
    expect(toWords(text)).toEqual(words);
    expect(questionWords(question)).toEqual(words);
    for (const word of [...words, ...answer]) used.add(word);
  }
  const rng = new Rng(6);
  for (let i = 0; i < 50; i++) for (const word of captionSample(rng).words) used.add(word);
  expect(Array.from(used).filter((word) => !shapesVocabulary.includes(word))).toEqual([]);
  expect(shapesVocabulary.filter((word) => !used.has(word))).toEqual([]);
  expect(new Set(shapesVocabulary).size).toBe(shapesVocabulary.length);
});

test("colours and digits are words of the language world too", () => {
  expect(shapeColours.filter((colour) => !colours.includes(colour))).toEqual([]);
  expect(["0", "1", "2", "3", "4"].filter((digit) => !digits.includes(digit))).toEqual([]);
});

test("the same seed gives the same question and the same bytes", () => {
  expect(samples(7, 2)).toEqual(samples(7, 2));
});

test("an unknown kind of question is refused", () => {
  expect(() =>
    questionSample(new Rng(1), { kind: "why" as "count" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: questionSample: kind is "why", not one of "attribute", "what", "count", "exists", "related".]`,
  );
});
