// The words of the organism that looks and speaks: those of the language world and those of the shape worlds.

import { wordTokenizerConfig, wordTokenizerJson } from "../checkpoints/tokenizer/word-tokenizer.ts";
import { languageVocabulary, shapesVocabulary } from "../worlds/index.ts";
import { languageIds } from "./language-text.ts";
import type { OrganismTokenizer } from "./organism.ts";

/** The place of a picture in a text. */
export const IMAGE = "<image>";

// those of the language world first, so that every token of organism:language keeps its id
const words = [...new Set([...languageVocabulary, ...shapesVocabulary]), IMAGE];

/** The id of every token. */
export const seeingIds: ReadonlyMap<string, number> = new Map([
  ...languageIds,
  ...words
    .slice(languageVocabulary.length)
    .map((word, i): [string, number] => [word, languageIds.size + i]),
]);

/** Whole words of both worlds. */
export const seeingTokenizer: OrganismTokenizer = tokenizer();

function tokenizer(): OrganismTokenizer {
  const json = wordTokenizerJson(words);
  const [example] = json["added_tokens"] as object[];
  const image = { ...example, id: seeingIds.get(IMAGE)!, content: IMAGE };
  return {
    // a text may have many in a row, with nothing between them
    json: { ...json, added_tokens: [...(json["added_tokens"] as object[]), image] },
    config: { ...wordTokenizerConfig(), image_token: IMAGE },
  };
}
