import { expect, test } from "vitest";

import {
  readFileIds,
  readTokenizers,
  tokenizerFolder,
} from "../../../test/golden/tokenizers/read.ts";
import { memoryFiles } from "../../core/files.ts";
import type { Tokenizer } from "../../network/tokenizer.ts";
import { hasTokenizer, loadTokenizer } from "./tokenizer.ts";

const { texts, all } = await readTokenizers();
const ids = await readFileIds();

type Contents = Readonly<Record<string, string | Uint8Array | object>>;

function load(contents: Contents): Promise<Tokenizer> {
  const stored = Object.entries(contents).map(([path, content]) => [
    path,
    typeof content === "string" || content instanceof Uint8Array
      ? content
      : JSON.stringify(content),
  ]);
  return loadTokenizer(memoryFiles(Object.fromEntries(stored) as Record<string, string>, "tiny"));
}

const golden = (path: string): Promise<Uint8Array> => tokenizerFolder.read(path);
const plain = { addSpecialTokens: false };

/** Texts without the names of symbols: `transformers` finds control symbols in a text, sentencepiece takes them as text. */
const withoutSymbols = texts.filter((text) => !/<\/?s>|<unk>|<0x|<\|sep/u.test(text));

test.each(["unigram", "bpe", "symbols"])("%s.model gives sentencepiece's ids", async (name) => {
  const tokenizer = await load({ "tokenizer.model": await golden(`${name}.model`) });
  for (const text of withoutSymbols) {
    // tokenizer.json knows replacements of one grapheme, sentencepiece of the longest match: a letter with three marks differs.
    if (name === "unigram" && text.startsWith("e\u0301\u0302")) continue;
    const expected = ids[name]![texts.indexOf(text)];
    expect({ text, ids: tokenizer.encode(text, plain) }).toEqual({ text, ids: expected });
  }
});

test.each([
  ["ranks.tiktoken", "llama3"],
  ["tokenizer.model", "llama3"],
  ["qwen.tiktoken", "qwen"],
])("%s gives tiktoken's ids, with %s's words", async (path, words) => {
  const tokenizer = await load({ [path]: await golden("ranks.tiktoken") });
  for (const [i, text] of texts.entries()) {
    const expected = ids[`tiktoken-${words}`]![i];
    expect({ text, ids: tokenizer.encode(text, plain) }).toEqual({ text, ids: expected });
  }
});

test("a tiktoken file of Llama 3 gets that family's special tokens, in their places", async () => {
  const tokenizer = await load({ "tokenizer.model": await golden("ranks.tiktoken") });
  const first = tokenizer.id("<|begin_of_text|>")!;
  expect(tokenizer.id("<|start_header_id|>")).toBe(first + 6);
  expect(tokenizer.id("<|eot_id|>")).toBe(first + 9);
  expect(tokenizer.vocabSize).toBe(first + 256);
  expect(tokenizer.encode("the")).toEqual([first, ...tokenizer.encode("the", plain)]);
  expect(tokenizer.encode("<|eot_id|>", plain)).toEqual([first + 9]);
});

test("a tiktoken file takes its words and special tokens from the config where that has them", async () => {
  const tokenizer = await load({
    "ranks.tiktoken": await golden("ranks.tiktoken"),
    "tokenizer_config.json": {
      pat_str: ".",
      added_tokens_decoder: { "400": { content: "<|stop|>", special: true } },
      eos_token: "<|stop|>",
    },
  });
  expect(tokenizer.encode("the").map(tokenizer.token)).toEqual(["t", "h", "e"]);
  expect([tokenizer.eos, tokenizer.vocabSize, tokenizer.isSpecial(400)]).toEqual([400, 401, true]);
});

