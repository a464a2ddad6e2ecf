// What all organisms of the language world share: tokenizer, token ids, and batches of packed texts.

import { wordTokenizerConfig, wordTokenizerJson } from "../checkpoints/tokenizer/word-tokenizer.ts";
import { Rng } from "../core/rng.ts";
import { tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { languageBatch, languageVocabulary } from "../worlds/index.ts";
import type { LanguageBatchOptions } from "../worlds/index.ts";
import type { PackedRows } from "./decoder.ts";
import type { OrganismTokenizer } from "./organism.ts";

const specialTokens = ["<unk>", "<pad>", "<bos>", "<eos>"] as const;

/** The id of every token. */
export const languageIds: ReadonlyMap<string, number> = new Map(
  [...specialTokens, ...languageVocabulary].map((word, id) => [word, id]),
);

/** How many tokens there are. */
export const languageVocabSize = languageIds.size;

/** Special tokens, as config.json names them. */
export const languageConfigIds = {
  bos_token_id: languageIds.get("<bos>")!,
  eos_token_id: languageIds.get("<eos>")!,
  pad_token_id: languageIds.get("<pad>")!,
};

/** Turns are written as in the world: `<user> where is Tarn? <end> <assistant>`. */
const chatTemplate =
  "{% for message in messages %}<{{ message.role }}> {{ message.content }} <end> {% endfor %}" +
  "{% if add_generation_prompt %}<assistant>{% endif %}";

/** Whole words of the language world. */
export const languageTokenizer: OrganismTokenizer = {
  json: wordTokenizerJson(languageVocabulary),
  config: { ...wordTokenizerConfig(), chat_template: chatTemplate },
};

/** Batch number `index` of packed texts. */
export function languageRows(
  seed: number,
  index: number,
  options: LanguageBatchOptions,
): PackedRows {
  const rng = new Rng(seed).split("batch").split(index);
  const { tokens, positions, segments, weights } = languageBatch(rng, languageIds, options);
  const rows = (data: Int32Array | Float32Array): Tensor =>
    tensor(data, { shape: [options.batch, options.pos] });
  return {
    tokens: rows(tokens),
    positions: rows(positions),
    segments: rows(segments),
    weights: rows(weights),
  };
}
