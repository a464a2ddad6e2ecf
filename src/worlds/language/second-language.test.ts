import * as fc from "fast-check";
import { expect, test } from "vitest";

import { animals, objects } from "./lexicon.ts";
import {
  adjectives,
  english,
  englishWords,
  foreign,
  foreignWords,
  nouns,
  readEnglish,
  readForeign,
  verbs,
} from "./second-language.ts";
import type { Adjective, Noun, Sentence, Verb } from "./second-language.ts";

const phrase = fc.record({
  noun: fc.constantFrom(...(Object.keys(nouns) as Noun[])),
  adjective: fc.constantFrom(null, ...(Object.keys(adjectives) as Adjective[])),
  number: fc.constantFrom("one" as const, "many" as const),
  isDefinite: fc.boolean(),
});

const anySentence: fc.Arbitrary<Sentence> = fc.record({
  subject: phrase,
  verb: fc.constantFrom(...(Object.keys(verbs) as Verb[])),
  tense: fc.constantFrom("past" as const, "future" as const),
  object: phrase,
});

const seeded = { seed: 6, numRuns: 500 };

test("the grammar says who, what, how many and when in both languages", () => {
  const sentence: Sentence = {
    subject: { noun: "cat", adjective: "big", number: "many", isDefinite: true },
    verb: "see",
    tense: "past",
    object: { noun: "kite", adjective: "red", number: "one", isDefinite: false },
  };
  const later: Sentence = {
    subject: { noun: "dog", adjective: null, number: "one", isDefinite: true },
    verb: "find",
    tense: "future",
    object: { noun: "cup", adjective: null, number: "many", isDefinite: false },
  };
  expect([sentence, later].flatMap((s) => [english(s).join(" "), foreign(s).join(" ")]))
    .toMatchInlineSnapshot(`
    [
      "the big cats saw a red kite",
      "zivo granim mo li flirro rudim vidresh ka",
      "the dog will find cups",
      "torgu li chonu mo trovesh",
    ]
  `);
});

test("reading gives back what was said, in both languages", () => {
  fc.assert(
    fc.property(anySentence, (sentence) => {
      expect(readEnglish(english(sentence))).toEqual(sentence);
      expect(readForeign(foreign(sentence))).toEqual(sentence);
    }),
    seeded,
  );
});

test("words that are exchanged are read as the same words or not at all", () => {
  const anyWords = (words: readonly string[]) => fc.tuple(fc.nat(), fc.constantFrom(...words));
  fc.assert(
    fc.property(anySentence, anyWords(englishWords), anyWords(foreignWords), (said, a, b) => {
      const [one, other] = [english(said), foreign(said)];
      one[a[0] % one.length] = a[1];
      other[b[0] % other.length] = b[1];
      const [read, readOther] = [readEnglish(one), readForeign(other)];
      expect([one, undefined]).toContainEqual(read && english(read));
      expect([other, undefined]).toContainEqual(readOther && foreign(readOther));
    }),
    seeded,
  );
});

test.each([
  "the cat saw",
  "cat saw a kite",
  "the cat saw a kite a",
  "a cats saw a kite",
  "the cat see a kite",
  "the cat will saw a kite",
  "the cat saw the red big kite",
  "",
])("`%s` is no English sentence", (words) => {
  expect(readEnglish(words.split(" "))).toBeUndefined();
});

test.each([
  "zivo li vidresh",
  "zivo li flirro vidresh ka ka",
  "zivo li mo flirro vidresh",
  "zivo granim rudim flirro vidresh",
  "vidresh zivo flirro",
  "",
])("`%s` is no Veshti sentence", (words) => {
  expect(readForeign(words.split(" "))).toBeUndefined();
});

test("every word has one meaning: no two share a form, and none belongs to both languages", () => {
  const words = [...englishWords, ...foreignWords];
  expect(new Set(words).size).toBe(words.length);
});

test("nouns are things and animals that the whole world knows", () => {
  for (const noun of Object.keys(nouns)) expect([...animals, ...objects]).toContain(noun);
});
