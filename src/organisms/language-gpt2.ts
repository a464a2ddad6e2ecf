// The language world in another form: layer norms, GELU and learned positions.

import type { LanguageNetwork } from "../network/language.ts";
import { seekerLessons } from "./language-lessons.ts";
import { languageMeasures } from "./language-measures.ts";
import {
  languageConfigIds,
  languageLimits,
  languageRecipe,
  languageTokenizer,
  languageVocabSize,
} from "./language-text.ts";
import type { Organism } from "./organism.ts";
import { giftedHeads } from "./own-words.ts";
import { seekingHeadsOfPlaces } from "./seeking-heads.ts";

const [WIDTH, HEADS] = [128, 4];

const STEPS = 10_000;

/** `organism:language-gpt2`. */
export const languageGpt2: Organism<LanguageNetwork> = {
  name: "language-gpt2",
  description:
    "A six-layer GPT-2 that speaks the language world: layer norms, GELU, learned positions.",
  config: {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    vocab_size: languageVocabSize,
    n_positions: 256,
    n_embd: WIDTH,
    n_layer: 6,
    n_head: HEADS,
    n_inner: 4 * WIDTH,
    activation_function: "gelu_new",
    layer_norm_epsilon: 1e-5,
    tie_word_embeddings: true,
    ...languageConfigIds,
  },
  tokenizer: languageTokenizer,
  recipe: {
    ...languageRecipe({
      seed: 12,
      steps: STEPS,
      learningRate: 2e-3,
      lessons: seekerLessons(STEPS),
    }),
    initial: seekingHeadsOfPlaces({ headWidth: WIDTH / HEADS, besides: [-1, -2, -3] }),
  },
  skills: languageMeasures,
  limits: [...languageLimits, giftedHeads],
};
