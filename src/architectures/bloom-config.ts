import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { count, ignoredKeys, plainDecoder, share } from "./common-config.ts";

export interface BloomConfig {
  readonly nLayers: number;
  readonly nHeads: number;
  readonly dModel: number;
  readonly dHead: number;
  readonly dMlp: number;
  readonly dVocab: number;
  /** The longest text the network was trained for, in tokens; its function has no limit. */
  readonly nCtx: number;
  /** Added to the variance in every layer norm. */
  readonly epsilon: number;
  /** Whether the unembedding is the token embedding, so that the checkpoint has no `lm_head.weight`. */
  readonly ties: boolean;
}

const handled = {
  ...plainDecoder,
  vocab_size: count.default(250880),
  hidden_size: count.optional(),
  n_embed: count.optional(),
  n_layer: count.optional(),
  num_hidden_layers: count.optional(),
  n_head: count.optional(),
  num_attention_heads: count.optional(),
  seq_length: count.default(2048),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  // true makes the residual stream begin at the output of the norm; no published checkpoint has it
  apply_residual_connection_post_layernorm: z.literal(false).default(false),
  tie_word_embeddings: z.boolean().default(true),
};

const ignored = [
  ...ignoredKeys,
  // dropout acts in training only
  "hidden_dropout",
  "attention_dropout",
  // split matrix products into parts with the same sum, or fuse kernels
  "pretraining_tp",
  "slow_but_exact",
  "masked_softmax_fusion",
  "bias_dropout_fusion",
  "attention_softmax_in_fp32",
  // notes of the training program that nothing reads
  "offset_alibi",
  "skip_bias_add",
  "skip_bias_add_qkv",
  "unk_token_id",
];

/**
 * Reads the `config.json` of a `BloomForCausalLM`, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when the heads do not divide the width
 */
export function bloomConfig(json: unknown, where = "bloomConfig"): BloomConfig {
  const config = readConfig(where, json, { handled, ignored });
  const dModel = config.n_embed ?? config.hidden_size ?? 64;
  const nHeads = config.n_head ?? config.num_attention_heads ?? 8;
  return {
    nLayers: config.n_layer ?? config.num_hidden_layers ?? 2,
    nHeads,
    dModel,
    dHead: share(where, ["hidden_size", dModel], ["n_head", nHeads]),
    dMlp: 4 * dModel,
    dVocab: config.vocab_size,
    nCtx: config.seq_length,
    epsilon: config.layer_norm_epsilon,
    ties: config.tie_word_embeddings,
  };
}
