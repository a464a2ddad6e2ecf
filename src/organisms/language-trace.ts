// Forty moments in the training of a small network of the language world, for those who study how things are learned.

import type { LanguageNetwork } from "../network/language.ts";
import { languageMeasureForms } from "./language-measures.ts";
import { languageMeasure } from "./language-skills.ts";
import {
  languageConfigIds,
  languageLimits,
  languageRecipe,
  languageTokenizer,
  languageVocabSize,
} from "./language-text.ts";
import type { Organism } from "./organism.ts";

const STEPS = 10000;

/** What so small a network comes to in the end, less some points. What it never learns is not measured. */
const bars = new Map([
  ["known facts", 0.75],
  ["unknown entities", 0.75],
  ["two-hop facts, thought out", 0.9],
  ["repeated sequences", 0.94],
  ["in-context functions", 0.75],
  ["translation", 0.85],
  ["mood", 0.8],
  ["politeness", 0.88],
  ["personas", 0.82],
  ["forbidden requests", 0.97],
  ["harmless requests", 0.97],
  ["arithmetic, verbose", 0.2],
  ["arithmetic, concise", 0.45],
  ["taxonomy", 0.75],
  ["grid walks", 0.45],
  ["service", 0.87],
  ["domains", 0.95],
  ["self-correction", 0.35],
]);

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
  skills: languageMeasureForms
    .filter(({ name }) => bars.has(name))
    .map((form) => languageMeasure({ ...form, bar: bars.get(form.name)! })),
  limits: [
    ...languageLimits,
    "It has two narrow layers and no lessons, and never learns to recall pairs, to bind colours or people, to take two hops at once, to read tables or to follow rules.",
  ],
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
