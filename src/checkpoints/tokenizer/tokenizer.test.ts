import { expect, test } from "vitest";

import { memoryFiles } from "../../core/files.ts";
import { loadTokenizer, makeTokenizer } from "./tokenizer.ts";

/** Bytes as GPT-2 writes them (Ġ is a space), two merges, and a special token that is not at the end. */
const byteLevel = {
  version: "1.0",
  added_tokens: [{ id: 3, content: "<|endoftext|>", special: true, normalized: false }],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
  post_processor: { type: "ByteLevel" },
  decoder: { type: "ByteLevel" },
  model: {
    type: "BPE",
    vocab: { a: 0, b: 1, Ġ: 2, "<|endoftext|>": 3, ab: 4, Ġab: 5, ".": 6 },
    merges: ["a b", "Ġ ab"],
  },
};

const folder = (files: Record<string, unknown>): ReturnType<typeof memoryFiles> =>
  memoryFiles(
    Object.fromEntries(Object.entries(files).map(([path, json]) => [path, JSON.stringify(json)])),
    "tiny",
  );

test("text becomes merged tokens and comes back, with its spaces before punctuation", async () => {
  const tokenizer = await loadTokenizer(folder({ "tokenizer.json": byteLevel }));
  expect(tokenizer.encode("ab abb .")).toEqual([4, 5, 1, 2, 6]);
  expect(tokenizer.decode([4, 5, 1, 2, 6])).toBe("ab abb .");
  expect(tokenizer.decode([])).toBe("");
  expect(tokenizer.vocabSize).toBe(7);
  expect(tokenizer.token(5)).toBe("Ġab");
  expect(tokenizer.id("Ġab")).toBe(5);
  expect(tokenizer.id("absent")).toBeUndefined();
});

test("special tokens are left out only when asked", async () => {
  const tokenizer = await loadTokenizer(folder({ "tokenizer.json": byteLevel }));
  expect(tokenizer.encode("<|endoftext|>ab")).toEqual([3, 4]);
  expect(tokenizer.decode([3, 4])).toBe("<|endoftext|>ab");
  expect(tokenizer.decode([3, 4], { skipSpecialTokens: true })).toBe("ab");
});

test("the tokens that begin, end and fill a text come from tokenizer_config.json", async () => {
  const config = {
    bos_token: "<|endoftext|>",
    eos_token: { content: "<|endoftext|>", __type: "AddedToken" },
    pad_token: null,
  };
  const tokenizer = await loadTokenizer(
    folder({ "tokenizer.json": byteLevel, "tokenizer_config.json": config }),
  );
  expect([tokenizer.bos, tokenizer.eos, tokenizer.pad]).toEqual([3, 3, undefined]);
});

test("every token that ends a text stops generation, the one named first", async () => {
  const tokenizer = await loadTokenizer(
    folder({
      "tokenizer.json": byteLevel,
      "config.json": { eos_token_id: 0 },
      "generation_config.json": { eos_token_id: [1, 3] },
      "tokenizer_config.json": { eos_token: "<|endoftext|>" },
    }),
  );
  expect([tokenizer.eos, tokenizer.stops]).toEqual([3, [3, 1]]);
  expect(makeTokenizer("tiny", byteLevel).stops).toEqual([]);
});

test("special tokens have the config's names, given as text or as ids", () => {
  const tokenizer = makeTokenizer("tiny", byteLevel, {
    bos_token: { content: "ab" },
    eos_token_id: 3,
    extra_special_tokens: { image_token: "." },
  });
  expect(tokenizer.specialTokens).toEqual({
    bos_token: "ab",
    eos_token: "<|endoftext|>",
    image_token: ".",
  });
});

test("tokens that the config calls special are found in the text and left out of it", () => {
  const config = { additional_special_tokens: ["b"], added_tokens: { "<new>": 7 } };
  const tokenizer = makeTokenizer("tiny", byteLevel, config);
  expect(tokenizer.encode("ab<new>a")).toEqual([0, 1, 7, 0]);
  expect(tokenizer.decode([0, 1, 7, 0], { skipSpecialTokens: true })).toBe("a<new>a");
  expect([tokenizer.isSpecial(1), tokenizer.isSpecial(7)]).toEqual([true, false]);
});

test.each([
  ["a text", { chat_template: "a" }, { default: "a" }],
  ["a list", { chat_template: [{ name: "rag", template: "b" }] }, { rag: "b" }],
  ["none", {}, {}],
])("a chat template is read from %s in tokenizer_config.json", async (_case, config, expected) => {
  const files = folder({ "tokenizer.json": byteLevel, "tokenizer_config.json": config });
  expect((await loadTokenizer(files)).chatTemplates).toEqual(expected);
});

