// The third step from text to tokens. The library's models say how a piece falls apart; ids, unknown pieces and bytes are settled
// here, because the library gives no positions and no byte fallback for Unigram.

import { z } from "zod";

import { buildPart } from "./component.ts";
import type { Builder } from "./component.ts";
import { BPE, Unigram, WordPiece } from "./library.ts";
import type { Span } from "./text.ts";

/** A token and the units of the piece that it stands for; the id is undefined where there is no unknown token. */
export interface ModelToken {
  readonly id: number | undefined;
  readonly span: Span;
}

export interface TokenizerModel {
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Python's `tokenizers` and `transformers` clean decoded text only where this is not BPE. */
  readonly isBpe: boolean;
  readonly encode: (piece: string) => ModelToken[];
}

/**
 * Makes the model of a `tokenizer.json`.
 *
 * @param json - its `model`
 * @throws Error of any kind when it describes none that is known here
 */
export function buildModel(json: unknown): TokenizerModel {
  const named = z.looseObject({}).parse(json);
  return buildPart("model", builders, { ...named, type: named["type"] ?? guessType(named) });
}

/** Old files leave the type out. */
function guessType(model: Readonly<Record<string, unknown>>): string {
  if (Array.isArray(model["vocab"])) return "Unigram";
  if ("merges" in model) return "BPE";
  return "max_input_chars_per_word" in model ? "WordPiece" : "WordLevel";
}

const builders: Readonly<Record<string, Builder<TokenizerModel>>> = {
  BPE: (json) => bpe(bpeSchema.parse(json)),
  Unigram: (json) => unigram(unigramSchema.parse(json)),
  WordPiece: (json) => wordPiece(wordPieceSchema.parse(json)),
  WordLevel: (json) => {
    const { vocab, unk_token: unknown } = wordLevelSchema.parse(json);
    const vocabulary = new Map(Object.entries(vocab));
    return {
      vocabulary,
      isBpe: false,
      encode: (word) => [
        { id: vocabulary.get(word) ?? vocabulary.get(unknown ?? ""), span: [0, word.length] },
      ],
    };
  },
};

const isId = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** Checked as a whole, since a schema for each of some hundred thousand entries takes seconds. */
const vocabSchema = z.custom<Record<string, number>>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every(isId),
  "not an object of token ids",
);
const mergesSchema = z.custom<readonly (string | readonly [string, string])[]>(
  (value) => Array.isArray(value) && value.every(isMerge),
  "not a list of pairs of tokens",
);

function isMerge(merge: unknown): boolean {
  if (typeof merge === "string") return merge.indexOf(" ", 1) > 0;
  return Array.isArray(merge) && merge.length === 2 && merge.every((t) => typeof t === "string");
}

const bpeSchema = z.object({
  vocab: vocabSchema,
  merges: mergesSchema,
  unk_token: z.string().nullish(),
  fuse_unk: z.boolean().nullish(),
  byte_fallback: z.boolean().nullish(),
  ignore_merges: z.boolean().nullish(),
  continuing_subword_prefix: z.literal(["", null]).optional(),
  end_of_word_suffix: z.string().nullish(),
});
const unigramSchema = z.object({
  vocab: z.custom<[string, number][]>(
    (value) => Array.isArray(value) && value.length > 0 && value.every(isScored),
    "not a list of tokens and their scores",
  ),
  unk_id: z.int().min(0).nullish(),
  byte_fallback: z.boolean().nullish(),
});
const wordPieceSchema = z.object({
  vocab: vocabSchema,
  unk_token: z.string(),
  continuing_subword_prefix: z.string().default("##"),
  max_input_chars_per_word: z.int().min(1).default(100),
});
const wordLevelSchema = z.object({ vocab: vocabSchema, unk_token: z.string().nullish() });

function isScored(entry: unknown): boolean {
  return Array.isArray(entry) && typeof entry[0] === "string" && Number.isFinite(entry[1]);
}

