import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

import { readTokenizers } from "../../test/golden/tokenizers/read.ts";
import { checkedEnds, RowText } from "./row-text.ts";
import type { TextEnds } from "./row-text.ts";
import type { Tokenizer } from "./tokenizer.ts";

let byteLevel: Tokenizer;
const { all } = await readTokenizers();
beforeAll(() => {
  byteLevel = all.find(({ kind }) => kind === "gpt2")!.tokenizer;
});

interface Told {
  readonly id: number;
  readonly text: string;
}

interface Written {
  readonly text: string;
  readonly ids: number[];
  readonly isEnded: boolean;
}

/** Writes ids; with `hasEnd`, the row ends after them as it does after a stop id. */
function written(
  tokenizer: Tokenizer,
  ids: readonly number[],
  { hasEnd = false, ...ends }: Partial<TextEnds> & { readonly hasEnd?: boolean },
): Written {
  const row = new RowText<{ id: number }>(tokenizer, checkedEnds(ends));
  const told: Told[] = [];
  for (const [i, id] of ids.entries()) {
    if (row.isEnded) break;
    told.push(...row.add({ id }, !hasEnd && i === ids.length - 1));
  }
  if (hasEnd && !row.isEnded) told.push(...row.end());
  return {
    text: told.map(({ text }) => text).join(""),
    ids: told.map(({ id }) => id),
    isEnded: row.isEnded,
  };
}

/** The text up to the stop string that is complete first. */
function upToStop(text: string, stops: readonly string[]): string | undefined {
  for (let end = 1; end <= text.length; end++) {
    const found = stops.filter((stop) => text.slice(0, end).endsWith(stop));
    if (found.length > 0)
      return text.slice(0, end - Math.max(...found.map(({ length }) => length)));
  }
  return undefined;
}

describe.each(all)("$kind", ({ tokenizer }) => {
  test("a text ends before the first complete stop string, wherever tokens part it", () => {
    const special = (id: number): boolean => tokenizer.isSpecial(id);
    const ids = fc.array(fc.nat({ max: tokenizer.vocabSize - 1 }), { maxLength: 40 });
    fc.assert(
      fc.property(ids, fc.nat(), fc.integer({ min: 1, max: 6 }), fc.boolean(), (...given) => {
        const [drawn, from, length, hasEnd] = given;
        const own = drawn.filter((id) => !special(id));
        const text = tokenizer.decode(own, { skipSpecialTokens: true });
        const at = from % Math.max(1, text.length);
        const stopStrings = [
          text.slice(at, at + length),
          "\u0001never",
          `${text.slice(0, 2)}\u0002`,
        ];
        const stops = stopStrings.filter((stop) => stop !== "" && !stop.includes("\uFFFD"));
        const found = written(tokenizer, own, { stopStrings: stops, hasEnd });
        const expected = upToStop(text, stops);
        expect(found.text).toBe(expected ?? text);
        expect(found.isEnded).toBe(expected !== undefined);
      }),
      { seed: 7, numRuns: 100 },
    );
  });
});

test("tokens whose text may begin a stop string are withheld, and told when it does not", () => {
  const row = new RowText<{ id: number }>(byteLevel, checkedEnds({ stopStrings: ["cup!"] }));
  const steps = byteLevel.encode("red cup. cup", { addSpecialTokens: false }).map((id) =>
    row
      .add({ id }, false)
      .map(({ text }) => text)
      .join(""),
  );
  expect(steps.join("")).toBe("red cup.");
  expect(
    row
      .end()
      .map(({ text }) => text)
      .join(""),
  ).toBe(" cup");
});

test("of the tokens of a stop string none is told, unless its text begins before", () => {
  const ids = byteLevel.encode("the red cup", { addSpecialTokens: false });
  const texts = ids.map((id) => byteLevel.decode([id]));
  const found = written(byteLevel, ids, { stopStrings: ["d cup"] });
  expect(found.text).toBe("the re");
  let start = 0;
  const before = ids.filter((_, i) => {
    const isBefore = start < "the re".length;
    start += texts[i]!.length;
    return isBefore;
  });
  expect(found.ids).toEqual(before);
});

test("a text ends with its JSON value", () => {
  const ids = byteLevel.encode('So: {"cup": ["red"]} and {}', { addSpecialTokens: false });
  const found = written(byteLevel, ids, { stopAtJson: true });
  expect(found).toMatchObject({ text: 'So: {"cup": ["red"]}', isEnded: true });
});

test("a stop string within a JSON value ends it, and one after it does not", () => {
  const ids = byteLevel.encode("[1, 2] x", { addSpecialTokens: false });
  const at = (stop: string): string =>
    written(byteLevel, ids, { stopAtJson: true, stopStrings: [stop] }).text;
  expect(at(", 2")).toBe("[1");
  expect(at(" x")).toBe("[1, 2]");
});

test("half a character at the end of a row is told", () => {
  const whole = byteLevel.encode("a🙂", { addSpecialTokens: false });
  const half = whole.slice(0, -1);
  expect(written(byteLevel, half, { hasEnd: true }).text).toBe(byteLevel.decode(half));
});

test("an empty stop string is refused", () => {
  expect(() => checkedEnds({ stopStrings: ["a", ""] })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: generate: a stop string is empty, so it would end every text at once.
      fix: leave it out.]
  `);
});
