// What all organisms of the language world share: tokenizer, token ids, and batches of packed texts.

import { wordTokenizerConfig, wordTokenizerJson } from "../checkpoints/tokenizer/word-tokenizer.ts";
import { Rng } from "../core/rng.ts";
import { normal } from "../nn/index.ts";
import { tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { languageBatch, languageVocabulary, LONGEST_TEXT } from "../worlds/index.ts";
import type { LanguageBatchOptions } from "../worlds/index.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { packedSites, packedTokenLoss } from "./decoder.ts";
import type { PackedRows } from "./decoder.ts";
import { drawnAt, firstLessons } from "./language-lessons.ts";
import type { Lesson } from "./language-lessons.ts";
import type { OrganismTokenizer, Recipe } from "./organism.ts";

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

/** What no network of the language world can know. */
export const worldLimits: readonly string[] = [
  "It knows 96 people, 16 cities and 12 jobs; of anybody else it has learned to say that nothing is known.",
  `It knows ${languageVocabulary.length} words, each of which is one token; any other is <unk>.`,
];

/** The same, of a network that reads whole texts. */
export const languageLimits: readonly string[] = [
  ...worldLimits,
  `It has read texts of at most ${LONGEST_TEXT} words.`,
];

/** Batch number `index` of packed texts. */
function languageRows(seed: number, index: number, options: LanguageBatchOptions): PackedRows {
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

/** Rows of a batch, tokens of a row, and how much the words between answers count. */
export const BATCH = { batch: 16, pos: 128, context: 0.2 } as const;

/** What the recipes of decoders of the language world differ in. */
export interface LanguageRecipeOptions {
  readonly seed: number;
  readonly steps: number;
  readonly learningRate: number;
  /** What is taught before and beside the whole world, in order. Default: those by which most organisms begin. */
  readonly lessons?: readonly Lesson[];
}

/** How decoders learn the language world: packed texts, in which answers count five times as much as what no truth decides. */
export function languageRecipe(
  options: LanguageRecipeOptions,
): Recipe<LanguageNetwork, PackedRows> {
  const { seed, steps, learningRate, lessons = firstLessons(steps) } = options;
  return {
    steps,
    tokens: BATCH.batch * BATCH.pos,
    learningRate,
    warmupSteps: 100,
    weightDecay: 0.1,
    clip: 1,
    seed,
    batch: (index, own) => languageRows(own, index, { ...BATCH, ...drawnAt(index, lessons) }),
    loss: (net, params, batch) => packedTokenLoss(packedSites(net, params, batch), batch),
    initial: linearWeights,
  };
}

/**
 * A matrix of a small network before training, by the size of what it multiplies: the deviation of 0.02 that wide networks begin with
 * leaves a narrow one on a plateau. What writes to the residual stream is a quarter of that.
 *
 * @returns undefined for embeddings, gains and biases
 */
export function linearWeights(
  path: string,
  shape: readonly number[],
  rng: Rng,
): Tensor | undefined {
  if (shape.length !== 2 || /embed/i.test(path)) return undefined;
  const writes = /\.(?:o|out)\.weight$/.test(path);
  return normal(shape, { seed: rng.word(), std: (writes ? 0.25 : 1) * shape[1]! ** -0.5 });
}
