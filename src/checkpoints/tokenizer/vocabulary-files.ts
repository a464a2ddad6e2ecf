// Folders from before tokenizer.json: `vocab.json` with `merges.txt` (GPT-2, RoBERTa, OPT, Qwen 2) and `vocab.txt` (BERT).

import { contentOf } from "./specials.ts";
import type { Json } from "./specials.ts";
import { qwenWords, splitThenBytes } from "./word-patterns.ts";

/**
 * The `tokenizer.json` of a byte-level BPE vocabulary and its merges.
 *
 * Words split as GPT-2's do, or as Qwen's for its `tokenizer_class`; RoBERTa's and BART's classes put `<s>` and `</s>` around a text.
 *
 * @param vocab - ids by token, the contents of `vocab.json`
 * @param merges - the contents of `merges.txt`
 * @param config - fields of `tokenizer_config.json` and `config.json`
 */
export function bpeJson(vocab: Json, merges: string, config: Json = {}): Json {
  const named = [config["tokenizer_class"], config["model_type"]];
  const family = named
    .filter((name) => typeof name === "string")
    .join(" ")
    .toLowerCase();
  const isQwen = family.includes("qwen");
  const isBetween = /roberta|bart|longformer/u.test(family);
  const special = (role: string, fallback: string): string => contentOf(config[role]) ?? fallback;
  const mark = (token: string): [string, unknown] => [
    token,
    Object.hasOwn(vocab, token) ? vocab[token] : undefined,
  ];
  const bos = special("bos_token", isBetween ? "<s>" : "<|endoftext|>");
  const eos = special("eos_token", "</s>");
  return {
    added_tokens: ["<|endoftext|>", "<s>", "</s>", "<unk>", "<pad>", "<mask>"].flatMap(
      (content) => {
        if (!Object.hasOwn(vocab, content)) return [];
        return { id: vocab[content], content, special: true, lstrip: content === "<mask>" };
      },
    ),
    normalizer: isQwen ? { type: "NFC" } : null,
    pre_tokenizer: isQwen
      ? splitThenBytes(qwenWords)
      : {
          type: "ByteLevel",
          add_prefix_space: config["add_prefix_space"] === true,
          use_regex: true,
        },
    decoder: { type: "ByteLevel" },
    post_processor: isBetween
      ? {
          type: "RobertaProcessing",
          cls: mark(special("cls_token", bos)),
          sep: mark(special("sep_token", eos)),
        }
      : beginningWith(config["add_bos_token"] === true ? [mark(bos)] : []),
    model: {
      type: "BPE",
      vocab,
      merges: merges.split(/\r?\n/u).filter((line) => line !== "" && !line.startsWith("#version")),
    },
  };
}

/**
 * The `tokenizer.json` of BERT's vocabulary.
 *
 * @param vocab - the contents of `vocab.txt`: the token of id 0 on the first line, and so on
 * @param config - fields of `tokenizer_config.json`: `do_lower_case` (default true), `strip_accents`, `tokenize_chinese_chars`
 */
export function wordPieceJson(vocab: string, config: Json = {}): Json {
  const lines = vocab.split(/\r?\n/u);
  if (lines.at(-1) === "") lines.pop();
  const ids = new Map(lines.map((token, id) => [token, id]));
  const mark = (role: string, fallback: string): [string, unknown] => {
    const token = contentOf(config[role]) ?? fallback;
    return [token, ids.get(token)];
  };
  const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  return {
    added_tokens: specials.flatMap((content) =>
      ids.has(content) ? { id: ids.get(content), content, special: true } : [],
    ),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: config["tokenize_chinese_chars"] ?? true,
      strip_accents: config["strip_accents"] ?? null,
      lowercase: config["do_lower_case"] ?? true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    post_processor: {
      type: "BertProcessing",
      cls: mark("cls_token", "[CLS]"),
      sep: mark("sep_token", "[SEP]"),
    },
    model: {
      type: "WordPiece",
      vocab: Object.fromEntries(ids),
      unk_token: contentOf(config["unk_token"]) ?? "[UNK]",
    },
  };
}

type Mark = readonly [token: string, id: unknown];

/** The `post_processor` that puts tokens before a text. */
export function beginningWith(before: readonly Mark[]): Json {
  return {
    type: "TemplateProcessing",
    single: [
      ...before.map(([id]) => ({ SpecialToken: { id, type_id: 0 } })),
      { Sequence: { id: "A", type_id: 0 } },
    ],
    special_tokens: Object.fromEntries(before.map(([token, id]) => [token, { ids: [id] }])),
  };
}
