import { beforeAll, describe, expect, test } from "vitest";

import { tinyNetwork } from "../../../test/tiny.ts";
import type { LanguageNetwork } from "../language.ts";
import { judged, matcher, matches, preference } from "./effect.ts";

const words = ["glad", "sad", "Mira", "was", "gladly", "merry"];
const others = Array.from({ length: 13 }, (_, i) => `word${i}`); // 4 special tokens and these fill the vocabulary
let net: LanguageNetwork;
beforeAll(async () => {
  net = await tinyNetwork("gpt2", { words: [...words, ...others] });
});

const plain = { interventions: [], strengths: [0] };

describe("preference", () => {
  test("is the mean of log-probabilities per token, from logits in float64", async () => {
    const prompts = ["Mira", "Mira was"];
    const effect = preference({ prompts, positive: "was glad", negative: ["sad", "was sad"] });
    const [reading] = await effect.measure(net, plain, {});
    const logP = async (prompt: string, completion: string): Promise<number> => {
      const given = net.tokenizer.encode(prompt);
      const ids = [...given, ...net.tokenizer.encode(completion, { addSpecialTokens: false })];
      const logits = await (await net.run(ids)).logits.numbers();
      let nats = 0;
      for (let i = given.length; i < ids.length; i++) {
        const row = Array.from(logits.subarray((i - 1) * 23, i * 23));
        nats += row[ids[i]!]! - Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
      }
      return nats / (ids.length - given.length);
    };
    const expected = [
      (await logP("Mira", "was glad")) - (await logP("Mira", "sad")),
      (await logP("Mira was", "was glad")) - (await logP("Mira was", "was sad")),
    ];
    // 1e-5: float32 logits of a padded batch
    for (const [i, value] of expected.entries()) expect(reading!.values[i]!).toBeCloseTo(value, 5);
  });

  test("of a completion over itself is 0, and swapping the two turns the sign", async () => {
    const prompts = ["Mira was", "was"];
    const measured = async (positive: string, negative: string) =>
      (await preference({ prompts, positive, negative }).measure(net, plain, {}))[0]!.values;
    expect(await measured("sad", "sad")).toEqual([0, 0]);
    const forth = await measured("glad", "sad");
    // the same numbers from other rows of a batch
    for (const [i, value] of (await measured("sad", "glad")).entries())
      expect(value).toBeCloseTo(-forth[i]!, 5);
  });

  test("says in its metric what is compared", () => {
    const effect = preference({ prompts: ["Mira was"], positive: "glad", negative: "sad" });
    expect(effect.metric).toMatchInlineSnapshot(
      `"log-probability of "glad" over "sad" after 1 prompt (nats per token)"`,
    );
  });

  test("with too few completions, no prompts or an empty completion is refused", async () => {
    const given = { prompts: ["Mira", "was"], positive: ["glad"], negative: "sad" };
    expect(() => preference(given)).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: preference: there is 1 positive completion for 2 prompts.
        fix: give one for all prompts, or one for each.]
    `);
    expect(() => preference({ ...given, prompts: [] })).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: preference: the list of prompts is empty.]`,
    );
    const empty = preference({ ...given, positive: ["glad", ""] });
    await expect(empty.measure(net, plain, {})).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: preference: the positive completion of prompt 1 has no tokens.]`,
    );
  });
});

describe("matches", () => {
  const prompts = ["Mira", "was"];

  test.each<[string, boolean]>([
    ["was glad", true],
    ["Was GLAD.", true],
    ["gladly", false],
    ["un-glad", true],
    ["was C++, and sad", true],
    ["was C", false],
    ["", false],
  ])("of the words glad and C++ in %j is %s", (text, expected) => {
    expect(matcher({ words: ["glad", "C++"] })(text)).toBe(expected);
  });

  test("a pattern that remembers where it was is tried from the start of every text", () => {
    const holds = matcher({ pattern: /glad/g });
    expect(["glad", "glad", "sad", "gladly"].map(holds)).toEqual([true, true, false, true]);
  });

  test("gives the share of texts, and those texts, from what the network writes", async () => {
    const effect = matches({ prompts: ["Mira", "was", "Mira was", "sad"], words });
    const [reading] = await effect.measure(net, plain, { maxTokens: 3, seed: 1 });
    const holds = matcher({ words });
    const texts = reading!.written!.map((ids) => net.tokenizer.decode(ids));
    expect(reading!.values).toEqual(texts.map((text) => Number(holds(text))));
    expect(new Set(reading!.values).size).toBe(2);
  });

  test("a function of one's own scores each text with its prompt", async () => {
    const scored: [string, unknown][] = [];
    const score = (text: string, prompt: unknown): number => scored.push([text, prompt]);
    const own = judged({ prompts: ["Mira was"], metric: "m", already: 9, score });
    const [reading] = await own.measure(net, plain, { maxTokens: 3, seed: 1 });
    expect(reading!.written![0]!.length).toBe(3);
    expect(scored).toEqual([[expect.any(String), "Mira was"]]);
    expect(reading!.values).toEqual([1]);
  });

  test("says in its metric what is counted", () => {
    expect(matches({ prompts, words: ["glad"] }).metric).toMatchInlineSnapshot(
      `"share of continuations of 2 prompts that have the word glad (0 to 1)"`,
    );
    expect(matches({ prompts, words: words.slice(0, 5) }).metric).toMatchInlineSnapshot(
      `"share of continuations of 2 prompts that have one of the words glad, sad, Mira and 2 others (0 to 1)"`,
    );
    expect(matches({ prompts: ["a"], pattern: /^glad/ }).metric).toMatchInlineSnapshot(
      `"share of continuations of 1 prompt that match /^glad/ (0 to 1)"`,
    );
  });

  test("without words or pattern, with both, or without prompts is refused", () => {
    expect(() => matches({ prompts })).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: matches: neither words nor a pattern were given.
        fix: give one of the two.]
    `);
    expect(() => matches({ prompts, words: ["a"], pattern: /a/ }))
      .toThrowErrorMatchingInlineSnapshot(`
        [PatchClampError: matches: both words and a pattern were given.
          fix: give one of the two.]
      `);
    expect(() => matches({ prompts: [], words: ["a"] })).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: matches: the list of prompts is empty.]`,
    );
  });
});
