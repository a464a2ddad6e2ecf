import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { activation, count, ignoredKeys, plainDecoder, share } from "./common-config.ts";
import type { Activation } from "./common-config.ts";
import type { Rope } from "./rope-config.ts";
import { readRope, ropeKeys } from "./rope-config.ts";

export interface NeoxConfig {
  readonly nLayers: number;
  readonly nHeads: number;
  readonly dModel: number;
  readonly dHead: number;
  readonly dMlp: number;
  readonly dVocab: number;
  /** The longest text the network was made for, in tokens. */
  readonly nCtx: number;
  /** Added to the variance in every layer norm. */
  readonly epsilon: number;
  /** Whether attention and MLP read the same stream; else the MLP reads what attention wrote. */
  readonly isParallel: boolean;
  /** Whether the projections of attention have biases. */
  readonly attentionBias: boolean;
  /** How the first part of every head is turned by its position. */
  readonly rope: Rope;
  readonly activation: Activation;
  /** Whether the unembedding is the token embedding, so that the checkpoint has no `embed_out.weight`. */
  readonly ties: boolean;
}

const handled = {
  ...plainDecoder,
  rope_scaling: ropeKeys.rope_scaling,
  rope_parameters: ropeKeys.rope_parameters,
  vocab_size: count.default(50432),
  hidden_size: count.default(6144),
  num_hidden_layers: count.default(44),
  num_attention_heads: count.default(64),
  intermediate_size: count.default(24576),
  hidden_act: activation("gelu"),
  max_position_embeddings: count.default(2048),
  layer_norm_eps: z.number().positive().default(1e-5),
  use_parallel_residual: z.boolean().default(true),
  attention_bias: z.boolean().default(true),
  tie_word_embeddings: z.boolean().default(false),
  // the base of the wavelengths and the part of a head that turns, where the dictionaries above do not say them
  rotary_emb_base: z.number().positive().default(10000),
  rotary_pct: z.number().positive().max(1).default(0.25),
};

const ignored = [
  ...ignoredKeys,
  // dropout acts in training only
  "attention_dropout",
  "hidden_dropout",
  "classifier_dropout",
  "attention_probs_dropout_prob",
  "hidden_dropout_prob",
];

/**
 * Reads the `config.json` of a `GPTNeoXForCausalLM`, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when the heads do not divide the width
 */
export function neoxConfig(json: unknown, where = "neoxConfig"): NeoxConfig {
  const config = readConfig(where, json, { handled, ignored });
  const { hidden_size: dModel, num_attention_heads: nHeads } = config;
  const dHead = share(where, ["hidden_size", dModel], ["num_attention_heads", nHeads]);
  const rope = readRope(where, config, {
    dHead,
    nCtx: config.max_position_embeddings,
    theta: config.rotary_emb_base,
    fraction: config.rotary_pct,
  });
  return {
    nLayers: config.num_hidden_layers,
    nHeads,
    dModel,
    dHead,
    dMlp: config.intermediate_size,
    dVocab: config.vocab_size,
    nCtx: rope.context,
    epsilon: config.layer_norm_eps,
    isParallel: config.use_parallel_residual,
    attentionBias: config.attention_bias,
    rope,
    activation: config.hidden_act,
    ties: config.tie_word_embeddings,
  };
}
