import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { repeatedVocabulary, repeatedWords } from "./repeats.ts";
import type { RepeatedWordsOptions } from "./repeats.ts";

const rows = Array.from({ length: 300 }, (_, seed) =>
  repeatedWords(new Rng(seed), { split: seed % 2 === 0 ? "train" : "heldOut" }),
);

test("the first row stays what it is", () => {
  const { words, predictable } = repeatedWords(new Rng(1), { length: 9, period: 4 });
  expect(words.join(" ")).toMatchInlineSnapshot(`"Sara dog scarf boat Sara dog scarf boat Sara"`);
  expect(predictable).toEqual([5, 6, 7, 8]);
});

test("a word is predictable exactly when the word before it was there before", () => {
  for (const { words, predictable } of rows) {
    const found = words.flatMap((_, i) =>
      words.slice(0, Math.max(0, i - 1)).includes(words[i - 1]!) ? [i] : [],
    );
    expect(predictable).toEqual(found);
  }
});

test("a predictable word is the one that came after the word before it then", () => {
  for (const { words, predictable } of rows) {
    for (const i of predictable) expect(words[words.indexOf(words[i - 1]!) + 1]).toBe(words[i]);
  }
});

test("words come again after the period and not earlier", () => {
  for (const { words, period } of rows) {
    expect(words).toHaveLength(39);
    expect(new Set(words.slice(0, period)).size).toBe(period);
    expect(words.slice(period)).toEqual(words.slice(0, -period));
  }
  expect(new Set(rows.map(({ period }) => period)).size).toBe(17);
});

test("a row is of the half that was asked for", () => {
  for (const [seed, { key }] of rows.entries())
    expect(splitOf(key)).toBe(seed % 2 === 0 ? "train" : "heldOut");
});

test("all words are of the vocabulary", () => {
  const known = new Set(repeatedVocabulary);
  expect(rows.flatMap(({ words }) => words).filter((word) => !known.has(word))).toEqual([]);
});

test("short rows have short periods, so that something can be predicted in each", () => {
  for (let seed = 0; seed < 100; seed++)
    expect(repeatedWords(new Rng(seed), { length: 9 }).predictable.length).toBeGreaterThan(0);
});

test("refused options say what is wrong", () => {
  const refused = (options: RepeatedWordsOptions) => () => repeatedWords(new Rng(1), options);
  expect(refused({ length: 8 })).toThrowErrorMatchingInlineSnapshot(`[PatchClampError: repeatedWords: length is 8, not an integer of at least 9.]`);
  expect(refused({ period: 21 })).toThrowErrorMatchingInlineSnapshot(`[PatchClampError: repeatedWords: period is 21, not an integer from 4 to 20.]`);
  expect(refused({ length: 9, period: 8 })).toThrowErrorMatchingInlineSnapshot(`[PatchClampError: repeatedWords: period is 8, not an integer from 4 to 7.]`);
  expect(refused({ split: "test" as never })).toThrowErrorMatchingInlineSnapshot(`[PatchClampError: repeatedWords: split is "test", not one of "train", "heldOut".]`);
});
