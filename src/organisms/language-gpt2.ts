// The language world in another form: layer norms, GELU and learned positions.

import type { LanguageNetwork } from "../network/language.ts";
import { languageMeasures } from "./language-measures.ts";
import {
  languageConfigIds,
  languageLimits,
  languageRecipe,
  languageTokenizer,
  languageVocabSize,
  weightyWords,
} from "./language-text.ts";
import type { Organism } from "./organism.ts";

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
    n_embd: 128,
    n_layer: 6,
    n_head: 4,
    n_inner: 512,
    activation_function: "gelu_new",
    layer_norm_epsilon: 1e-5,
    tie_word_embeddings: true,
    ...languageConfigIds,
  },
  tokenizer: languageTokenizer,
  recipe: {
    ...languageRecipe({ seed: 12, steps: 8000, learningRate: 2e-3 }),
    initial: weightyWords,
  },
  skills: languageMeasures,
  limits: languageLimits,
};
