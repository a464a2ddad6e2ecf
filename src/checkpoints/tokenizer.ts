import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";

import { PatchClampError } from "../core/errors.ts";
import { readJson } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import type { Tokenizer } from "../network/tokenizer.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * Opens the tokenizer of a Hugging Face folder.
 *
 * It is `tokenizer.json`; which tokens begin, end and fill a text stands in `tokenizer_config.json` or, failing that, in `config.json`.
 *
 * @throws PatchClampError `BAD_FILE` when `tokenizer.json` is missing, is not JSON or describes no tokenizer we can run
 */
export async function loadTokenizer(files: Files): Promise<Tokenizer> {
  const where = "loadTokenizer";
  if (!(await files.exists("tokenizer.json"))) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `${files.name} has no tokenizer.json.`,
      fix: "write one in Python: AutoTokenizer.from_pretrained(folder).save_pretrained(folder).",
      facts: { folder: files.name },
    });
  }
  const json = await readJson(where, files, "tokenizer.json");
  const optional = async (path: string): Promise<Json> =>
    (await files.exists(path)) ? asObject(await readJson(where, files, path)) : {};
  return makeTokenizer(files.name, json, {
    ...(await optional("config.json")),
    ...(await optional("tokenizer_config.json")),
  });
}

/**
 * Makes a tokenizer of a `tokenizer.json` that is at hand.
 *
 * @param name - what error messages call it
 * @param json - the parsed `tokenizer.json`
 * @param config - names or ids of special tokens (`bos_token`, `eos_token_id` ...), as in `tokenizer_config.json` and `config.json`
 * @throws PatchClampError `BAD_FILE` when `json` describes no tokenizer we can run
 */
export function makeTokenizer(name: string, json: unknown, config: Json = {}): Tokenizer {
  const inner = open(name, json, config);
  const vocabulary = inner.get_vocab(true);
  const vocabSize = [...vocabulary.values()].reduce((size, id) => Math.max(size, id + 1), 0);
  const special = (kind: string): number | undefined => {
    const token = contentOf(config[`${kind}_token`]);
    if (token !== undefined) return inner.token_to_id(token);
    const id = [config[`${kind}_token_id`]].flat()[0];
    return typeof id === "number" ? id : undefined;
  };
  const token = (id: number): string => {
    const found = inner.id_to_token(id);
    if (found !== undefined) return found;
    throw new PatchClampError("BAD_INPUT", {
      where: "tokenizer",
      problem: `${name} has no token ${id}; its ids are 0..${vocabSize - 1}.`,
      facts: { id, vocabSize },
    });
  };
  return {
    name,
    vocabSize,
    bos: special("bos"),
    eos: special("eos"),
    pad: special("pad"),
    encode: (text, options = {}) => {
      const { addSpecialTokens = true } = options;
      const { ids, tokens } = inner.encode(text, { add_special_tokens: addSpecialTokens });
      checkEncoded(name, ids, tokens);
      return ids;
    },
    decode: (ids, options = {}) => {
      const { skipSpecialTokens = false } = options;
      for (const id of ids) token(id);
      if (ids.length === 0) return "";
      return inner.decode([...ids], {
        skip_special_tokens: skipSpecialTokens,
        // The text as it was, unless the tokenizer asks for spaces before punctuation to be dropped.
        clean_up_tokenization_spaces: config["clean_up_tokenization_spaces"] === true,
      });
    },
    token,
    id: (word) => inner.token_to_id(word),
  };
}

function open(name: string, json: unknown, config: Json): HuggingFaceTokenizer {
  try {
    const model = asObject(asObject(json)["model"]);
    // For word-level vocabularies the library looks for the unknown token here and not in tokenizer.json.
    const unknown = contentOf(config["unk_token"]) ?? contentOf(model["unk_token"]);
    return new HuggingFaceTokenizer(
      Object(json),
      unknown === undefined ? config : { ...config, unk_token: unknown },
    );
  } catch (cause) {
    throw new PatchClampError("BAD_FILE", {
      where: "loadTokenizer",
      problem: `tokenizer.json of ${name} describes no tokenizer that @huggingface/tokenizers runs (${
        cause instanceof Error ? cause.message : String(cause)
      }).`,
      facts: { name },
      cause,
    });
  }
}

/** Without an unknown token the library leaves a hole for a word that it does not know. */
function checkEncoded(
  name: string,
  ids: readonly (number | undefined)[],
  tokens: readonly string[],
): void {
  const hole = ids.indexOf(undefined);
  if (hole < 0) return;
  throw new PatchClampError("BAD_INPUT", {
    where: "tokenizer",
    problem: `${name} has no token for "${tokens[hole]}" and no unknown token.`,
    facts: { piece: tokens[hole] },
  });
}

/** A special token is written as its text or as an object that holds it. */
function contentOf(token: unknown): string | undefined {
  const content = typeof token === "string" ? token : asObject(token)["content"];
  return typeof content === "string" ? content : undefined;
}

function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}
