import type { z } from "zod";

import type { patternSchema } from "./component.ts";
import { SplitPreTokenizer } from "./library.ts";

type PatternJson = z.output<typeof patternSchema>;

/**
 * The JavaScript regular expression of a pattern, global and Unicode-aware.
 *
 * The library translates the notation; its splitter is the way to reach that.
 *
 * @throws SyntaxError for a pattern that JavaScript cannot express
 */
export function regExpOf(pattern: PatternJson): RegExp {
  if ("String" in pattern) return literal([pattern.String]);
  const splitter = new SplitPreTokenizer({
    type: "Split",
    pattern,
    behavior: "Isolated",
    invert: false,
  });
  return splitter.pattern;
}

/** Matches any of the texts, the longest first. */
export function literal(texts: readonly string[]): RegExp {
  const longestFirst = texts.toSorted((a, b) => b.length - a.length);
  const escaped = longestFirst.map((text) =>
    text.replace(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`),
  );
  return new RegExp(escaped.join("|"), "gu");
}

/** The inside of a character class: what Rust's regular expressions call a word character. */
export const wordCharacters = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}`;
