import { array, assert, constantFrom, property } from "fast-check";
import { expect, test } from "vitest";

import { toText, toWords } from "./words.ts";

test("punctuation is a word of its own and is written without a space before it", () => {
  expect(toWords("In the end, Mira was glad. What a day!")).toEqual([
    "In",
    "the",
    "end",
    ",",
    "Mira",
    "was",
    "glad",
    ".",
    "What",
    "a",
    "day",
    "!",
  ]);
  expect(toText(["Where", "was", "Tomo", "?"])).toBe("Where was Tomo?");
});

test("spaces around a text and between words do not matter", () => {
  expect(toWords("  Mira   found\na kite ")).toEqual(["Mira", "found", "a", "kite"]);
  expect(toWords("")).toEqual([]);
});

test("any list of words comes back from its text", () => {
  const word = constantFrom("Mira", "kite", "<bos>", ".", ",", "?", "!");
  assert(
    property(array(word), (words) => {
      expect(toWords(toText(words))).toEqual(words);
    }),
    { seed: 1 },
  );
});
