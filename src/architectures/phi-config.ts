import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { activation, count, ignoredKeys, plainDecoder, share } from "./common-config.ts";
import type { Activation } from "./common-config.ts";
import type { Rope } from "./rope-config.ts";
import { readRope, ropeKeys } from "./rope-config.ts";

export interface PhiConfig {
  readonly nLayers: number;
  readonly nHeads: number;
  /** Each key-value head serves nHeads / nKvHeads query heads, side by side. */
  readonly nKvHeads: number;
  readonly dModel: number;
  readonly dHead: number;
  readonly dMlp: number;
  readonly dVocab: number;
  /** The longest text the network was made for, in tokens. */
  readonly nCtx: number;
  /** Added to the variance in every layer norm. */
  readonly epsilon: number;
  /** Whether queries and keys are normalised before they are turned, all heads with one gain and bias. */
  readonly normsHeads: boolean;
  /** How the first part of every head is turned by its position. */
  readonly rope: Rope;
  readonly activation: Activation;
  /** Whether the unembedding is the token embedding, so that the checkpoint has no `lm_head.weight`; its bias it has. */
  readonly ties: boolean;
}

const handled = {
  ...plainDecoder,
  ...ropeKeys,
  vocab_size: count.default(51200),
  hidden_size: count.default(2048),
  num_hidden_layers: count.default(24),
  num_attention_heads: count.default(32),
  num_key_value_heads: count.optional(),
  intermediate_size: count.default(8192),
  hidden_act: activation("gelu_new"),
  max_position_embeddings: count.default(2048),
  layer_norm_eps: z.number().positive().default(1e-5),
  qk_layernorm: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(false),
};

const ignored = [
  ...ignoredKeys,
  // dropout acts in training only
  "resid_pdrop",
  "embd_pdrop",
  "attention_dropout",
];

/**
 * Reads the `config.json` of a `PhiForCausalLM`, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when one size does not divide another
 */
export function phiConfig(json: unknown, where = "phiConfig"): PhiConfig {
  const config = readConfig(where, json, { handled, ignored });
  const { hidden_size: dModel, num_attention_heads: nHeads } = config;
  const { num_key_value_heads: nKvHeads = nHeads } = config;
  share(where, ["num_attention_heads", nHeads], ["num_key_value_heads", nKvHeads]);
  const dHead = share(where, ["hidden_size", dModel], ["num_attention_heads", nHeads]);
  const rope = readRope(where, config, {
    dHead,
    nCtx: config.max_position_embeddings,
    fraction: 0.5,
  });
  return {
    nLayers: config.num_hidden_layers,
    nHeads,
    nKvHeads,
    dModel,
    dHead,
    dMlp: config.intermediate_size,
    dVocab: config.vocab_size,
    nCtx: rope.context,
    epsilon: config.layer_norm_eps,
    normsHeads: config.qk_layernorm,
    rope,
    activation: config.hidden_act,
    ties: config.tie_word_embeddings,
  };
}
