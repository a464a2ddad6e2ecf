import { ZodError } from "zod";

import { PatchClampError } from "../../core/errors.ts";
import { readJson } from "../../core/files.ts";
import type { Files } from "../../core/files.ts";
import type { Tokenizer } from "../../network/tokenizer.ts";
import { readTokenizerJson } from "./files.ts";
import { readJoiner } from "./pairs.ts";
import { buildPipeline } from "./pipeline.ts";
import type { Pipeline } from "./pipeline.ts";
import { asObject, contentOf, readSpecials } from "./specials.ts";
import type { Json } from "./specials.ts";

export { hasTokenizer } from "./files.ts";

/**
 * Opens the tokenizer of a Hugging Face folder.
 *
 * It is the first that the folder holds of `tokenizer.json`, a SentencePiece model, tiktoken ranks, `vocab.json` with `merges.txt`, and
 * `vocab.txt`. Which tokens begin, end and fill a text stands in `tokenizer_config.json` or, failing that, in
 * `special_tokens_map.json`, `generation_config.json` and `config.json`; chat templates in the first or in files of their own.
 *
 * @throws PatchClampError `BAD_FILE` when there is no such file, or it is damaged or describes no tokenizer we can run; `UNSUPPORTED`
 * for a file that only its family's own code can read
 */
export async function loadTokenizer(files: Files): Promise<Tokenizer> {
  const optional = async (path: string): Promise<Json> =>
    (await files.exists(path)) ? asObject(await readJson("loadTokenizer", files, path)) : {};
  const config = {
    ...(await optional("chat_template.json")),
    ...(await optional("config.json")),
    ...(await optional("generation_config.json")),
    ...(await optional("special_tokens_map.json")),
    ...(await optional("tokenizer_config.json")),
    ...(await jinjaFile(files)),
  };
  const added_tokens = await optional("added_tokens.json");
  const json = await readTokenizerJson(files, config);
  return makeTokenizer(files.name, json, { ...config, added_tokens });
}

async function jinjaFile(files: Files): Promise<Json> {
  if (!(await files.exists("chat_template.jinja"))) return {};
  return { chat_template: new TextDecoder().decode(await files.read("chat_template.jinja")) };
}

/**
 * Makes a tokenizer of a `tokenizer.json` that is at hand.
 *
 * @param name - what error messages call it
 * @param json - the parsed `tokenizer.json`
 * @param config - names or ids of special tokens (`bos_token`, `eos_token_id` ...) and `chat_template`, as in `tokenizer_config.json`
 * and `config.json`
 * @throws PatchClampError `BAD_FILE` when `json` describes no tokenizer we can run
 */
export function makeTokenizer(name: string, json: unknown, config: Json = {}): Tokenizer {
  const specials = readSpecials(config);
  const pipeline = open(name, () =>
    buildPipeline(name, json, {
      added: specials.added,
      special: specials.special,
      // As in transformers: unless the tokenizer asks for it, the text stays as it was.
      cleansUp: config["clean_up_tokenization_spaces"] === true,
    }),
  );
  const { tokens, ids, encode, isSpecial } = pipeline;
  const join = open(name, () => readJoiner(name, asObject(json)["post_processor"]));
  const plain = (text: string): readonly number[] => encode(text, { addSpecialTokens: false }).ids;
  const vocabSize = [...tokens.keys()].reduce((size, id) => Math.max(size, id + 1), 0);
  const token = (id: number): string => {
    const found = tokens.get(id);
    if (found !== undefined) return found;
    throw new PatchClampError("BAD_INPUT", {
      where: "tokenizer",
      problem: `${name} has no token ${id}; its ids are 0..${vocabSize - 1}.`,
      facts: { id, vocabSize },
    });
  };
  const marks = (kind: string): number[] => markIds(pipeline, config, kind);
  const eos = marks("eos")[0];
  return {
    name,
    vocabSize,
    bos: marks("bos")[0],
    eos,
    stops: marks("eos"),
    pad: marks("pad")[0],
    specialTokens: { ...markTokens(pipeline, config), ...specials.named },
    chatTemplates: specials.chatTemplates,
    encode: (text, options = {}) => [...encode(text, options).ids],
    encodeWithOffsets: (text, options = {}) => encode(text, options),
    encodePair: (text, pair) => join(plain(text), plain(pair)),
    decode: (given, options = {}) => {
      for (const id of given) token(id);
      return given.length === 0 ? "" : pipeline.decode(given, options);
    },
    token,
    id: (word) => ids.get(word),
    isSpecial,
  };
}

/** The ids of what begins (`bos`), ends (`eos`) or fills (`pad`) a text: the token named first, then the ids of a config. */
function markIds({ ids }: Pipeline, config: Json, kind: string): number[] {
  const named = ids.get(contentOf(config[`${kind}_token`]) ?? "");
  const listed = [config[`${kind}_token_id`]].flat().filter((id) => typeof id === "number");
  return [...new Set(named === undefined ? listed : [named, ...listed])];
}

/** Names for tokens of which a config gives the ids alone. */
function markTokens(pipeline: Pipeline, config: Json): Record<string, string> {
  const pairs = ["bos", "eos", "pad"].map((kind) => [
    `${kind}_token`,
    pipeline.tokens.get(markIds(pipeline, config, kind)[0] ?? -1),
  ]);
  return Object.fromEntries(pairs.filter(([, token]) => token !== undefined)) as Record<
    string,
    string
  >;
}

function open<Part>(name: string, build: () => Part): Part {
  try {
    return build();
  } catch (cause) {
    throw new PatchClampError("BAD_FILE", {
      where: "loadTokenizer",
      problem: `the tokenizer of ${name} is none that can be run: ${reasonOf(cause)}.`,
      facts: { name },
      cause,
    });
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof ZodError) {
    const { path, message } = cause.issues[0]!;
    return `"${path.join(".")}": ${message}`;
  }
  return cause instanceof Error ? cause.message : String(cause);
}
