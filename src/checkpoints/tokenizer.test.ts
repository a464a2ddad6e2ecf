import { expect, test } from "vitest";

import { memoryFiles } from "../core/files.ts";
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

test("a folder without a tokenizer is refused with how to write one", async () => {
  await expect(loadTokenizer(folder({ "config.json": {} }))).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadTokenizer: tiny has no tokenizer.json.
      fix: write one in Python: AutoTokenizer.from_pretrained(folder).save_pretrained(folder).]
  `);
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
    "tokenizer.json of tiny describes no tokenizer that @huggingface/tokenizers runs",
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
