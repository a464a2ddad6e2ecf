import { z } from "zod";

import { readConfig } from "../core/config.ts";
import type { Seq2SeqConfig } from "../network/seq2seq-input.ts";
import { activation, count, ignoredKeys, share } from "./common-config.ts";
import type { Activation } from "./common-config.ts";

/** Sizes of one of the two stacks. */
export interface BartStack {
  readonly nHeads: number;
  readonly dHead: number;
  readonly dMlp: number;
}

export interface BartConfig extends Seq2SeqConfig {
  readonly encoder: BartStack;
  readonly decoder: BartStack;
  /** Added to the variance in every layer norm. */
  readonly epsilon: number;
  readonly activation: Activation;
  /** What token embeddings are multiplied by. */
  readonly embedScale: number;
}

const handled = {
  is_encoder_decoder: z.literal(true).default(true),
  is_decoder: z.literal(false).default(false),
  vocab_size: count.default(50265),
  d_model: count.default(1024),
  encoder_layers: count.default(12),
  encoder_attention_heads: count.default(16),
  encoder_ffn_dim: count.default(4096),
  decoder_layers: count.default(12),
  decoder_attention_heads: count.default(16),
  decoder_ffn_dim: count.default(4096),
  max_position_embeddings: count.default(1024),
  activation_function: activation("gelu"),
  scale_embedding: z.boolean().default(false),
  // without the tie, source and target would have embeddings of their own
  tie_word_embeddings: z.literal(true).default(true),
  decoder_start_token_id: z.int().nonnegative().default(2),
  // how the first checkpoints said that they are what all later ones are
  normalize_before: z.literal(false).default(false),
  normalize_embedding: z.literal(true).default(true),
  add_final_layer_norm: z.literal(false).default(false),
  static_position_embeddings: z.literal(false).default(false),
  extra_pos_embeddings: z.literal(2).default(2),
};

const ignored = [
  ...ignoredKeys,
  // dropout and the first values of weights act in training only
  "dropout",
  "attention_dropout",
  "activation_dropout",
  "classifier_dropout",
  "classif_dropout",
  "encoder_layerdrop",
  "decoder_layerdrop",
  "init_std",
  // the number of the encoder's layers once more, and of classes of a head that generation has not
  "num_hidden_layers",
  "_num_labels",
  // the bias itself is in the checkpoint
  "add_bias_logits",
  // generation: the caller of `generate` decides
  "force_bos_token_to_be_generated",
  // a mark of old checkpoints about what their Python functions return
  "output_past",
];

/**
 * Reads the `config.json` of a `BartForConditionalGeneration`, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when the heads do not divide the width
 */
export function bartConfig(json: unknown, where = "bartConfig"): BartConfig {
  const config = readConfig(where, json, { handled, ignored });
  const { d_model: dModel } = config;
  const stack = (name: "encoder" | "decoder"): BartStack => {
    const key = `${name}_attention_heads` as const;
    const nHeads = config[key];
    const dHead = share(where, ["d_model", dModel], [key, nHeads]);
    return { nHeads, dHead, dMlp: config[`${name}_ffn_dim`] };
  };
  return {
    nEncoderLayers: config.encoder_layers,
    nDecoderLayers: config.decoder_layers,
    encoder: stack("encoder"),
    decoder: stack("decoder"),
    dModel,
    dVocab: config.vocab_size,
    nCtx: config.max_position_embeddings,
    decoderStart: config.decoder_start_token_id,
    // no config says another
    epsilon: 1e-5,
    activation: config.activation_function,
    embedScale: config.scale_embedding ? Math.sqrt(dModel) : 1,
  };
}