test("a SentencePiece BPE model begins a text, and a Unigram model as T5's ends it", async () => {
  const bpe = await load({ "tokenizer.model": await golden("bpe.model") });
  expect(bpe.encode("the").map(bpe.token)).toEqual(["<s>", "▁the"]);
  const bare = await load({
    "tokenizer.model": await golden("bpe.model"),
    "tokenizer_config.json": { add_bos_token: false, add_eos_token: true },
  });
  expect(bare.encode("the").map(bare.token)).toEqual(["▁the", "</s>"]);
  const t5 = await load({
    "spiece.model": await golden("unigram.model"),
    "tokenizer_config.json": { tokenizer_class: "T5Tokenizer", eos_token: "</s>" },
  });
  expect(t5.encode("the").map(t5.token)).toEqual(["▁the", "</s>"]);
  expect(t5.id("<extra_id_0>")).toBe(t5.vocabSize - 1);
  expect(t5.encode("<extra_id_1>", plain)).toEqual([t5.vocabSize - 2]);
});

test("with `legacy: false` only the beginning of a text gets a prefix", async () => {
  const model = await golden("bpe.model");
  const legacy = await load({ "tokenizer.model": model });
  const now = await load({ "tokenizer.model": model, "tokenizer_config.json": { legacy: false } });
  const words = (of: Tokenizer): string[] => of.encode("the</s>the", plain).map(of.token);
  expect(words(legacy)).toEqual(["▁the", "</s>", "▁the"]);
  expect(words(now)).toEqual(["▁the", "</s>", "t", "he"]);
});

test("a user-defined symbol is one token", async () => {
  const tokenizer = await load({ "tokenizer.model": await golden("symbols.model") });
  const tokens = tokenizer.encode("the<|sep|>\n\nthe", plain).map(tokenizer.token);
  expect(tokens).toEqual(["t", "he", "<|sep|>", "\n\n", "t", "he"]);
  expect(tokenizer.isSpecial(tokenizer.id("<|sep|>")!)).toBe(false);
});

interface BpeJson {
  readonly model: { readonly vocab: Record<string, number>; readonly merges: [string, string][] };
}

const byteLevel = (kind: string): BpeJson["model"] => {
  const { json } = all.find((golden) => golden.kind === kind)!;
  return (json as BpeJson).model;
};

test.each([
  ["gpt2", {}],
  ["qwen", { tokenizer_class: "Qwen2Tokenizer" }],
  ["roberta", { tokenizer_class: "RobertaTokenizer", add_prefix_space: true }],
])("vocab.json and merges.txt give %s's ids", async (kind, config) => {
  const { vocab, merges } = byteLevel(kind);
  const { tokenizer, expected, json } = all.find((golden) => golden.kind === kind)!;
  const { added_tokens: added } = json as { added_tokens: { id: number; content: string }[] };
  const loaded = await load({
    "vocab.json": { ...vocab, ...Object.fromEntries(added.map((t) => [t.content, t.id])) },
    "merges.txt": ["#version: 0.2", ...merges.map((pair) => pair.join(" ")), ""].join("\n"),
    "tokenizer_config.json": {
      ...config,
      added_tokens_decoder: Object.fromEntries(added.map(({ id, ...flags }) => [id, flags])),
    },
  });
  for (const [i, text] of texts.entries()) {
    expect({ text, ids: loaded.encode(text) }).toEqual({ text, ids: expected.texts[i]![0] });
  }
  expect(loaded.vocabSize).toBe(tokenizer.vocabSize);
});

test("a folder like OPT's begins a text with its <bos>", async () => {
  const { vocab, merges } = byteLevel("gpt2");
  const tokenizer = await load({
    "vocab.json": { ...vocab, "</s>": 900 },
    "merges.txt": merges.map((pair) => pair.join(" ")).join("\n"),
    "tokenizer_config.json": { add_bos_token: true, bos_token: { content: "</s>" } },
  });
  expect(tokenizer.encode("the")).toEqual([900, ...tokenizer.encode("the", plain)]);
});

test("vocab.txt gives BERT's ids, in lower case unless the config says otherwise", async () => {
  for (const kind of ["bert-uncased", "bert-cased"]) {
    const { expected, tokenizer } = all.find((golden) => golden.kind === kind)!;
    const tokens = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.token(id));
    const config = kind === "bert-cased" ? { do_lower_case: false } : {};
    const loaded = await load({
      "vocab.txt": `${tokens.join("\n")}\n`,
      "tokenizer_config.json": config,
    });
    for (const [i, text] of texts.entries()) {
      // A folder like this has its special tokens found in the text.
      if (/\[(CLS|UNK)\]/u.test(text)) continue;
      expect({ text, ids: loaded.encode(text) }).toEqual({ text, ids: expected.texts[i]![0] });
    }
  }
});

