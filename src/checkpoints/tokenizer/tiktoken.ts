// tiktoken's file: a line for every token, its bytes in base64 and its rank.

import { PatchClampError } from "../../core/errors.ts";
import { mergesOf } from "./bpe-merges.ts";
import { byteCharacters } from "./bytes.ts";
import { asObject } from "./specials.ts";
import type { Json } from "./specials.ts";
import { beginningWith } from "./vocabulary-files.ts";
import { llama3Words, qwenWords, splitThenBytes } from "./word-patterns.ts";

/** Whether bytes begin as tiktoken's files do. */
export function isTiktoken(bytes: Uint8Array): boolean {
  const start = new TextDecoder().decode(bytes.subarray(0, 256));
  return /^[A-Za-z0-9+/]+={0,2} \d+\r?\n/u.test(start);
}

/**
 * Reads tiktoken ranks into the fields of a `tokenizer.json`.
 *
 * The file holds neither the pattern that splits words nor special tokens. Both come from the config (`pat_str` or `pattern`,
 * `added_tokens_decoder`); failing that they are those of Qwen for `qwen.tiktoken` and of Llama 3 for any other file.
 *
 * @param path - the file's name
 * @param config - fields of `tokenizer_config.json`
 * @throws PatchClampError `BAD_FILE` when a line is not a token and its rank
 */
export function tiktokenJson(path: string, bytes: Uint8Array, config: Json = {}): Json {
  const ranks = readRanks(path, bytes);
  const isQwen = path === "qwen.tiktoken";
  const given = config["pat_str"] ?? config["pattern"];
  const pattern = typeof given === "string" ? given : isQwen ? qwenWords : llama3Words;
  const hasOwnTokens = Object.keys(asObject(config["added_tokens_decoder"])).length > 0;
  const specials = hasOwnTokens ? [] : isQwen ? qwenSpecials() : llama3Specials();
  const first = 1 + [...ranks.values()].reduce((most, rank) => Math.max(most, rank), -1);
  const hasLlama3Start = !hasOwnTokens && !isQwen;
  return {
    added_tokens: specials.map((content, i) => ({ id: first + i, content, special: true })),
    normalizer: null,
    pre_tokenizer: splitThenBytes(pattern),
    decoder: { type: "ByteLevel" },
    post_processor: hasLlama3Start ? beginningWith([[specials[0]!, first]]) : null,
    model: {
      type: "BPE",
      vocab: Object.fromEntries(ranks),
      merges: mergesOf(
        ranks,
        [...ranks.keys()].toSorted((a, b) => ranks.get(a)! - ranks.get(b)!),
      ),
      ignore_merges: true,
    },
  };
}

function readRanks(path: string, bytes: Uint8Array): Map<string, number> {
  const ranks = new Map<string, number>();
  const lines = new TextDecoder().decode(bytes).split("\n");
  for (const [i, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const fields = /^([A-Za-z0-9+/]+={0,2}) (\d{1,9})\r?$/u.exec(line);
    const token = fields === null ? undefined : decodeBase64(fields[1]!);
    if (token === undefined) {
      throw new PatchClampError("BAD_FILE", {
        where: "loadTokenizer",
        problem: `line ${i + 1} of ${path} is no token in base64 with its rank.`,
        facts: { path, line: i + 1 },
      });
    }
    ranks.set(byteCharacters(token), Number(fields![2]));
  }
  return ranks;
}

function decodeBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** Qwen 1's special tokens, in the order of their ids. */
function qwenSpecials(): string[] {
  const extra = Array.from({ length: 205 }, (_, i) => `<|extra_${i}|>`);
  return ["<|endoftext|>", "<|im_start|>", "<|im_end|>", ...extra];
}

/** Llama 3's 256 special tokens, in the order of their ids. */
function llama3Specials(): string[] {
  const reserved = (i: number): string => `<|reserved_special_token_${i}|>`;
  return [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    ...[0, 1, 2, 3].map(reserved),
    "<|start_header_id|>",
    "<|end_header_id|>",
    reserved(4),
    "<|eot_id|>",
    ...Array.from({ length: 246 }, (_, i) => reserved(5 + i)),
  ];
}
