import { beforeAll, describe, expect, test } from "vitest";

import { maxDifference, tinyNetwork } from "../../test/tiny.ts";
import type { LanguageNetwork } from "./language.ts";
import type { LanguageInput } from "./prompt.ts";

let net: LanguageNetwork;
let speaking: LanguageNetwork;
beforeAll(async () => {
  net = await tinyNetwork("gpt2", { config: { n_positions: 8 } });
  speaking = await tinyNetwork("gpt2", { words: ["Mira", "gave", "Tomo", "."] });
});

describe("prompts", () => {
  test("one row of ids and a list with that row are the same batch", () => {
    expect(net.tokens([1, 2])).toEqual(net.tokens([[1, 2]]));
    expect(net.tokens([1, 2])).toEqual({ ids: [[1, 2]], lengths: [2], padding: "left" });
  });

  test("text is read by the tokenizer, with what it puts before it", () => {
    expect(speaking.tokens("Mira gave").ids).toEqual([[2, 4, 5]]);
    expect(speaking.tokens(["Mira", "gave Tomo."]).lengths).toEqual([2, 4]);
  });

  test("shorter rows are filled on the side asked for, with the tokenizer's padding", () => {
    expect(speaking.tokens([[4], [5, 6, 4]]).ids).toEqual([
      [1, 1, 4],
      [5, 6, 4],
    ]);
    expect(speaking.tokens({ prompts: [[4], [5, 6]], padding: "right" }).ids).toEqual([
      [4, 1],
      [5, 6],
    ]);
  });

  test("texts and their ids give the same logits", async () => {
    const byText = await speaking.run("Mira gave");
    const byIds = await speaking.run([2, 4, 5]);
    expect(maxDifference(await byText.logits.numbers(), await byIds.logits.numbers())).toBe(0);
  });

  test("a prompt as long as the context is taken", async () => {
    const { logits } = await net.run([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(logits.shape).toEqual([1, 8, 23]);
  });

  test("an earlier position does not see later tokens", async () => {
    const short = await (await net.run([1, 2, 3])).logits.numbers();
    const long = await (await net.run([1, 2, 3, 9])).logits.numbers();
    // the same sums in another graph
    expect(maxDifference(short, long.subarray(0, short.length))).toBeLessThanOrEqual(1e-5);
  });
});

describe("bad input", () => {
  const refusal =
    (given: LanguageInput): (() => unknown) =>
    () =>
      net.tokens(given);

  test("text without a tokenizer is refused", () => {
    expect(refusal("Mira")).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: tiny-gpt2: this network has no tokenizer, so it cannot read or write text.
        fix: put its tokenizer.json beside the weights, or give token ids.]
    `);
    expect(net.hasTokenizer).toBe(false);
  });

  test("an id beyond the vocabulary is refused", () => {
    expect(refusal([1, 23])).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: tiny-gpt2: token id 23 is not in the vocabulary, whose ids are 0..22.
        fix: tokenise the text with this network's own tokenizer.]
    `);
  });

  test("an id that is not whole is refused", () => {
    expect(refusal([1.5])).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: tiny-gpt2: token id 1.5 is not in the vocabulary, whose ids are 0..22.
        fix: tokenise the text with this network's own tokenizer.]
    `);
    expect(refusal([NaN])).toThrow("token id NaN");
  });

  test("a negative id is refused", () => {
    expect(refusal([[1], [-1]])).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: tiny-gpt2: token id -1 is not in the vocabulary, whose ids are 0..22.
        fix: tokenise the text with this network's own tokenizer.]
    `);
  });

  test("an empty prompt is refused, and named in a batch", () => {
    expect(refusal([[]])).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: tiny-gpt2: the prompt has no tokens.
        fix: give at least one.]
    `);
    expect(refusal([[1], []])).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: tiny-gpt2: prompt 1 has no tokens.
        fix: give at least one.]
    `);
  });

  test("an empty list is refused", () => {
    expect(refusal([])).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: prompt: the list of prompts is empty.]`,
    );
    expect(refusal({ prompts: [] })).toThrow("the list of prompts is empty");
  });

  test("a prompt longer than the context is refused", () => {
    expect(refusal([1, 2, 3, 4, 5, 6, 7, 8, 9])).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: tiny-gpt2: the prompt has 9 tokens, but the context holds 8.
        fix: shorten it.]
    `);
  });

  test("a run refuses what the reader of prompts refuses", async () => {
    await expect(net.run([99])).rejects.toThrow("token id 99");
  });
});
