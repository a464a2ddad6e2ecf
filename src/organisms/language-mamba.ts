// The language world in networks of state spaces: Mamba-1 and Mamba-2. Nothing hides one text of a row from the next, so they
// learn to forget at `<bos>`.

import type { Rng } from "../core/rng.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { ones, tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/tensor.ts";
import type { PackedRows } from "./decoder.ts";
import { stateLessons } from "./language-lessons.ts";
import { languageMeasures } from "./language-measures.ts";
import {
  languageConfigIds,
  languageLimits,
  languageRecipe,
  languageTokenizer,
  languageVocabSize,
  linearWeights,
} from "./language-text.ts";
import type { LanguageRecipeOptions } from "./language-text.ts";
import type { Organism, Recipe } from "./organism.ts";

const shared = {
  vocab_size: languageVocabSize,
  hidden_size: 128,
  num_hidden_layers: 4,
  expand: 2,
  conv_kernel: 4,
  layer_norm_epsilon: 1e-5,
  use_bias: false,
  use_conv_bias: true,
  hidden_act: "silu",
  tie_word_embeddings: true,
  ...languageConfigIds,
};

/** How both are taught. */
function stateSpaceRecipe(
  options: Pick<LanguageRecipeOptions, "seed" | "steps">,
): Recipe<LanguageNetwork, PackedRows> {
  const lessons = stateLessons(options.steps);
  return {
    ...languageRecipe({ ...options, learningRate: 3e-3, lessons }),
    initial: initialStateSpace,
  };
}

/** `organism:language-mamba`. */
export const languageMamba: Organism<LanguageNetwork> = {
  name: "language-mamba",
  description: "A four-layer Mamba-1 that speaks the language world without attention.",
  config: {
    architectures: ["MambaForCausalLM"],
    model_type: "mamba",
    ...shared,
    state_size: 16,
    time_step_rank: 8,
  },
  tokenizer: languageTokenizer,
  recipe: stateSpaceRecipe({ seed: 14, steps: 6000 }),
  skills: languageMeasures,
  limits: languageLimits,
};

/** `organism:language-mamba2`. */
export const languageMamba2: Organism<LanguageNetwork> = {
  name: "language-mamba2",
  description:
    "A four-layer Mamba-2 that speaks the language world: states by head, one rate each.",
  config: {
    architectures: ["Mamba2ForCausalLM"],
    model_type: "mamba2",
    ...shared,
    state_size: 64,
    num_heads: 8,
    head_dim: 32,
    n_groups: 1,
    chunk_size: 64,
  },
  tokenizer: languageTokenizer,
  recipe: stateSpaceRecipe({ seed: 15, steps: 7000 }),
  skills: languageMeasures,
  limits: languageLimits,
};

/** Steps of time before training, spread evenly over this range of their logarithm. */
const [FASTEST, SLOWEST] = [0.1, 0.001];

/**
 * How a state space begins: rates 1, 2, 3 ... along the places of a state, steps of time from 0.001 to 0.1, and matrices by the size
 * of what they multiply.
 *
 * @source Gu & Dao 2023, arXiv:2312.00752, section 3.6; Dao & Gu 2024, arXiv:2405.21060, for one rate a head
 */
function initialStateSpace(path: string, shape: readonly number[], rng: Rng): Tensor | undefined {
  const filled = (value: (i: number) => number): Tensor =>
    tensor(
      Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(i)),
      { shape },
    );
  if (path.endsWith(".logRates")) {
    // [dState, dInner] in Mamba-1, [head] in Mamba-2
    return shape.length === 2
      ? filled((i) => Math.log(1 + Math.floor(i / shape[1]!)))
      : filled(() => Math.log(1 + 15 * rng.uniform()));
  }
  if (/\.dtUp\.bias$|\.dtBias$/.test(path)) {
    return filled(() => {
      const dt = SLOWEST * (FASTEST / SLOWEST) ** rng.uniform();
      return dt + Math.log(-Math.expm1(-dt)); // what softplus makes dt of
    });
  }
  if (path.endsWith(".skip")) return ones(shape);
  if (path.endsWith(".conv.weight")) return filled(() => rng.uniform() - 0.5);
  return linearWeights(path, shape, rng);
}
