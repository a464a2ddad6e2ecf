// The second step from text to tokens: pieces that no token crosses. As in Python's `tokenizers`, every splitter is a pattern and a
// behaviour: what becomes of the matches.

import { z } from "zod";

import { toByteCharacters } from "./bytes.ts";
import { buildPart, patternSchema } from "./component.ts";
import type { Builder } from "./component.ts";
import { literal, regExpOf, wordCharacters } from "./pattern.ts";
import type { AlignedText, Span } from "./text.ts";

/** Splits a text; `isFirst` says whether it begins at the prompt's first unit. */
export type Split = (text: AlignedText, isFirst: boolean) => AlignedText[];

/**
 * Makes the pre-tokenizer of a `tokenizer.json`.
 *
 * @param json - its `pre_tokenizer`; null for none
 * @throws Error of any kind when it describes none that is known here
 */
export function buildSplitter(json: unknown): Split {
  const split: Split =
    json === null || json === undefined
      ? (text) => [text]
      : buildPart("pre_tokenizer", builders, json);
  return (text, isFirst) => split(text, isFirst).filter((piece) => piece.length > 0);
}

const behaviours = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
] as const;

type Behaviour = (typeof behaviours)[number];

const builders: Readonly<Record<string, Builder<Split>>> = {
  Sequence: (json) => {
    const { pretokenizers } = z.object({ pretokenizers: z.array(z.unknown()) }).parse(json);
    const steps = pretokenizers.map(buildSplitter);
    return (text, isFirst) =>
      steps.reduce(
        (pieces, step) => pieces.flatMap((piece, i) => step(piece, isFirst && i === 0)),
        [text],
      );
  },
  ByteLevel: (json) => {
    const { add_prefix_space: addPrefix, use_regex: useRegex } = byteLevelSchema.parse(json);
    return (text) => {
      const whole = addPrefix ? withPrefix(text, " ", " ") : text;
      const words = useRegex ? splitting(gpt2Words, "Isolated")(whole, false) : [whole];
      return words.map(toByteCharacters);
    };
  },
  Split: (json) => {
    const { pattern, behavior, invert } = splitSchema.parse(json);
    return splitting(regExpOf(pattern), behavior, invert);
  },
  Metaspace: (json) => metaspace(metaspaceSchema.parse(json)),
  Whitespace: () => splitting(wordsOrMarks, "Removed", true),
  WhitespaceSplit: () => splitting(/\p{White_Space}/gu, "Removed"),
  CharDelimiterSplit: (json) => {
    const { delimiter } = z.object({ delimiter: z.string().min(1) }).parse(json);
    return splitting(literal([delimiter]), "Removed");
  },
  Punctuation: (json) => {
    const { behavior } = punctuationSchema.parse(json);
    return splitting(punctuation, behavior);
  },
  Digits: (json) => {
    const { individual_digits: isEachAlone } = digitsSchema.parse(json);
    return splitting(/\p{N}/gu, isEachAlone ? "Isolated" : "Contiguous");
  },
  BertPreTokenizer: () => {
    const words = splitting(/\p{White_Space}/gu, "Removed");
    const marks = splitting(punctuation, "Isolated");
    return (text, isFirst) => words(text, isFirst).flatMap((word) => marks(word, isFirst));
  },
  FixedLength: (json) => {
    const { length } = z.object({ length: z.int().min(1) }).parse(json);
    return splitting(new RegExp(`[^]{1,${length}}`, "gu"), "Isolated");
  },
};

const behaviour = z.enum(behaviours);
const byteLevelSchema = z.object({
  add_prefix_space: z.boolean().default(true),
  use_regex: z.boolean().default(true),
});
const splitSchema = z.object({
  pattern: patternSchema,
  behavior: behaviour,
  invert: z.boolean().default(false),
});
const punctuationSchema = z.object({ behavior: behaviour.default("Isolated") });
const digitsSchema = z.object({ individual_digits: z.boolean().default(false) });
const metaspaceSchema = z.object({
  replacement: z.string().min(1).default("▁"),
  prepend_scheme: z.enum(["always", "first", "never"]).optional(),
  /** How `prepend_scheme` was written before it existed. */
  add_prefix_space: z.boolean().default(true),
  split: z.boolean().default(true),
});

/** Radford et al. 2019's words: contractions, and runs of letters, digits or other marks with the space before them. */
const gpt2Words = regExpOf({
  Regex: String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
});

/** `\w+|[^\w\s]+` as Rust's regular expressions mean it. */
const wordsOrMarks = new RegExp(`[${wordCharacters}]+|[^${wordCharacters}\\p{White_Space}]+`, "gu");

const punctuation = /[\p{P}!-/:-@[-`{-~]/gu;

function metaspace(options: z.output<typeof metaspaceSchema>): Split {
  const { replacement, add_prefix_space: addPrefix, split } = options;
  const scheme = options.prepend_scheme ?? (addPrefix ? "always" : "never");
  const words = splitting(literal([replacement]), "MergedWithNext");
  return (text, isFirst) => {
    const marked = text.replace(/ /gu, () => replacement);
    const hasPrefix = scheme === "always" || (scheme === "first" && isFirst);
    const whole = hasPrefix ? withPrefix(marked, replacement, replacement) : marked;
    return split ? words(whole, isFirst) : [whole];
  };
}

function withPrefix(text: AlignedText, prefix: string, unless: string): AlignedText {
  if (text.text.startsWith(unless)) return text;
  return text.rewrite([{ start: 0, end: 0, text: prefix }]);
}

function splitting(pattern: RegExp, behaviour: Behaviour, invert = false): Split {
  return (text) =>
    joined(matchesAndGaps(text.text, pattern, invert), behaviour).map(([start, end]) =>
      text.slice(start, end),
    );
}

interface Stretch {
  readonly span: Span;
  readonly isMatch: boolean;
}

function matchesAndGaps(text: string, pattern: RegExp, invert: boolean): Stretch[] {
  const stretches: Stretch[] = [];
  let at = 0;
  const gap = (end: number): void => {
    if (at < end) stretches.push({ span: [at, end], isMatch: invert });
  };
  for (const { 0: match, index } of text.matchAll(pattern)) {
    if (match === "") continue;
    gap(index);
    at = index + match.length;
    stretches.push({ span: [index, at], isMatch: !invert });
  }
  gap(text.length);
  return stretches;
}

function joined(stretches: readonly Stretch[], behaviour: Behaviour): Span[] {
  if (behaviour === "Removed") return stretches.filter((s) => !s.isMatch).map(({ span }) => span);
  const joins = (before: Stretch, after: Stretch): boolean =>
    (behaviour === "MergedWithPrevious" && after.isMatch && !before.isMatch) ||
    (behaviour === "MergedWithNext" && before.isMatch && !after.isMatch) ||
    (behaviour === "Contiguous" && before.isMatch === after.isMatch);
  const spans: Span[] = [];
  for (const [i, stretch] of stretches.entries()) {
    const before = stretches[i - 1];
    const start =
      before !== undefined && joins(before, stretch) ? spans.pop()![0] : stretch.span[0];
    spans.push([start, stretch.span[1]]);
  }
  return spans;
}
