// The language world in a mixture of experts: eight in every layer, of which each token takes two.

import type { LanguageNetwork } from "../network/language.ts";
import { oneHot } from "../tensor/ops/masks.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { packedSites, packedTokenLoss } from "./decoder.ts";
import { languageMeasures } from "./language-measures.ts";
import {
  languageConfigIds,
  languageLimits,
  languageRecipe,
  languageTokenizer,
  languageVocabSize,
} from "./language-text.ts";
import type { Organism } from "./organism.ts";

const LAYERS = 4;
const EXPERTS = 8;

/** What uneven use of experts costs, in nats per layer and unit of `imbalance`. */
const BALANCE = 0.01;

const recipe = languageRecipe({ seed: 13, steps: 8000, learningRate: 2e-3 });

/** `organism:language-moe`. */
export const languageMoe: Organism<LanguageNetwork> = {
  name: "language-moe",
  description:
    "A four-layer Mixtral that speaks the language world: eight experts a layer, two for each token.",
  config: {
    architectures: ["MixtralForCausalLM"],
    model_type: "mixtral",
    vocab_size: languageVocabSize,
    hidden_size: 128,
    intermediate_size: 192,
    num_hidden_layers: LAYERS,
    num_attention_heads: 4,
    num_key_value_heads: 4,
    num_local_experts: EXPERTS,
    num_experts_per_tok: 2,
    max_position_embeddings: 256,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    hidden_act: "silu",
    tie_word_embeddings: true,
    ...languageConfigIds,
  },
  tokenizer: languageTokenizer,
  recipe: {
    ...recipe,
    loss: (net, params, rows: Parameters<typeof packedTokenLoss>[1]) => {
      const sites = packedSites(net, params, rows);
      const { loss, ...rest } = packedTokenLoss(sites, rows);
      const uneven = Array.from({ length: LAYERS }, (_, i) => imbalance(sites, i));
      return { ...rest, loss: loss.add(uneven.reduce((sum, x) => sum.add(x)).mul(BALANCE)) };
    },
  },
  skills: languageMeasures,
  limits: languageLimits,
};

/**
 * How unevenly a layer uses its experts: 1 when all have as many tokens and as much probability.
 *
 * @source Fedus, Zoph & Shazeer 2022, arXiv:2101.03961, equations 4 to 6
 */
function imbalance(sites: ReadonlyMap<string, Tensor>, layer: number): Tensor {
  const probability = sites.get(`blocks.${layer}.moe.router_logits`)!.softmax();
  const chosen = oneHot(sites.get(`blocks.${layer}.moe.experts`)!, EXPERTS);
  const share = chosen.mean({ axis: [0, 1, 2] }).stopGradient();
  return share
    .mul(probability.mean({ axis: [0, 1] }))
    .sum()
    .mul(EXPERTS);
}
