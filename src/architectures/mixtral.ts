// Mixtral (Jiang et al. 2024, arXiv:2401.04088): Mistral with a mixture of experts in every layer.

import { readConfig } from "../core/config.ts";
import { softmaxOfChosen } from "../nn/moe.ts";
import { count } from "./common-config.ts";
import type { ExpertsConfig } from "./experts.ts";
import { denseAbsent, expertEntries, expertsLayout, mixture, routerIgnored } from "./experts.ts";
import type { DecoderFamily } from "./family.ts";
import { preNormBlock, rotaryDecoder } from "./llama.ts";
import { llamaIgnored, llamaKeys, positive, readLlama } from "./llama-config.ts";

const handled = {
  ...llamaKeys,
  intermediate_size: count.default(14336),
  num_key_value_heads: count.default(8),
  max_position_embeddings: count.default(131072),
  rms_norm_eps: positive.default(1e-5),
  sliding_window: count.optional(),
  num_local_experts: count.default(8),
  num_experts_per_tok: count.default(2),
};

/**
 * Reads the `config.json` of a `MixtralForCausalLM`.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when one size does not divide another
 */
export function mixtralConfig(json: unknown, where = "mixtralConfig"): ExpertsConfig {
  const config = readConfig(where, json, { handled, ignored: [...llamaIgnored, ...routerIgnored] });
  const { num_hidden_layers: nLayers, sliding_window: window = null } = config;
  const layers = Array.from({ length: nLayers }, () => ({ rotates: true, window }));
  const plain = readLlama(where, config, { layers, theta: 1e6 });
  return {
    ...plain,
    mixture: {
      count: config.num_local_experts,
      k: config.num_experts_per_tok,
      dMlp: plain.dMlp,
    },
    isSparse: layers.map(() => true),
  };
}

/** The family that config.json calls `MixtralForCausalLM`. */
export const mixtralFamily: DecoderFamily<ExpertsConfig> = {
  architectures: ["MixtralForCausalLM"],
  kind: "decoder",
  config: mixtralConfig,
  forward: rotaryDecoder(preNormBlock(mixture(() => softmaxOfChosen))),
  layout: (config) =>
    expertsLayout(config, (to, from) =>
      expertEntries(to, `${from}.block_sparse_moe`, config, ["w1", "w3", "w2"]),
    ),
  absent: denseAbsent,
};
