import * as fc from "fast-check";
import { expect, test } from "vitest";

import { fold, pad, shorten, widthOf, wrap } from "./layout.ts";

test("wide characters take two columns and colour codes none", () => {
  expect([widthOf("日本"), widthOf("\u001b[31mred\u001b[39m")]).toEqual([4, 3]);
});

test("padding counts columns, not characters", () => {
  expect([pad("日", 4), pad("日", 4, "right"), pad("ab", 5, "center")]).toEqual([
    "日  ",
    "  日",
    " ab  ",
  ]);
});

test("shortened text fits and ends in …", () => {
  expect([shorten("abcdef", 6), shorten("abcdefg", 6), shorten("日本語", 4)]).toEqual([
    "abcdef",
    "abcde…",
    "日…",
  ]);
});

test("wrapped lines fit the width and hold the same words in order", () => {
  const word = fc.stringMatching(/^[a-z日]{1,8}$/);
  fc.assert(
    fc.property(fc.array(word), fc.integer({ min: 16, max: 40 }), (words, width) => {
      const lines = wrap(words.join(" "), width);
      expect(lines.join(" ").trim()).toBe(words.join(" "));
      expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(width);
    }),
    { seed: 3 },
  );
});

test("a word longer than the line is broken inside, without loss", () => {
  expect(wrap("ab abcdefghij k", 4)).toEqual(["ab", "abcd", "efgh", "ij k"]);
});

test("folded groups hold every column once, in order, and fit where a single column does", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 20 })),
      fc.integer({ min: 20, max: 60 }),
      (widths, room) => {
        const groups = fold(widths, room);
        expect(groups.flat()).toEqual([...widths.keys()]);
        for (const group of groups) {
          expect(group.reduce((sum, i) => sum + widths[i]!, 0)).toBeLessThanOrEqual(room);
        }
      },
    ),
    { seed: 4 },
  );
});
