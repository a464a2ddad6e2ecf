import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toWords } from "../words.ts";
import { captionSample } from "./captions.ts";
import type { CaptionOptions, CaptionSample } from "./captions.ts";
import { pairKey, relationOf } from "./relations.ts";
import { drawScene, sizeOf } from "./scene.ts";
import type { Scene, SceneObject } from "./scene.ts";
import { shapesVocabulary } from "./words.ts";

function samples(seed: number, count: number, options: CaptionOptions = {}): CaptionSample[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => captionSample(rng, options));
}

/** The objects that all words after "a" fit. */
function fitting(words: string, { objects }: Scene): SceneObject[] {
  return objects.filter((object) => {
    const own = [sizeOf(object), object.colour, object.texture, object.shape] as string[];
    return words.split(" ").every((word) => own.includes(word));
  });
}

/** Reads a caption again by its words alone, and tells whether it is true of a scene. */
function isTrue(text: string, scene: Scene): boolean {
  const told = /^a (.+) (left of|right of|above|below) a (.+)$/.exec(text);
  if (told !== null) {
    const [, subject, relation, object] = told as unknown as [string, string, string, string];
    return fitting(subject, scene).some((a) =>
      fitting(object, scene).some((b) => a !== b && relationOf(a, b) === relation),
    );
  }
  const listed = text.split(/, | and /).map((part) => fitting(part.replace("a ", ""), scene)[0]);
  const places = listed.map((object) => object?.x ?? Number.NaN);
  return (
    listed.length === scene.objects.length && places.every((x, i) => x >= (places[i - 1] ?? 0)) // from left to right
  );
}

test("the first captions of seed 1 stay what they are", () => {
  const texts = samples(1, 6).map(({ text, counterfactual }) => [text, counterfactual.text]);
  expect(texts).toMatchInlineSnapshot(`
    [
      [
        "a small yellow striped half-moon left of a red ring",
        "a small yellow striped half-moon right of a red ring",
      ],
      [
        "a red square left of a small pink square",
        "a red square left of a small pink ring",
      ],
      [
        "a pink circle above a small pink half-moon",
        "a pink circle below a small pink half-moon",
      ],
      [
        "a green triangle above a white star",
        "a green hexagon above a white star",
      ],
      [
        "a black heart left of a pink square",
        "a black triangle left of a pink square",
      ],
      [
        "a large white triangle above a red star",
        "a large white star above a red star",
      ],
    ]
  `);
});

test("a caption is true of its picture and not of its counterfactual's, and the other way round", () => {
  for (const { text, scene, counterfactual } of samples(2, 80, { size: 16 })) {
    const truths = [text, counterfactual.text].map((told) => [
      told,
      isTrue(told, scene),
      isTrue(told, counterfactual.scene),
    ]);
    expect(truths).toEqual([
      [text, true, false],
      [counterfactual.text, false, true],
    ]);
  }
});

test("a caption and its counterfactual have as many words, all of them in the vocabulary", () => {
  const known = new Set(shapesVocabulary);
  for (const { words, text, counterfactual } of samples(3, 60, { size: 16 })) {
    expect(counterfactual.words).toHaveLength(words.length);
    expect(words.filter((word) => !known.has(word))).toEqual([]);
    expect(toWords(text)).toEqual(words);
  }
});

test("a mention is the words about its object", () => {
  for (const { words, mentions, scene } of samples(4, 50, { size: 16 })) {
    for (const { object, start, end, said } of mentions) {
      expect(words[start]).toBe("a");
      const named = words.slice(start + 1, end);
      expect(named).toEqual(
        [said.size, said.colour, said.texture, said.shape].filter((word) => word !== undefined),
      );
      expect(fitting(named.join(" "), scene)).toEqual([scene.objects[object]]);
    }
  }
});

test("a counterfactual scene differs in one thing, and every kind of change is drawn", () => {
  const kinds = new Set<string>();
  for (const { scene, counterfactual } of samples(5, 100, { size: 16 })) {
    const { change } = counterfactual;
    const differing = scene.objects.filter((object, index) => {
      const other = counterfactual.scene.objects[index]!;
      return JSON.stringify(object) !== JSON.stringify(other);
    });
    expect({ ...counterfactual.scene, objects: [] }).toEqual({ ...scene, objects: [] });
    const expected = change.kind === "attribute" ? [scene.objects[change.object]] : scene.objects;
    expect(differing).toEqual(expected);
    kinds.add(change.kind === "attribute" ? change.attribute : change.kind);
  }
  expect(kinds).toEqual(new Set(["size", "colour", "texture", "shape", "mirror"]));
});

test("nothing is hidden in a counterfactual scene where nothing is in the scene", () => {
  for (const { counterfactual } of samples(6, 50, { size: 16 })) {
    const { visible } = drawScene(counterfactual.scene);
    expect(visible.every((share) => share === 1)).toBe(true);
  }
});

test("a caption and its counterfactual are in one half", () => {
  for (const split of ["train", "heldOut"] as const) {
    for (const { scene, told, counterfactual } of samples(7, 40, {
      size: 16,
      split,
      kind: "relation",
    })) {
      for (const { objects } of [scene, counterfactual.scene]) {
        const [a, b] = [objects[told.subject]!, objects[told.object]!];
        expect(splitOf(pairKey(a, relationOf(a, b)!, b))).toBe(split);
      }
    }
  }
});

test("the same seed gives the same caption and the same bytes", () => {
  expect(samples(8, 2)).toEqual(samples(8, 2));
});

test("an unknown kind of caption is refused", () => {
  expect(() =>
    captionSample(new Rng(1), { kind: "poem" as "list" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: captionSample: kind is "poem", not one of "relation", "list".]`,
  );
});
