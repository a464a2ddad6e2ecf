// Tokenizer files of every form with something wrong in them.

import * as fc from "fast-check";

import type { Tokenizer } from "../../src/network/tokenizer.ts";
import type { GoldenTokenizer } from "../golden/tokenizers/read.ts";
import { damagedBytes } from "./bytes.ts";
import { mutatedJson } from "./json.ts";

type Folder = Readonly<Record<string, Uint8Array | string>>;

const config = {
  tokenizer_class: "LlamaTokenizer",
  bos_token: "<s>",
  eos_token: { content: "</s>", lstrip: false, special: true },
  pad_token_id: 0,
  eos_token_id: [1, 2],
  additional_special_tokens: ["<sep>", { content: "<cls>" }],
  extra_special_tokens: { image_token: "<image>" },
  added_tokens_decoder: { "900": { content: "<new>", special: true, lstrip: true } },
  add_bos_token: true,
  add_prefix_space: false,
  legacy: false,
  extra_ids: 3,
  do_lower_case: true,
  clean_up_tokenization_spaces: true,
  chat_template: [{ name: "default", template: "{{ messages }}" }],
};

const configKeys = [
  ...Object.keys(config),
  ..."pat_str pattern model_type add_eos_token strip_accents tokenize_chinese_chars unk_token".split(
    " ",
  ),
];

const configs = fc.option(mutatedJson(config, configKeys), { nil: "{}" });

/** Pieces of tokenizer.json that files of other kinds hold. */
const jsonKeys = [
  ..."type vocab merges unk_token unk_id byte_fallback fuse_unk ignore_merges decoder normalizer".split(
    " ",
  ),
  ..."pre_tokenizer post_processor added_tokens model pattern content behavior invert prepend".split(
    " ",
  ),
  ..."precompiled_charsmap decoders normalizers pretokenizers processors special_tokens single".split(
    " ",
  ),
];

/** A folder with tokenizer.json, from one of every kind. */
export function jsonFolders(all: readonly GoldenTokenizer[]): fc.Arbitrary<Folder> {
  const files = all.map(({ json }) => mutatedJson(json, jsonKeys));
  return fc.record({
    "tokenizer.json": fc.oneof(...files),
    "tokenizer_config.json": configs,
  });
}

const lines = (text: string): fc.Arbitrary<string> =>
  fc.oneof(
    fc
      .array(fc.tuple(fc.nat(30), fc.constantFrom("", "a b", "a", " ", "\r", "##a", "a\tb", "é")), {
        maxLength: 4,
      })
      .map((edits) => {
        const all = text.split("\n");
        for (const [at, line] of edits) all[at % all.length] = line;
        return all.join("\n");
      }),
    damagedBytes(new TextEncoder().encode(text)).map((bytes) => new TextDecoder().decode(bytes)),
  );

const vocab = { "<s>": 0, "</s>": 1, "<unk>": 2, a: 3, b: 4, Ġ: 5, ab: 6, Ġab: 7 };
const words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", ":", "日"];

/** A folder with a vocabulary in one of the forms from before tokenizer.json; files of bytes by the names that they go under. */
export function olderFolders(files: Readonly<Record<string, Uint8Array>>): fc.Arbitrary<Folder> {
  const binary = Object.entries(files).map(([path, whole]) =>
    fc.record({
      [path]: fc.oneof(fc.constant(whole), damagedBytes(whole)),
      "tokenizer_config.json": configs,
    }),
  );
  const pairs = fc.record({
    "vocab.json": mutatedJson(vocab),
    "merges.txt": lines("#version: 0.2\na b\nĠ ab"),
    "tokenizer_config.json": configs,
    "special_tokens_map.json": configs,
  });
  const wordPieces = fc.record({
    "vocab.txt": lines(words.join("\n")),
    "tokenizer_config.json": configs,
    "added_tokens.json": mutatedJson({ "<new>": 10 }),
  });
  return fc.oneof(...binary, pairs, wordPieces);
}

/** Sends a text through a tokenizer and back. */
export function useTokenizer(tokenizer: Tokenizer): void {
  const ids = tokenizer.encode(text);
  tokenizer.decode(ids, { skipSpecialTokens: true });
  tokenizer.encodePair("a", "b");
}

const text = "The cat: naïve 日本 👍 <s>\n 12";

/** How many times a tokenizer's file a text can become: all of it may stand in the place of each character, and again with positions. */
export const growth = 10 * text.length;
