// OLMoE (Muennighoff et al. 2024, arXiv:2409.02060): a rotary decoder with a mixture of experts in every layer, and norms of
// queries and keys over all heads at once.

import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { softmaxOfAll, softmaxOfChosen } from "../nn/moe.ts";
import { count } from "./common-config.ts";
import type { ExpertsConfig } from "./experts.ts";
import { denseAbsent, expertEntries, expertsLayout, mixture, routerIgnored } from "./experts.ts";
import type { DecoderFamily } from "./family.ts";
import { attentionEntries, preNormBlock, queryKeyNormEntries, rotaryDecoder } from "./llama.ts";
import { llamaIgnored, llamaKeys, positive, readLlama } from "./llama-config.ts";

/** OLMoE. */
export interface OlmoeConfig extends ExpertsConfig {
  /** Whether the weights of a token's experts add up to 1. */
  readonly isNormalised: boolean;
}

const handled = {
  ...llamaKeys,
  vocab_size: count.default(50304),
  hidden_size: count.default(2048),
  intermediate_size: count.default(2048),
  num_hidden_layers: count.default(16),
  num_attention_heads: count.default(16),
  max_position_embeddings: count.default(4096),
  rms_norm_eps: positive.default(1e-5),
  attention_bias: z.boolean().default(false),
  // no published network bounds queries, keys and values
  clip_qkv: z.undefined({ error: "expected null" }),
  num_experts: count.default(64),
  num_experts_per_tok: count.default(8),
  norm_topk_prob: z.boolean().default(false),
};

/**
 * Reads the `config.json` of an `OlmoeForCausalLM`.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when one size does not divide another
 */
export function olmoeConfig(json: unknown, where = "olmoeConfig"): OlmoeConfig {
  const config = readConfig(where, json, { handled, ignored: [...llamaIgnored, ...routerIgnored] });
  const { attention_bias: hasBias } = config;
  const plain = readLlama(where, config, { biases: { qkv: hasBias, o: hasBias, mlp: false } });
  return {
    ...plain,
    mixture: { count: config.num_experts, k: config.num_experts_per_tok, dMlp: plain.dMlp },
    isSparse: plain.layers.map(() => true),
    isNormalised: config.norm_topk_prob,
  };
}

/** The family that config.json calls `OlmoeForCausalLM`. */
export const olmoeFamily: DecoderFamily<OlmoeConfig> = {
  architectures: ["OlmoeForCausalLM"],
  kind: "decoder",
  config: olmoeConfig,
  forward: rotaryDecoder(
    preNormBlock(
      mixture(({ isNormalised }: OlmoeConfig) => (isNormalised ? softmaxOfChosen : softmaxOfAll)),
    ),
  ),
  layout: (config) =>
    expertsLayout(
      config,
      (to, from) => expertEntries(to, `${from}.mlp`, config),
      (to, from) => [
        ...attentionEntries(to, from, config),
        ...queryKeyNormEntries(to, from, [
          config.nHeads * config.dHead,
          config.nKvHeads * config.dHead,
        ]),
      ],
    ),
  absent: denseAbsent,
};
