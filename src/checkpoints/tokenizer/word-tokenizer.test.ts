import * as fc from "fast-check";
import { expect, test } from "vitest";

import { makeTokenizer } from "./tokenizer.ts";
import { wordTokenizerConfig, wordTokenizerJson } from "./word-tokenizer.ts";

const words = "Mira gave the red cup to Tomo . , ! ? ; : and he said thanks 7 12 don't café".split(
  " ",
);
const tokenizer = makeTokenizer("words", wordTokenizerJson(words), wordTokenizerConfig());

// Ids and texts are those of Python's transformers 5.23.0 with tokenizers 0.23.3, which opened the same two files.
test.each([
  ["Mira gave the red cup to Tomo.", [2, 4, 5, 6, 7, 8, 9, 10, 11]],
  ["Tomo, he said thanks! and 12 7?", [2, 10, 12, 18, 19, 20, 13, 17, 22, 21, 14]],
  ["Mira gave..!", [2, 4, 5, 11, 11, 13]],
  ["don't; café: the", [2, 23, 15, 24, 16, 6]],
  ["", [2]],
])("%j has the ids that Python gives it, and comes back as it was", (text, ids) => {
  expect(tokenizer.encode(text)).toEqual(ids);
  expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(ids.slice(1));
  expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(text);
});

test("other spacing is read alike and written the usual way", () => {
  const ids = tokenizer.encode("  Mira gave\nthe   cup .");
  expect(tokenizer.decode(ids)).toBe("<bos> Mira gave the cup.");
});

test("an unknown word becomes <unk>", () => {
  expect(tokenizer.encode("the zork, Mira")).toEqual([2, 6, 0, 12, 4]);
});

test("any ids without special tokens come back from their text", () => {
  const ids = fc.array(fc.integer({ min: 4, max: words.length + 3 }), { minLength: 1 });
  fc.assert(
    fc.property(ids, (given) => {
      const text = tokenizer.decode(given);
      expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(given);
    }),
    { seed: 4, numRuns: 500 },
  );
});

test("the special tokens have the ids 0 to 3, and a text may begin without <bos>", () => {
  expect([tokenizer.id("<unk>"), tokenizer.pad, tokenizer.bos, tokenizer.eos]).toEqual([
    0, 1, 2, 3,
  ]);
  expect(tokenizer.vocabSize).toBe(words.length + 4);
  const bare = makeTokenizer("words", wordTokenizerJson(words, { addBos: false }));
  expect(bare.encode("Mira")).toEqual([4]);
});

test.each([
  ["", 'the word "" is empty.'],
  ["Mira", 'the word "Mira" is there twice.'],
  ["<pad>", 'the word "<pad>" is there twice.'],
  ["red cup", 'the word "red cup" would be split, at white space or at one of . , ! ? ; :.'],
  ["Mr.", 'the word "Mr." would be split, at white space or at one of . , ! ? ; :.'],
])("the word %j is refused", (word, sentence) => {
  expect(() => wordTokenizerJson(["Mira", word])).toThrow(`wordTokenizerJson: ${sentence}`);
});
