// The vocabulary in GGUF's metadata, and what tokenizer.json says about every kind of it.

import { PatchClampError } from "../../core/errors.ts";
import type { MetadataValue } from "./reader.ts";

type Json = Record<string, unknown>;

/** What every kind of vocabulary has. */
export interface Vocabulary {
  readonly path: string;
  /** By id. */
  readonly tokens: readonly string[];
  /** By id: one of `tokenKinds`. */
  readonly kinds: ArrayLike<number>;
  /** Undefined where the file does not say. */
  readonly addsBos: boolean | undefined;
  readonly addsEos: boolean | undefined;
  readonly bos: number | undefined;
  readonly eos: number | undefined;
  readonly unknown: number | undefined;
  readonly get: (key: string) => MetadataValue | undefined;
}

/** llama.cpp's kinds of tokens. */
export const tokenKinds = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

/**
 * Reads the tokens of a file.
 *
 * @param get - metadata by key, without `tokenizer.ggml.` before it
 * @throws PatchClampError `BAD_FILE` for lists that do not fit together, and for a token that is there twice
 */
export function readVocabulary(path: string, get: Vocabulary["get"]): Vocabulary {
  const list = get("tokens");
  if (!Array.isArray(list) || list.length === 0) throw broken(path, "has no list of tokens.");
  // llama.cpp gives tokens without text the same names
  const tokens = (list as string[]).map((token, id) => (token === "" ? `[EMPTY_${id}]` : token));
  const ids = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    const other = ids.get(token);
    if (other !== undefined) {
      throw broken(path, `has the token ${JSON.stringify(token)} twice, as ${other} and ${id}.`);
    }
    ids.set(token, id);
  }
  const kinds = get("token_type") ?? new Int32Array(tokens.length).fill(tokenKinds.normal);
  if (!(kinds instanceof Int32Array) || kinds.length < tokens.length) {
    throw broken(path, `has no kind for each of its ${tokens.length} tokens.`);
  }
  const flag = (key: string): boolean | undefined => {
    const value = get(key);
    return typeof value === "boolean" ? value : undefined;
  };
  const base = { path, tokens, get };
  return {
    ...base,
    kinds,
    addsBos: flag("add_bos_token"),
    addsEos: flag("add_eos_token"),
    bos: tokenId(base, "bos_token_id"),
    eos: tokenId(base, "eos_token_id"),
    unknown: tokenId(base, "unknown_token_id"),
  };
}

/** The id of a special token, where the file names one. */
export function tokenId(
  { path, tokens, get }: Pick<Vocabulary, "path" | "tokens" | "get">,
  key: string,
): number | undefined {
  const id = get(key);
  if (id === undefined) return undefined;
  if (typeof id === "number" && tokens[id] !== undefined) return id;
  throw broken(path, `has ${key} = ${String(id)}, but its ids are 0..${tokens.length - 1}.`);
}

/** `vocab` of tokenizer.json. */
export function idsByToken({ tokens }: Vocabulary): Record<string, number> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}

/** `added_tokens` of tokenizer.json: tokens that are found in the text before it is cut. */
export function addedTokens({ tokens, kinds }: Vocabulary): Json[] {
  const { control, userDefined, unknown } = tokenKinds;
  return tokens.flatMap((content, id) => {
    const kind = kinds[id];
    if (kind !== control && kind !== userDefined && kind !== unknown) return [];
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content, ...flags, special: kind !== userDefined }];
  });
}

/** `post_processor` of tokenizer.json: what is put around a text. */
export function around(vocabulary: Vocabulary, addsBosByDefault: boolean): Json | null {
  const { tokens, bos, eos, addsBos = addsBosByDefault, addsEos = false } = vocabulary;
  const first = addsBos && bos !== undefined ? [bos] : [];
  const last = addsEos && eos !== undefined ? [eos] : [];
  if (first.length + last.length === 0) return null;
  const special = (id: number): Json => ({ SpecialToken: { id: tokens[id], type_id: 0 } });
  const text = (name: string): Json => ({ Sequence: { id: name, type_id: 0 } });
  const wrapped = (name: string): Json[] => [
    ...first.map(special),
    text(name),
    ...last.map(special),
  ];
  return {
    type: "TemplateProcessing",
    single: wrapped("A"),
    pair: [...wrapped("A"), ...wrapped("B")],
    special_tokens: Object.fromEntries(
      [...first, ...last].map((id) => [
        tokens[id]!,
        { id: tokens[id], ids: [id], tokens: [tokens[id]] },
      ]),
    ),
  };
}

/** The refusal of a vocabulary that contradicts itself. */
export function broken(path: string, problem: string): PatchClampError {
  return new PatchClampError("BAD_FILE", {
    where: "openGguf",
    problem: `the tokenizer of ${path} ${problem}`,
    facts: { path },
  });
}
