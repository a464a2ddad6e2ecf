import { expect, test } from "vitest";

import golden from "../../../test/golden/gguf/tokenizers.json" with { type: "json" };
import type { Tokenizer } from "../../network/tokenizer.ts";
import { nodeFiles } from "../../runtime/node-files.ts";
import { makeTokenizer } from "../tokenizer/tokenizer.ts";
import { readGgufHeader } from "./header.ts";
import type { MetadataValue } from "./reader.ts";
import { ggufTokenizer } from "./tokenizer.ts";

const files = nodeFiles("test/golden/gguf");
const byteLevel = (await readGgufHeader(files, "byte-level.gguf")).metadata;
const sentencePiece = (await readGgufHeader(files, "sentence-piece.gguf")).metadata;

type Metadata = ReadonlyMap<string, MetadataValue>;

/** Metadata with some of `tokenizer.ggml.*` changed; undefined takes a key away. */
function changed(
  metadata: Metadata,
  changes: Record<string, MetadataValue | undefined>,
): Map<string, MetadataValue> {
  const result = new Map(metadata);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) result.delete(`tokenizer.ggml.${key}`);
    else result.set(`tokenizer.ggml.${key}`, value);
  }
  return result;
}

function tokenizer(metadata: Metadata): Tokenizer {
  const { tokenizerJson, tokenizerConfig } = ggufTokenizer("x.gguf", metadata);
  return makeTokenizer("x.gguf", tokenizerJson, tokenizerConfig);
}

const cases = Object.entries(golden["byte-level"]).flatMap(([pre, ids]) =>
  golden.texts.map((text, i) => ({ pre, text, ids: ids[i]! })),
);

test.each(cases)("$pre cuts $text as transformers does", ({ pre, text, ids }) => {
  expect(tokenizer(changed(byteLevel, { pre })).encode(text)).toEqual(ids);
});

const isMarkup = (text: string): boolean => text.includes("<s>");
const scored = golden.texts.map((text, i) => ({
  text,
  transformers: golden["sentence-piece"].transformers[i]!,
  sentencepiece: golden["sentence-piece"].sentencepiece[i]!,
}));

// transformers 5 puts no space before a text that begins with one, nor after a special token; sentencepiece and llama.cpp do
test.each(scored.filter(({ text }) => !isMarkup(text) && !text.startsWith(" ")))(
  "scores merge $text as transformers' Llama tokenizer does",
  ({ text, transformers }) => {
    expect(tokenizer(sentencePiece).encode(text)).toEqual(transformers);
  },
);

// sentencepiece itself does not look for special tokens in a text
test.each(scored.filter(({ text }) => !isMarkup(text)))(
  "scores merge $text as sentencepiece does",
  ({ text, sentencepiece }) => {
    expect(tokenizer(sentencePiece).encode(text)).toEqual(sentencepiece);
  },
);

test("special tokens are found in a text, and what follows them begins with a space", () => {
  const { encode, token } = tokenizer(sentencePiece);
  expect(encode("<s>the</s>the").map(token)).toEqual(["<s>", "<s>", "▁the", "</s>", "▁the"]);
});

test("without a space in front, a text is merged as it stands", () => {
  const { encode, decode, token } = tokenizer(
    changed(sentencePiece, { add_space_prefix: false, add_bos_token: false }),
  );
  expect(encode("the cup").map(token)).toEqual(["t", "he", "▁cup"]);
  expect(decode(encode(" the cup"))).toBe(" the cup");
});

test.each(golden.texts)("ids of %s lead back to it", (text) => {
  const texts = [byteLevel, ...(isMarkup(text) ? [] : [sentencePiece])].map((metadata) => {
    const { encode, decode } = tokenizer(metadata);
    return decode(encode(text, { addSpecialTokens: false }));
  });
  expect(new Set(texts)).toEqual(new Set([text]));
});

test("the chat template and the special tokens stand in tokenizer_config.json, their ids in config.json", () => {
  const { tokenizerConfig, tokenIds } = ggufTokenizer("x.gguf", byteLevel);
  expect(tokenizerConfig).toEqual({
    bos_token: "<s>",
    eos_token: "</s>",
    clean_up_tokenization_spaces: false,
    chat_template: "{% for m in messages %}{{ m['content'] }}{% endfor %}",
  });
  expect(tokenIds).toEqual({ bos_token_id: 0, eos_token_id: 1 });
});

test("a first token is added where the file says so and, if it does not, where its kind does", () => {
  const first = (changes: Record<string, MetadataValue | undefined>): number =>
    tokenizer(changed(byteLevel, changes)).encode("the")[0]!;
  const { bos } = tokenizer(byteLevel);
  expect(first({ add_bos_token: true })).toBe(bos);
  expect(first({ add_bos_token: undefined, pre: "llama-bpe" })).toBe(bos);
  expect(first({ add_bos_token: undefined, pre: "qwen2" })).not.toBe(bos);
  const ended = tokenizer(changed(byteLevel, { add_eos_token: true }));
  expect(ended.encode("the").at(-1)).toBe(ended.eos);
});

test("a file without a vocabulary has no tokenizer", () => {
  expect(ggufTokenizer("x.gguf", new Map([["tokenizer.ggml.model", "no_vocab"]]))).toEqual({
    tokenIds: {},
  });
});

const refused = (changes: Record<string, MetadataValue | undefined>) => () =>
  ggufTokenizer("x.gguf", changed(byteLevel, changes));

test("what is not known is refused by its name", () => {
  expect(refused({ model: "t5" })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf has a tokenizer of kind "t5"; PatchClamp reads gpt2, llama.]`,
  );
  expect(refused({ pre: "superbpe" })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf cuts texts as "superbpe"; PatchClamp knows default, gpt-2, phi-2, mpt, olmo, jais, exaone4, modern-bert, smollm, starcoder, refact, command-r, codeshell, llama-bpe, llama3, llama-v3, falcon3, dbrx, smaug-bpe, qwen2, deepseek-r1-qwen, stablelm2, tekken, gpt-4o, llama4, deepseek-v3, bloom.]`,
  );
});

test("a vocabulary that contradicts itself is refused", () => {
  expect(refused({ tokens: undefined })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: the tokenizer of x.gguf has no list of tokens.]`,
  );
  expect(refused({ tokens: ["a", "b", "a"] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: the tokenizer of x.gguf has the token "a" twice, as 0 and 2.]`,
  );
  expect(refused({ token_type: Int32Array.of(1) })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: the tokenizer of x.gguf has no kind for each of its 403 tokens.]`,
  );
  expect(refused({ bos_token_id: 1000 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: the tokenizer of x.gguf has bos_token_id = 1000, but its ids are 0..402.]`,
  );
  expect(refused({ merges: undefined })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: the tokenizer of x.gguf has no list of merges.]`,
  );
  expect(refused({ merges: ["a b c"] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: the tokenizer of x.gguf has the merge "a b c", which is not two tokens.]`,
  );
  expect(refused({ model: "llama" })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: the tokenizer of x.gguf has no score for each of its 403 tokens.]`,
  );
});
