import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText } from "../words.ts";
import { readEnglish, readForeign } from "./second-language.ts";
import type { Knobs, Text } from "./skill.ts";
import { translation } from "./translation.ts";
import type { TranslationLabel } from "./translation.ts";

const sample = (count: number, knobs: Knobs): Text<TranslationLabel>[] =>
  Array.from({ length: count }, (_, seed) => translation.draw(new Rng(seed), knobs));

const many = sample(400, { sentences: 3, direction: 2 });

/** Reads the paragraphs of a text, such as `English : the cat saw a kite .`, without looking at its label. */
function readParagraphs(words: readonly string[]) {
  return words
    .join(" ")
    .split(/(?=English :|Veshti :)/)
    .map((paragraph) => {
      const language = paragraph.startsWith("English") ? "English" : "Veshti";
      const sentences = paragraph.slice(paragraph.indexOf(":") + 1).split(" .");
      const read = language === "English" ? readEnglish : readForeign;
      return { language, said: sentences.slice(0, -1).map((said) => read(said.trim().split(" "))) };
    });
}

test("the texts of seeds 1 and 2 stay what they are", () => {
  const [, one, two] = sample(3, { sentences: 2, direction: 2 });
  expect([toText(one!.words), toText(two!.words)]).toMatchInlineSnapshot(`
    [
      "Veshti: torgu chernim mo li chonu rudim li doresh ka. English: the black dogs brought the red cup. English: blue cats hid the blue drum. Veshti: zivo modrim mo dambo modrim li kashesh ka.",
      "Veshti: zivo mo chonu mo volnesh ka. English: cats wanted cups. English: the parrots will find a white cat. Veshti: arvu mo li zivo belvim trovesh.",
    ]
  `);
});

test("every paragraph can be read, and a translation says what its source says", () => {
  for (const { words, label } of many) {
    const paragraphs = readParagraphs(words);
    const said = paragraphs.flatMap((paragraph) => paragraph.said);
    expect(said).not.toContain(undefined);
    label.translations.forEach(({ from, to, sentence }, i) => {
      const [source, target] = paragraphs.slice(2 * i, 2 * i + 2);
      expect(source).toEqual({ language: from, said: [sentence] });
      expect(target).toEqual({ language: to, said: [sentence] });
      expect(from).not.toBe(to);
    });
    const rest = paragraphs.slice(2 * label.translations.length).flatMap(({ said: left }) => left);
    expect(rest).toEqual(label.untranslated);
  }
});

test("the answers are the whole translations with their full stops", () => {
  for (const { words, answers, label } of many) {
    expect(answers).toEqual(label.translations.map(({ target }) => target));
    for (const { start, end } of answers) {
      expect(words[start - 1]).toBe(":");
      expect(words.indexOf(".", start)).toBe(end - 1);
    }
  }
});

test("a counterfactual exchanges one word of the last source, and one word of its answer with it", () => {
  for (const { words, label, counterfactual } of many) {
    const { source, target } = label.translations.at(-1)!;
    expect(counterfactual).toHaveLength(words.length);
    const changed = words.flatMap((word, i) => (word === counterfactual![i] ? [] : [i]));
    expect(changed).toHaveLength(2);
    expect(changed[0]).toBeGreaterThanOrEqual(source.start);
    expect(changed[0]).toBeLessThan(source.end);
    expect(changed[1]).toBeGreaterThanOrEqual(target.start);
    expect(changed[1]).toBeLessThan(target.end);
    const before = readParagraphs(counterfactual!).slice(0, 2 * label.translations.length);
    expect(before.at(-1)!.said).toEqual(before.at(-2)!.said);
  }
});

test("`sentences` is how many are translated, and `direction` which way", () => {
  const directions = (knobs: Knobs) =>
    sample(50, knobs).map(({ label }) => label.translations.map(({ to }) => to));
  expect(new Set(directions({ sentences: 1, direction: 0 }).flat())).toEqual(new Set(["Veshti"]));
  expect(new Set(directions({ sentences: 2, direction: 1 }).flat())).toEqual(new Set(["English"]));
  const either = directions({ sentences: 3, direction: 2 });
  expect(new Set(either.map((to) => to.length))).toEqual(new Set([3]));
  expect(new Set(either.map((to) => to.join())).size).toBe(8);
});

test("all words are in the vocabulary, all of the vocabulary is used, and no text is too long", () => {
  const used = new Set(many.flatMap(({ words }) => words));
  expect([...used].toSorted()).toEqual([...translation.vocabulary].toSorted());
  expect(Math.max(...many.map(({ words }) => words.length))).toBeLessThanOrEqual(118);
});

test("texts differ, and one key in eight is held out", () => {
  expect(new Set(many.map(({ words }) => words.join(" "))).size).toBe(many.length);
  const keys = [...new Set(many.map(({ key }) => key))];
  expect(keys.length).toBeGreaterThan(0.99 * many.length);
  const heldOut = keys.filter((key) => splitOf(key) === "heldOut").length / keys.length;
  // 0.125 with a standard error of 0.017 for 400 keys.
  expect(heldOut).toBeGreaterThan(0.07);
  expect(heldOut).toBeLessThan(0.18);
});