function bpe(options: z.output<typeof bpeSchema>): TokenizerModel {
  const { vocab, merges, ignore_merges: ignoreMerges } = options;
  const suffix = options.end_of_word_suffix ?? "";
  const vocabulary = new Map(Object.entries(vocab));
  const inner = new BPE({
    type: "BPE",
    vocab,
    merges: merges.map((merge) => (typeof merge === "string" ? twoParts(merge) : merge)),
    end_of_word_suffix: suffix,
  });
  const unknown = vocabulary.get(options.unk_token ?? "");
  const settle = settler(vocabulary, {
    unknown,
    fuses: options.fuse_unk ?? false,
    bytes: options.byte_fallback ?? false,
  });
  return {
    vocabulary,
    isBpe: true,
    encode: (piece) => {
      const whole = ignoreMerges ? vocabulary.get(piece) : undefined;
      if (whole !== undefined) return [{ id: whole, span: [0, piece.length] }];
      return settle(inner.bpe(piece), suffix.length);
    },
  };
}

/** A merge in the old notation; a token may hold a space only if it begins with one. */
function twoParts(merge: string): [string, string] {
  const at = merge.indexOf(" ", 1);
  return [merge.slice(0, at), merge.slice(at + 1)];
}

function unigram({
  vocab,
  unk_id: unknown,
  byte_fallback: bytes,
}: z.output<typeof unigramSchema>): TokenizerModel {
  // The library needs an unknown token's place and overwrites its score.
  const place = unknown ?? vocab.length;
  if (place > vocab.length) throw new Error(`its unk_id is ${place}, of ${vocab.length} tokens`);
  const padded: [string, number][] = vocab.map(([token, score]) => [token, score]);
  if (place === vocab.length) padded.push(["", 0]);
  const inner = new Unigram({ type: "Unigram", vocab: padded, unk_id: place }, "");
  const vocabulary = new Map(vocab.map(([token], id) => [token, id]));
  const settle = settler(vocabulary, {
    unknown: unknown ?? undefined,
    fuses: true,
    bytes: bytes ?? false,
  });
  return { vocabulary, isBpe: false, encode: (piece) => settle(inner.tokenize(piece)) };
}

function wordPiece(options: z.output<typeof wordPieceSchema>): TokenizerModel {
  const { vocab, unk_token: unknown, continuing_subword_prefix: prefix } = options;
  const vocabulary = new Map(Object.entries(vocab));
  const inner = new WordPiece({ type: "WordPiece", ...options });
  return {
    vocabulary,
    isBpe: false,
    encode: (word) => {
      const tokens = inner.encode([word]);
      if (tokens.length === 1) {
        return [{ id: vocabulary.get(tokens[0] ?? unknown), span: [0, word.length] }];
      }
      let at = 0;
      return tokens.map((token, i) => {
        const start = at;
        at += token.length - (i === 0 ? 0 : prefix.length);
        return { id: vocabulary.get(token), span: [start, at] };
      });
    },
  };
}

interface Unknowns {
  /** The unknown token. */
  readonly unknown: number | undefined;
  /** Whether neighbouring unknown parts become one token. */
  readonly fuses: boolean;
  /** Whether unknown parts are spelt in tokens such as `<0x0A>`. */
  readonly bytes: boolean;
}

/** Gives ids to the parts of a piece, the last of which has `suffix` units that are not in the text. */
function settler(
  vocabulary: ReadonlyMap<string, number>,
  { unknown, fuses, bytes }: Unknowns,
): (parts: readonly string[], suffix?: number) => ModelToken[] {
  const spell = bytes ? byteSpeller(vocabulary) : () => undefined;
  return (parts, suffix = 0) => {
    const tokens: ModelToken[] = [];
    let at = 0;
    let isAfterUnknown = false;
    for (const [i, part] of parts.entries()) {
      const start = at;
      at += part.length - (i === parts.length - 1 ? suffix : 0);
      const known = vocabulary.get(part);
      const ids = known === undefined ? spell(part) : [known];
      if (ids === undefined) {
        const from = fuses && isAfterUnknown ? tokens.pop()!.span[0] : start;
        tokens.push({ id: unknown, span: [from, at] });
      } else {
        for (const id of ids) tokens.push({ id, span: [start, at] });
      }
      isAfterUnknown = ids === undefined;
    }
    return tokens;
  };
}

/** Spells text in byte tokens; undefined where one of them is missing. */
function byteSpeller(
  vocabulary: ReadonlyMap<string, number>,
): (part: string) => number[] | undefined {
  const ids = Array.from({ length: 256 }, (_, byte) =>
    vocabulary.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
  );
  const encoder = new TextEncoder();
  return (part) => {
    const spelt = Array.from(encoder.encode(part), (byte) => ids[byte]);
    return spelt.includes(undefined) ? undefined : (spelt as number[]);
  };
}