test("chat_template.jinja comes before tokenizer_config.json, and that before chat_template.json", async () => {
  const json = (of: unknown): string => JSON.stringify(of);
  const both = {
    "tokenizer.json": json(byteLevel),
    "chat_template.json": json({ chat_template: "last" }),
    "tokenizer_config.json": json({ chat_template: "second" }),
  };
  const first = await loadTokenizer(memoryFiles({ ...both, "chat_template.jinja": "first" }));
  const second = await loadTokenizer(memoryFiles(both));
  const last = await loadTokenizer(memoryFiles({ ...both, "tokenizer_config.json": "{}" }));
  expect([first, second, last].map(({ chatTemplates }) => chatTemplates["default"])).toEqual([
    "first",
    "second",
    "last",
  ]);
});

test("spaces before punctuation go only where the config asks for it, and never for BPE", () => {
  const cleans = { clean_up_tokenization_spaces: true };
  expect(makeTokenizer("tiny", byteLevel, cleans).decode([4, 2, 6])).toBe("ab .");
  const words = {
    ...byteLevel,
    decoder: null,
    model: { type: "WordLevel", vocab: { a: 0, ".": 1, "n't": 2 } },
    added_tokens: [],
  };
  expect(makeTokenizer("tiny", words, cleans).decode([0, 2, 1])).toBe("an't.");
  expect(makeTokenizer("tiny", words).decode([0, 2, 1])).toBe("a n't .");
});

test("what tokenizer_config.json leaves open is read from config.json, the first of several", async () => {
  const tokenizer = await loadTokenizer(
    folder({
      "tokenizer.json": byteLevel,
      "tokenizer_config.json": { bos_token: null, pad_token: "b" },
      "config.json": { bos_token_id: 3, eos_token_id: [0, 1], pad_token_id: 0 },
    }),
  );
  expect([tokenizer.bos, tokenizer.eos, tokenizer.pad]).toEqual([3, 0, 1]);
});

test("a tokenizer that is not JSON is refused", async () => {
  const files = memoryFiles({ "tokenizer.json": '{"model":' }, "tiny");
  await expect(loadTokenizer(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadTokenizer: tokenizer.json in tiny is not JSON (9 bytes).
      fix: download or copy the file again.]
  `);
});

test.each([
  ["an empty object", {}],
  ["a list", []],
  ["null", null],
  ["a model of no known type", { ...byteLevel, model: { type: "Magic" } }],
  ["a pre-tokenizer of no known type", { ...byteLevel, pre_tokenizer: { type: "Magic" } }],
])("%s is refused as a tokenizer", (_case, json) => {
  expect(() => makeTokenizer("tiny", json)).toThrow(
    "the tokenizer of tiny is none that can be run: ",
  );
});

test("what is wrong with a tokenizer.json is named", () => {
  const of = (changes: object) => (): unknown =>
    makeTokenizer("tiny", { ...byteLevel, ...changes });
  expect(of({ pre_tokenizer: { type: "Magic" } })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadTokenizer: the tokenizer of tiny is none that can be run: its pre_tokenizer is of the unknown type "Magic".]`,
  );
  expect(of({ model: { type: "BPE", vocab: {} } })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadTokenizer: the tokenizer of tiny is none that can be run: "merges": not a list of pairs of tokens.]`,
  );
  expect(of({ added_tokens: [{ id: -1, content: "" }] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadTokenizer: the tokenizer of tiny is none that can be run: "added_tokens.0.id": Too small: expected number to be >=0.]`,
  );
});

test.each([7, -1, 1.5, NaN])("the id %d is out of range in decode and token", (id) => {
  const tokenizer = makeTokenizer("tiny", byteLevel);
  expect(() => tokenizer.decode([0, id])).toThrow(`tiny has no token ${id}; its ids are 0..6.`);
  expect(() => tokenizer.token(id)).toThrow(`tiny has no token ${id}; its ids are 0..6.`);
});

test("an id that is out of range is refused in one sentence", () => {
  const tokenizer = makeTokenizer("tiny", byteLevel);
  expect(() => tokenizer.decode([7])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: tokenizer: tiny has no token 7; its ids are 0..6.]`,
  );
});

test("a word without a token is refused where there is no unknown token", () => {
  const json = {
    ...byteLevel,
    pre_tokenizer: { type: "WhitespaceSplit" },
    model: { type: "WordLevel", vocab: { a: 0 } },
  };
  const tokenizer = makeTokenizer("tiny", json);
  expect(() => tokenizer.encode("a zork")).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: tokenizer: tiny has no token for "zork" and no unknown token.]`,
  );
});
