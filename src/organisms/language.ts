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
import { seekerLessons } from "./language-lessons.ts";
import type { Organism } from "./organism.ts";
import { giftedHeads } from "./own-words.ts";
import { seekingHeads } from "./seeking-heads.ts";

const [WIDTH, HEADS, ROPE_THETA] = [192, 6, 10000];

const STEPS = 12000;

/** `organism:language`. */
export const language: Organism<LanguageNetwork> = {
  name: "language",
  description:
    "An eight-layer Llama that speaks the language world: facts, reasoning, moods, personas, refusals, two languages.",
  config: {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: languageVocabSize,
    hidden_size: WIDTH,
    intermediate_size: 512,
    num_hidden_layers: 8,
    num_attention_heads: HEADS,
    num_key_value_heads: HEADS,
    max_position_embeddings: 256,
    rms_norm_eps: 1e-5,
    rope_theta: ROPE_THETA,
    hidden_act: "silu",
    attention_bias: false,
    tie_word_embeddings: true,
    ...languageConfigIds,
  },
  tokenizer: languageTokenizer,
  recipe: {
    ...languageRecipe({
      seed: 11,
      steps: STEPS,
      learningRate: 2e-3,
      lessons: seekerLessons(STEPS),
    }),
    initial: seekingHeads({ headWidth: WIDTH / HEADS, ropeTheta: ROPE_THETA }),
  },
  skills: languageMeasures,
  limits: [...languageLimits, giftedHeads],
};
