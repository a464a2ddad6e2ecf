// From GGUF's tokenizer metadata to tokenizer.json and tokenizer_config.json.

import { PatchClampError } from "../../core/errors.ts";
import { byteLevel } from "./byte-level.ts";
import type { MetadataValue } from "./reader.ts";
import { sentencePiece } from "./sentence-piece.ts";
import { readVocabulary, tokenId } from "./vocabulary.ts";
import type { Vocabulary } from "./vocabulary.ts";

type Json = Record<string, unknown>;

/** A tokenizer as a folder of transformers would hold it; both files are absent where the GGUF file has no vocabulary. */
export interface GgufTokenizer {
  readonly tokenizerJson?: Json;
  /** With the chat template, where there is one. */
  readonly tokenizerConfig?: Json;
  /** Ids of special tokens, as config.json holds them. */
  readonly tokenIds: Readonly<Record<string, number>>;
}

const models: Readonly<Record<string, (vocabulary: Vocabulary) => Json>> = {
  gpt2: byteLevel,
  llama: sentencePiece,
};

/** Names in tokenizer_config.json by names in GGUF. */
const specialTokens = {
  bos: "bos",
  eos: "eos",
  unknown: "unk",
  padding: "pad",
  seperator: "sep",
  mask: "mask",
} as const;

/**
 * Reads the tokenizer of a GGUF file.
 *
 * @param path - of the file, for error messages
 * @throws PatchClampError `UNSUPPORTED` for kinds of tokenizers that are not run, by their name; `BAD_FILE` for lists that do not
 * fit together
 */
export function ggufTokenizer(
  path: string,
  metadata: ReadonlyMap<string, MetadataValue>,
): GgufTokenizer {
  const get = (key: string): MetadataValue | undefined => metadata.get(`tokenizer.ggml.${key}`);
  const model = get("model");
  const template = metadata.get("tokenizer.chat_template");
  if (model === undefined || model === "none" || model === "no_vocab") return { tokenIds: {} };
  const build = Object.hasOwn(models, String(model)) ? models[String(model)] : undefined;
  if (build === undefined) {
    throw new PatchClampError("UNSUPPORTED", {
      where: "openGguf",
      problem: `${path} has a tokenizer of kind "${String(model)}"; PatchClamp reads ${Object.keys(models).join(", ")}.`,
      facts: { path, model },
    });
  }
  const vocabulary = readVocabulary(path, get);
  const tokenIds: Record<string, number> = {};
  const names: Json = {};
  for (const [theirs, ours] of Object.entries(specialTokens)) {
    const id = tokenId(vocabulary, `${theirs}_token_id`);
    if (id === undefined) continue;
    names[`${ours}_token`] = vocabulary.tokens[id];
    if (ours === "bos" || ours === "eos" || ours === "pad") tokenIds[`${ours}_token_id`] = id;
  }
  return {
    tokenizerJson: build(vocabulary),
    tokenizerConfig: {
      ...names,
      clean_up_tokenization_spaces: false,
      ...(typeof template === "string" ? { chat_template: template } : {}),
    },
    tokenIds,
  };
}
