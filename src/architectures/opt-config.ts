import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { activation, count, ignoredKeys, plainDecoder, share } from "./common-config.ts";
import type { Activation } from "./common-config.ts";

export interface OptConfig {
  readonly nLayers: number;
  readonly nHeads: number;
  readonly dModel: number;
  /** Size of a token's embedding; where it is not dModel, two matrices lead from one to the other. */
  readonly dEmbed: number;
  readonly dHead: number;
  readonly dMlp: number;
  readonly dVocab: number;
  /** How many positions have an embedding. */
  readonly nCtx: number;
  /** Added to the variance in every layer norm. */
  readonly epsilon: number;
  /** Whether norms stand before attention and MLP; else they normalise the stream after them. */
  readonly normsBefore: boolean;
  /** Whether the stream is normalised before the unembedding. */
  readonly hasFinalNorm: boolean;
  /** Whether the linear layers of the blocks have biases. */
  readonly hasBias: boolean;
  readonly activation: Activation;
  /** Whether the unembedding is the token embedding, so that the checkpoint has no `lm_head.weight`. */
  readonly ties: boolean;
}

const handled = {
  ...plainDecoder,
  vocab_size: count.default(50272),
  hidden_size: count.default(768),
  word_embed_proj_dim: count.optional(),
  num_hidden_layers: count.default(12),
  num_attention_heads: count.default(12),
  ffn_dim: count.default(3072),
  max_position_embeddings: count.default(2048),
  activation_function: activation("relu"),
  do_layer_norm_before: z.boolean().default(true),
  _remove_final_layer_norm: z.boolean().default(false),
  enable_bias: z.boolean().default(true),
  layer_norm_elementwise_affine: z.literal(true).default(true),
  tie_word_embeddings: z.boolean().default(true),
  // what the checkpoints of Galactica say about their embeddings, as all others have them
  learned_embeddings: z.literal(true).default(true),
  scale_embeddings: z.literal(false).default(false),
};

const ignored = [
  ...ignoredKeys,
  // dropout and the first values of weights act in training only
  "dropout",
  "attention_dropout",
  "activation_dropout",
  "layerdrop",
  "init_std",
];

/**
 * Reads the `config.json` of an `OPTForCausalLM`, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when the heads do not divide the width
 */
export function optConfig(json: unknown, where = "optConfig"): OptConfig {
  const config = readConfig(where, json, { handled, ignored });
  const { hidden_size: dModel, num_attention_heads: nHeads } = config;
  const { do_layer_norm_before: normsBefore, _remove_final_layer_norm: isRemoved } = config;
  return {
    nLayers: config.num_hidden_layers,
    nHeads,
    dModel,
    dEmbed: config.word_embed_proj_dim ?? dModel,
    dHead: share(where, ["hidden_size", dModel], ["num_attention_heads", nHeads]),
    dMlp: config.ffn_dim,
    dVocab: config.vocab_size,
    nCtx: config.max_position_embeddings,
    // no config says another
    epsilon: 1e-5,
    normsBefore,
    hasFinalNorm: normsBefore && !isRemoved,
    hasBias: config.enable_bias,
    activation: config.activation_function,
    ties: config.tie_word_embeddings,
  };
}
