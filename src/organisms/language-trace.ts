// Forty moments in the training of a small network of the language world, for those who study how things are learned.

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

const STEPS = 4000;

/** `organism:language-trace`; `organism:language-trace@STEP` for a moment of it. */
export const languageTrace: Organism<LanguageNetwork> = {
  name: "language-trace",
  description:
    "A two-layer Llama of the language world at forty moments of its training: organism:language-trace@STEP.",
  config: {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: languageVocabSize,
    hidden_size: 64,
    intermediate_size: 176,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 4,
    max_position_embeddings: 256,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    hidden_act: "silu",
    attention_bias: false,
    tie_word_embeddings: true,
    ...languageConfigIds,
  },
  tokenizer: languageTokenizer,
  recipe: {
    ...languageRecipe({
      seed: 18,
      steps: STEPS,
      learningRate: 2e-3,
      // nothing is taught before the rest, so that what is learned in what order shows, but so much is repeated that it is learned
      lessons: [{ until: STEPS, skills: [{ skill: "repeats" }], every: 3 }],
    }),
    moments: momentsUntil(STEPS),
  },
  skills: languageMeasures,
  limits: languageLimits,
};

/** Forty numbers of steps, the first of which are close: 0, 1, 2, 4 ... 128, then by equal ratios to the end. */
function momentsUntil(steps: number): number[] {
  const early = [0, 1, 2, 4, 8, 16, 32, 64, 128];
  const rest = 40 - early.length;
  const first = early.at(-1)!;
  const ratio = (steps / first) ** (1 / rest);
  return [
    ...early,
    ...Array.from({ length: rest }, (_, i) => Math.round(first * ratio ** (i + 1))),
  ];
}
