// Tokens that are found in the text before anything else is done with it: special tokens, user-defined symbols, new words.

import { z } from "zod";

import type { Normalise } from "./normalise.ts";
import { literal, wordCharacters } from "./pattern.ts";
import { AlignedText } from "./text.ts";
import type { Span } from "./text.ts";

export const addedTokenSchema = z.object({
  id: z.int().min(0),
  content: z.string(),
  /** Whether it counts only where no letter or digit touches it. */
  single_word: z.boolean().default(false),
  /** Whether it takes the white space before it along. */
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  special: z.boolean().default(false),
  /** Whether it is looked for after normalising. Default: unless it is special. */
  normalized: z.boolean().optional(),
});

export type AddedToken = z.output<typeof addedTokenSchema>;

/** A stretch of normalised text, or an added token and where it stood. */
export type Section =
  | { readonly text: AlignedText; readonly isFirst: boolean }
  | { readonly token: AddedToken; readonly span: Span };

/**
 * Makes the function that takes a prompt apart at added tokens and normalises what is between.
 *
 * @param added - of two tokens that match at one place the longer counts
 */
export function buildSections(
  added: readonly AddedToken[],
  normalise: Normalise,
): (prompt: string) => Section[] {
  const isNormalised = (token: AddedToken): boolean => token.normalized ?? !token.special;
  const raw = finder(added.filter((token) => !isNormalised(token)).map((t) => [t.content, t]));
  const normalised = finder(
    added.filter(isNormalised).map((t) => [normalise(new AlignedText(t.content)).text, t]),
  );
  return (prompt) => {
    // Half of a surrogate pair is no character; UTF-8 has none for it either.
    const wellFormed = new AlignedText(prompt.replace(/\p{Surrogate}/gu, "\uFFFD"));
    const sections = raw(wellFormed, true);
    return sections.flatMap((section) =>
      "token" in section ? [section] : normalised(normalise(section.text), section.isFirst),
    );
  };
}

type Finder = (text: AlignedText, isFirst: boolean) => Section[];

function finder(entries: readonly (readonly [content: string, token: AddedToken])[]): Finder {
  const tokens = new Map(entries.filter(([content]) => content !== ""));
  if (tokens.size === 0) return (text, isFirst) => (text.length === 0 ? [] : [{ text, isFirst }]);
  const pattern = literal([...tokens.keys()]);
  return (text, isFirst) => {
    const sections: Section[] = [];
    let at = 0;
    const gap = (end: number): void => {
      if (at >= end) return;
      sections.push({ text: text.slice(at, end), isFirst: isFirst && at === 0 });
    };
    for (const { 0: match, index } of text.text.matchAll(pattern)) {
      const token = tokens.get(match)!;
      const span = extent(text.text, token, [index, index + match.length]);
      if (span === undefined || index < at) continue;
      const start = Math.max(span[0], at);
      gap(start);
      sections.push({ token, span: text.span(start, span[1]) });
      at = span[1];
    }
    gap(text.length);
    return sections;
  };
}

const wordBefore = new RegExp(`[${wordCharacters}]$`, "u");
const wordAfter = new RegExp(`^[${wordCharacters}]`, "u");

/** A match with the white space it takes along; undefined where a word goes on beside a token that stands alone. */
function extent(text: string, token: AddedToken, [start, end]: Span): Span | undefined {
  const before = text.slice(0, start);
  const after = text.slice(end);
  if (token.single_word && (wordBefore.test(before) || wordAfter.test(after))) return undefined;
  const left = token.lstrip ? before.length - before.trimEnd().length : 0;
  const right = token.rstrip ? after.length - after.trimStart().length : 0;
  return [start - left, end + right];
}
