import * as fc from "fast-check";
import { expect, test } from "vitest";

import { readTokenizers } from "../../test/golden/tokenizers/read.ts";
import { tinyNetwork } from "../../test/tiny.ts";
import { TextStream } from "./text-stream.ts";
import type { Tokenizer } from "./tokenizer.ts";

const { texts, all } = await readTokenizers();
const byKind = (kind: string): Tokenizer => all.find((golden) => golden.kind === kind)!.tokenizer;

function pieces(tokenizer: Tokenizer, ids: readonly number[]): string[] {
  const stream = new TextStream(tokenizer);
  return ids.map((id, i) => stream.add(id, i === ids.length - 1));
}

/** Random ids of all tokens; every other one of single bytes, so that characters come in halves and broken. */
function someIds({ vocabSize, token }: Tokenizer): fc.Arbitrary<number[]> {
  const every = Array.from({ length: vocabSize }, (_, id) => id);
  const short = every.filter((id) => token(id).length === 1 || token(id).startsWith("<0x"));
  return fc.array(fc.oneof(fc.constantFrom(...every), fc.constantFrom(...short)), {
    maxLength: 80,
  });
}

test.each(all)("$kind: the pieces of random tokens join to the decoded whole", ({ tokenizer }) => {
  fc.assert(
    fc.property(someIds(tokenizer), (ids) => {
      const whole = tokenizer.decode(ids, { skipSpecialTokens: true });
      expect(pieces(tokenizer, ids).join("")).toBe(whole);
    }),
    { seed: 4, numRuns: 200 },
  );
});

test.each(all)("$kind: the pieces of texts join to the text", ({ tokenizer }) => {
  const ids = tokenizer.encode(texts.join("\n"));
  const whole = tokenizer.decode(ids, { skipSpecialTokens: true });
  expect(pieces(tokenizer, ids).join("")).toBe(whole);
});

test.each(["gpt2", "llama2"])("%s: a character comes once all of its bytes are there", (kind) => {
  const tokenizer = byKind(kind);
  const ids = tokenizer.encode("x👍y", { addSpecialTokens: false });
  const shown = pieces(tokenizer, ids).filter((piece) => piece !== "");
  expect(shown).toEqual(["x", "👍", "y"]);
});

test("a U+FFFD that the text itself holds comes out, at the end too", () => {
  const tokenizer = byKind("gpt2");
  const ids = tokenizer.encode("a\uFFFDb\uFFFD");
  expect(pieces(tokenizer, ids).join("")).toBe("a\uFFFDb\uFFFD");
});

test("bytes that never become a character come out as U+FFFD when the text ends", () => {
  const tokenizer = byKind("gpt2");
  const half = tokenizer.encode("👍").slice(0, 2);
  const stream = new TextStream(tokenizer);
  expect([stream.add(half[0]!, false), stream.add(half[1]!, true)]).toEqual(["", "\uFFFD"]);
});

test("a word after a special token keeps its space", () => {
  const tokenizer = byKind("llama2");
  const eos = tokenizer.id("</s>")!;
  const [the] = tokenizer.encode("the", { addSpecialTokens: false });
  const ids = [the!, ...Array.from({ length: 40 }, () => eos), the!];
  expect(pieces(tokenizer, ids).filter((piece) => piece !== "")).toEqual(["the", " the"]);
});

test("a long text decodes no more tokens at each step than a short one", () => {
  const inner = byKind("gpt2");
  let most = 0;
  const counting: Tokenizer = {
    ...inner,
    decode: (ids, options) => {
      most = Math.max(most, ids.length);
      return inner.decode(ids, options);
    },
  };
  const ids = inner.encode(texts.join(" "));
  expect(pieces(counting, [...ids, ...ids, ...ids]).join("").length).toBeGreaterThan(1000);
  expect(most).toBeLessThanOrEqual(16);
});

test.each(all)("$kind: an id that has no token adds no text", ({ tokenizer }) => {
  const ids = tokenizer.encode(texts[0]!);
  const without = pieces(tokenizer, ids).join("");
  const beyond = ids.flatMap((id) => [tokenizer.vocabSize + 7, id]);
  expect(pieces(tokenizer, beyond).join("")).toBe(without);
});

test("a network whose vocabulary was padded writes on past ids without a token", async () => {
  // 23 ids, of which 4 + 2 have tokens
  const net = await tinyNetwork("llama", { words: ["a", "b"] });
  const ids: number[] = [];
  for await (const { id } of net.generate("a b", { maxTokens: 12, temperature: 3, stop: [] }))
    ids.push(id);
  expect(ids).toHaveLength(12);
  expect(ids.some((id) => id >= net.tokenizer.vocabSize)).toBe(true);
});
