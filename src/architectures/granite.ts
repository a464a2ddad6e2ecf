// Granite 3 (Granite Team, IBM 2024): Llama with constant factors on embeddings, scores, what modules write, and logits, as maximal
// update parametrisation asks (Yang et al. 2022, arXiv:2203.03466).

import { readConfig } from "../core/config.ts";
import type { DecoderFamily } from "./family.ts";
import { llama, llamaLayout, rotaryAbsent } from "./llama.ts";
import type { LlamaConfig } from "./llama-config.ts";
import {
  biasesOf,
  biasKeys,
  llamaIgnored,
  llamaKeys,
  positive,
  readLlama,
} from "./llama-config.ts";

const handled = {
  ...llamaKeys,
  ...biasKeys,
  embedding_multiplier: positive.default(1),
  attention_multiplier: positive.default(1),
  residual_multiplier: positive.default(1),
  logits_scaling: positive.default(1),
};

/**
 * Reads the `config.json` of a `GraniteForCausalLM`.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when one size does not divide another
 */
export function graniteConfig(json: unknown, where = "graniteConfig"): LlamaConfig {
  const config = readConfig(where, json, { handled, ignored: llamaIgnored });
  return readLlama(where, config, {
    biases: biasesOf(config),
    scales: {
      embed: config.embedding_multiplier,
      scores: config.attention_multiplier,
      residual: config.residual_multiplier,
      logits: 1 / config.logits_scaling,
    },
  });
}

/** The family that config.json calls `GraniteForCausalLM`. */
export const graniteFamily: DecoderFamily<LlamaConfig> = {
  architectures: ["GraniteForCausalLM"],
  kind: "decoder",
  config: graniteConfig,
  forward: llama,
  layout: llamaLayout,
  absent: rotaryAbsent,
};
