import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { readTokenizers } from "../../../test/golden/tokenizers/read.ts";
import type { Tokenizer } from "../../network/tokenizer.ts";

const { texts, all } = await readTokenizers();

type Span = readonly [start: number, end: number];

/**
 * Whether our span of a token says what Python's does.
 *
 * On purpose ours is empty where the tokenizer put something in, takes in all that a composed character was made of where Python's
 * stops at the first, and is a character's own where Unigram's bytes have the whole unknown run in Python.
 */
function agrees(ours: Span, theirs: Span, kind: string): boolean {
  const isWithin = (a: Span, b: Span): boolean => a[0] >= b[0] && a[1] <= b[1];
  if (ours[0] === ours[1]) return true;
  const composes = ["qwen", "clip", "t5", "unigram-bytes"].includes(kind);
  if (composes && isWithin(theirs, ours)) return true;
  if (kind === "unigram-bytes" && isWithin(ours, theirs)) return true;
  return ours[0] === theirs[0] && ours[1] === theirs[1];
}

describe.each(all)("as Python's tokenizers: $kind", ({ kind, tokenizer, expected }) => {
  test("every text has the same ids", () => {
    for (const [i, text] of texts.entries()) {
      expect({ text, ids: tokenizer.encode(text) }).toEqual({ text, ids: expected.texts[i]![0] });
    }
  });

  test("every token has the same place in the text", () => {
    // After a character that vanishes, Python's offsets count from one too early.
    const compared = texts.filter((text) => !(kind === "t5" && text.startsWith("\uFEFF")));
    for (const text of compared) {
      const theirs = expected.texts[texts.indexOf(text)]![1];
      const { offsets, tokens } = tokenizer.encodeWithOffsets(text);
      const wrong = offsets.filter(
        (span, i) => !agrees(span, [theirs[2 * i]!, theirs[2 * i + 1]!], kind),
      );
      expect({ text, tokens, wrong }).toEqual({ text, tokens, wrong: [] });
    }
  });

  test("ids decode to the same text, random ones too", () => {
    for (const [ids, , decoded] of expected.texts) expect(tokenizer.decode(ids)).toBe(decoded);
    for (const [ids, decoded, withoutSpecial] of expected.random) {
      expect(tokenizer.decode(ids)).toBe(decoded);
      expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(withoutSpecial);
    }
  });
});

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc
    .array(fc.constantFrom(...texts.join(" ").split(/(?<= )/u), "\uD83D", "\uDE42"))
    .map((words) => words.join("")),
);

/** Tokenizers that drop nothing of a text, whatever it is. */
const complete = all.filter(({ kind }) =>
  ["gpt2", "llama3", "digits", "llama2", "gemma", "mistral"].includes(kind),
);

test.each(all)("$kind: spans go forward and stay within the text", ({ tokenizer }) => {
  fc.assert(
    fc.property(anyText, (text) => {
      const { offsets, ids, tokens } = tokenizer.encodeWithOffsets(text);
      expect([ids.length, tokens.length]).toEqual([offsets.length, offsets.length]);
      expect(ids).toEqual(tokenizer.encode(text));
      const wrong = offsets.filter(([start, end], i) => {
        const [lastStart, lastEnd] = offsets[i - 1] ?? [0, 0];
        return start > end || end > text.length || start < lastStart || end < lastEnd;
      });
      expect(wrong).toEqual([]);
    }),
    { seed: 1, numRuns: 100 },
  );
});

test.each(complete)("$kind: spans cover the whole text", ({ tokenizer }) => {
  fc.assert(
    fc.property(anyText, (text) => {
      const { offsets } = tokenizer.encodeWithOffsets(text);
      const gaps = offsets.filter(([start], i) => start > (offsets[i - 1]?.[1] ?? 0));
      expect([gaps, offsets.at(-1)?.[1] ?? 0]).toEqual([[], text.length]);
    }),
    { seed: 2, numRuns: 100 },
  );
});

/** The text that a token stands for by itself, if it is whole characters. */
function surface(tokenizer: Tokenizer, id: number): string | undefined {
  const text = tokenizer.decode([id]);
  return text.includes("\uFFFD") ? undefined : text;
}

test.each(complete.filter(({ kind }) => ["gpt2", "llama3", "digits"].includes(kind)))(
  "$kind: the text at a token's span is the token's own text, and the whole comes back",
  ({ tokenizer }) => {
    fc.assert(
      fc.property(anyText, (text) => {
        const wellFormed = text.replace(/\p{Surrogate}/gu, "\uFFFD");
        const { ids, offsets } = tokenizer.encodeWithOffsets(text, { addSpecialTokens: false });
        const surfaces = ids.map((id) => surface(tokenizer, id));
        const slices = offsets.map((span, i) =>
          surfaces[i] === undefined ? undefined : wellFormed.slice(...span),
        );
        expect(slices).toEqual(surfaces);
        expect(tokenizer.decode(ids)).toBe(wellFormed);
      }),
      { seed: 3, numRuns: 150 },
    );
  },
);

test("half of a surrogate pair is read as U+FFFD", () => {
  for (const { tokenizer } of all) {
    expect(tokenizer.encode("a\uD83Db")).toEqual(tokenizer.encode("a\uFFFDb"));
  }
});

test("the bytes of one character share its span", () => {
  const { tokenizer } = all.find(({ kind }) => kind === "llama2")!;
  const { tokens, offsets } = tokenizer.encodeWithOffsets("a👍", { addSpecialTokens: false });
  expect(tokens.slice(-4)).toEqual(["<0xF0>", "<0x9F>", "<0x91>", "<0x8D>"]);
  expect(offsets.slice(-4)).toEqual([
    [1, 3],
    [1, 3],
    [1, 3],
    [1, 3],
  ]);
});
