// The main organism: a small Llama that speaks the language world and has its twenty-one skills.

import type { LanguageNetwork } from "../network/language.ts";
import { languageMeasures } from "./language-measures.ts";
import {
  languageConfigIds,
  languageLimits,
  languageRecipe,
  languageTokenizer,
  languageVocabSize,
} from "./language-text.ts";
import type { Organism } from "./organism.ts";

/** `organism:language`. */
export const language: Organism<LanguageNetwork> = {
  name: "language",
  description:
    "An eight-layer Llama that speaks the language world: facts, reasoning, moods, personas, refusals, two languages.",
  config: {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: languageVocabSize,
    hidden_size: 192,
    intermediate_size: 512,
    num_hidden_layers: 8,
    num_attention_heads: 6,
    num_key_value_heads: 6,
    max_position_embeddings: 256,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    hidden_act: "silu",
    attention_bias: false,
    tie_word_embeddings: true,
    ...languageConfigIds,
  },
  tokenizer: languageTokenizer,
  recipe: languageRecipe({ seed: 11, steps: 12000, learningRate: 2e-3 }),
  skills: languageMeasures,
  limits: languageLimits,
};
