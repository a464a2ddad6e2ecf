import * as fc from "fast-check";
import { expect, test } from "vitest";

import { marked } from "./highlight.ts";

const moods = [
  { name: "happy", words: ["glad", "Happy"] },
  { name: "sad", words: ["cried", "glad"] },
];

test("whole words are marked with their first class, in upper or lower case", () => {
  expect(marked("Glad, gladly she cried!", moods)).toEqual([
    { text: "Glad", mark: 0 },
    { text: ", gladly she " },
    { text: "cried", mark: 1 },
    { text: "!" },
  ]);
});

test("the pieces put together are the text", () => {
  const word = fc.constantFrom("glad", "cried", "happy", " ", ", ", "é", "日", "x");
  fc.assert(
    fc.property(fc.array(word), (words) => {
      const text = words.join("");
      const pieces = marked(text, moods);
      expect(pieces.map((piece) => piece.text).join("")).toBe(text);
    }),
    { seed: 5 },
  );
});
