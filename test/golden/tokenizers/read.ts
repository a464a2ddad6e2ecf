// Reads what test/golden/tokenizers/make.py wrote.

import { makeTokenizer } from "../../../src/checkpoints/tokenizer/tokenizer.ts";
import { readJson } from "../../../src/core/files.ts";
import type { Tokenizer } from "../../../src/network/tokenizer.ts";
import { openFolder } from "../../../src/runtime/open-folder.ts";

export const tokenizerFolder = openFolder(new URL(".", import.meta.url).href);

const read = (path: string): Promise<unknown> => readJson("golden", tokenizerFolder, path);

interface Kinds {
  readonly models: Readonly<Record<string, object>>;
  readonly tokenizers: Readonly<Record<string, { readonly model: { readonly is: string } }>>;
}

/** Ids, offsets (start and end by turns) and decoded text. */
export type ExpectedText = readonly [ids: number[], offsets: number[], decoded: string];

interface Expected {
  readonly texts: readonly string[];
  readonly kinds: Readonly<
    Record<
      string,
      {
        readonly texts: readonly ExpectedText[];
        readonly random: readonly (readonly [ids: number[], all: string, withoutSpecial: string])[];
      }
    >
  >;
}

export interface GoldenTokenizer {
  readonly kind: string;
  readonly json: object;
  readonly tokenizer: Tokenizer;
  readonly expected: Expected["kinds"][string];
}

/** The texts, and a tokenizer of every kind with what Python's `tokenizers` makes of them. */
export async function readTokenizers(): Promise<{
  readonly texts: readonly string[];
  readonly all: readonly GoldenTokenizer[];
}> {
  const { models, tokenizers } = (await read("kinds.json")) as Kinds;
  const { texts, kinds } = (await read("expected.json")) as Expected;
  const all = Object.entries(tokenizers).map(([kind, { model, ...rest }]) => {
    const { is, ...changes } = model;
    const json = { ...rest, model: { ...models[is], ...changes } };
    return { kind, json, tokenizer: makeTokenizer(kind, json), expected: kinds[kind]! };
  });
  return { texts, all };
}

/** Ids by file and text, from sentencepiece and tiktoken. */
export async function readFileIds(): Promise<Readonly<Record<string, readonly number[][]>>> {
  return (await read("files.json")) as Readonly<Record<string, readonly number[][]>>;
}

export interface ChatCase {
  readonly template: string;
  readonly messages: readonly { readonly role: string }[];
  readonly options?: Readonly<Record<string, unknown>>;
}

/** Templates, conversations and the text or the refusal that transformers makes of each. */
export async function readChats(): Promise<{
  readonly templates: Readonly<Record<string, string>>;
  readonly cases: readonly ChatCase[];
  readonly expected: readonly ({ readonly text: string } | { readonly error: string })[];
}> {
  const spec = (await read("chat-cases.json")) as {
    templates: Record<string, string>;
    cases: ChatCase[];
  };
  return { ...spec, expected: (await read("chat.json")) as { text: string }[] };
}