test("tokenizer.json comes before every other file", async () => {
  const { json, tokenizer } = all.find(({ kind }) => kind === "words")!;
  const both = { "tokenizer.json": json, "tokenizer.model": await golden("bpe.model") };
  expect((await load(both)).vocabSize).toBe(tokenizer.vocabSize);
});

test("a folder has a tokenizer when one of these files is there", async () => {
  const has = (contents: Record<string, string>): Promise<boolean> =>
    hasTokenizer(memoryFiles(contents));
  expect(await has({ "config.json": "{}", "vocab.json": "{}" })).toBe(false);
  expect(await has({ "vocab.json": "{}", "merges.txt": "" })).toBe(true);
  expect(await has({ "qwen.tiktoken": "" })).toBe(true);
});

test("a folder without a tokenizer is refused with how to write one", async () => {
  await expect(load({ "config.json": {} })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadTokenizer: tiny has no tokenizer.json and no other tokenizer file.
      fix: write one in Python: AutoTokenizer.from_pretrained(folder).save_pretrained(folder).]
  `);
});

test("bytes that are no SentencePiece model are refused", async () => {
  const half = (await golden("bpe.model")).slice(0, 99);
  await expect(load({ "tokenizer.model": half })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadTokenizer: the 99 bytes of tokenizer.model in tiny are no SentencePiece model.
      fix: download or copy the file again.]
  `);
});

test("a SentencePiece model whose pieces get other ids elsewhere is refused", async () => {
  const folder = {
    "tokenizer.model": await golden("unigram.model"),
    "tokenizer_config.json": { tokenizer_class: "XLMRobertaTokenizer" },
  };
  await expect(load(folder)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadTokenizer: tokenizer.model in tiny: XLMRobertaTokenizer gives the pieces of its SentencePiece model other ids.
      fix: write tokenizer.json in Python: AutoTokenizer.from_pretrained(folder).save_pretrained(folder).]
  `);
});

test("a line of a tiktoken file that is no token is refused by its number", async () => {
  await expect(
    load({ "qwen.tiktoken": "IQ== 0\nIg== x\n" }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadTokenizer: line 2 of qwen.tiktoken is no token in base64 with its rank.]`,
  );
});

test("special tokens and counts that are objects are passed over, whatever their methods are called", async () => {
  const trap = { toString: 1, valueOf: 1 };
  const pairs = {
    "vocab.json": { a: 0, b: 1, ab: 2 },
    "merges.txt": "a b",
    "tokenizer_config.json": { tokenizer_class: trap, model_type: trap },
  };
  expect((await load(pairs)).encode("ab")).toEqual([2]);
  const sentinels = {
    "spiece.model": await golden("unigram.model"),
    "tokenizer_config.json": { tokenizer_class: "T5Tokenizer", extra_ids: trap },
  };
  const tokenizer = await load(sentinels);
  expect(tokenizer.id("<extra_id_0>")).toBeUndefined();
});

test("a token as long as its file is cut into merges as soon as others are", async () => {
  const long = Buffer.alloc(300_000, "a").toString("base64");
  const start = process.cpuUsage();
  const tokenizer = await load({ "qwen.tiktoken": `IQ== 0\nIg== 1\nISI= 2\n${long} 3\n` });
  expect(tokenizer.encode('!"')).toEqual([2]);
  // to look up every beginning of it takes half a minute
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(5000);
});

test("a SentencePiece tokenizer takes a page of blanks", async () => {
  const tokenizer = await load({ "spiece.model": await golden("unigram.model") });
  const start = process.cpuUsage();
  const ids = tokenizer.encode(`a${" ".repeat(100_000)}b   `);
  expect(ids).toEqual(tokenizer.encode("a b"));
  // a search from each blank takes half a minute
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(5000);
});
