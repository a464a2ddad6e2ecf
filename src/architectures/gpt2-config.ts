import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { activation, count, ignoredKeys, plainDecoder, share } from "./common-config.ts";
import type { Activation } from "./common-config.ts";

export interface Gpt2Config {
  readonly nLayers: number;
  readonly nHeads: number;
  readonly dModel: number;
  readonly dHead: number;
  readonly dMlp: number;
  readonly dVocab: number;
  /** How many positions have an embedding. */
  readonly nCtx: number;
  /** Added to the variance in every layer norm. */
  readonly epsilon: number;
  readonly activation: Activation;
  /** Whether the unembedding is the token embedding, so that the checkpoint has no `lm_head.weight`. */
  readonly ties: boolean;
  /** Whether scores are divided by sqrt(dHead). */
  readonly scaleBySize: boolean;
  /** Whether the scores of layer i are divided by i + 1 as well. */
  readonly scaleByInverseLayer: boolean;
}

const handled = {
  ...plainDecoder,
  vocab_size: count.default(50257),
  n_positions: count.default(1024),
  n_embd: count.default(768),
  n_layer: count.default(12),
  n_head: count.default(12),
  n_inner: count.optional(),
  activation_function: activation("gelu_new"),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(true),
};

const ignored = [
  ...ignoredKeys,
  // the first version's name for n_positions, and always equal to it
  "n_ctx",
  // dropout acts in training only
  "resid_pdrop",
  "embd_pdrop",
  "attn_pdrop",
  // a head for sentence summaries, which language models lack
  "summary_type",
  "summary_use_proj",
  "summary_activation",
  "summary_proj_to_labels",
  "summary_first_dropout",
  // an order of operations that differs in half precision only
  "reorder_and_upcast_attn",
];

/**
 * Reads the `config.json` of a `GPT2LMHeadModel`, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when the heads do not divide the width
 */
export function gpt2Config(json: unknown, where = "gpt2Config"): Gpt2Config {
  const config = readConfig(where, json, { handled, ignored });
  const { n_embd: dModel, n_head: nHeads } = config;
  return {
    nLayers: config.n_layer,
    nHeads,
    dModel,
    dHead: share(where, ["n_embd", dModel], ["n_head", nHeads]),
    dMlp: config.n_inner ?? 4 * dModel,
    dVocab: config.vocab_size,
    nCtx: config.n_positions,
    epsilon: config.layer_norm_epsilon,
    activation: config.activation_function,
    ties: config.tie_word_embeddings,
    scaleBySize: config.scale_attn_weights,
    scaleByInverseLayer: config.scale_attn_by_inverse_layer_idx,
  };
}
