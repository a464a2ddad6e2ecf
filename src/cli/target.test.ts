import { describe, expect, test } from "vitest";

import { makeTokenizer } from "../checkpoints/tokenizer/tokenizer.ts";
import { wordTokenizerConfig, wordTokenizerJson } from "../checkpoints/tokenizer/word-tokenizer.ts";
import { tensor } from "../runtime/index.ts";
import { parseTarget, targetOf } from "./target.ts";

const scores = tensor([
  [
    [1, 2, 4],
    [8, 16, 32],
  ],
]);

async function value(source: string, output = scores): Promise<number> {
  return targetOf(parseTarget(source), output, undefined).item();
}

test.each([
  ["logit(1)", 16],
  ["logit(1, 0)", 2],
  ["logit(1,-2)", 2],
  [" logit(2) - logit(0) ", 24],
  ["logit(2)-output[0,2]", 28],
  ["output[1,2]", 32],
  ["output[-1,-1]", 32],
])("%s is %s", async (source, expected) => {
  expect(await value(source)).toBe(expected);
});

test("logprob is the logarithm of the probability", async () => {
  const exp = [1, 2, 4].map(Math.exp);
  const expected = Math.log(exp[1]! / exp.reduce((sum, x) => sum + x));
  expect(await value("logprob(1, 0)")).toBeCloseTo(expected, 5);
});

test("scores of classes have no positions", async () => {
  expect(await value("logit(2)", tensor([[3, 4, 5]]))).toBe(5);
});

test.each([
  "",
  "logit",
  "logit()",
  "logit(cat)",
  "logit(1) + logit(2)",
  "logit(1) - logit(2) - logit(3)",
  "output[]",
  "output[1",
  "logit(1) logit(2)",
  'logit("a\\x")',
])("%j is refused", (source) => {
  expect(() => parseTarget(source)).toThrowError(/is nothing that a gradient is taken of here/);
});

describe("what the output does not have is refused:", () => {
  test.each([
    ["a token", "logit(3)"],
    ["a position", "logit(0, 2)"],
    ["an index", "output[0,-4]"],
    ["too few indices", "output[1]"],
    ["a text without a tokenizer", 'logit("cat")'],
  ])("%s", (_, source) => {
    expect(() => targetOf(parseTarget(source), scores, undefined)).toThrowErrorMatchingSnapshot();
  });

  test("scores where there are none", () => {
    expect(() =>
      targetOf(parseTarget("logit(1)"), tensor([1, 2, 3]), undefined),
    ).toThrowErrorMatchingSnapshot();
  });
});

describe("a token as text", () => {
  const words = ["cat", "dog"];
  const json = wordTokenizerJson(words);
  const tokenizer = makeTokenizer("words", json, wordTokenizerConfig());
  const ids = tensor([[Array.from({ length: tokenizer.vocabSize }, (_, i) => i)]]);

  test("is its id", async () => {
    const target = targetOf(parseTarget('logit("dog")'), ids, tokenizer);
    expect(await target.item()).toBe(tokenizer.id("dog"));
  });

  test.each(['logit("cow")', 'logit("cat dog")', 'logit("")'])("%s is refused", (source) => {
    expect(() => targetOf(parseTarget(source), ids, tokenizer)).toThrowErrorMatchingSnapshot();
  });
});
