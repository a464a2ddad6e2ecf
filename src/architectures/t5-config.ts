import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Seq2SeqConfig } from "../network/seq2seq-input.ts";
import { activation, count, ignoredKeys } from "./common-config.ts";
import type { Activation } from "./common-config.ts";

export interface T5Config extends Seq2SeqConfig {
  readonly nHeads: number;
  /** Size of a head; heads times this need not be the width. */
  readonly dHead: number;
  readonly dMlp: number;
  /** Buckets of distances that have a bias of their own. */
  readonly nBuckets: number;
  /** All distances from here on share a bucket. */
  readonly maxDistance: number;
  /** Added to the mean square in every norm. */
  readonly epsilon: number;
  readonly activation: Activation;
  /** Whether hidden units are multiplied by gates. */
  readonly isGated: boolean;
  /** What the decoder's last state is multiplied by before the unembedding. */
  readonly outputScale: number;
}

// as far as a table by distance stays small
const MOST_DISTANCES = 65536;

const handled = {
  is_encoder_decoder: z.literal(true).default(true),
  is_decoder: z.literal(false).default(false),
  vocab_size: count.default(32128),
  d_model: count.default(512),
  d_kv: count.default(64),
  d_ff: count.default(2048),
  num_layers: count.default(6),
  num_decoder_layers: count.optional(),
  num_heads: count.default(8),
  relative_attention_num_buckets: count.min(4).max(MOST_DISTANCES).default(32),
  relative_attention_max_distance: count.max(MOST_DISTANCES).default(128),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  feed_forward_proj: z.string().default("relu"),
  // what follows from the key before, as newer versions also write it
  dense_act_fn: z.string().optional(),
  is_gated_act: z.boolean().optional(),
  tie_word_embeddings: z.boolean().default(true),
  scale_decoder_outputs: z.boolean().optional(),
  pad_token_id: z.int().nonnegative().default(0),
  decoder_start_token_id: z.int().nonnegative().optional(),
};

const ignored = [
  ...ignoredKeys,
  // dropout and the first values of weights act in training only
  "dropout_rate",
  "classifier_dropout",
  "initializer_factor",
  // how long texts were in training; positions are relative, so nothing ends there
  "n_positions",
  // a mark of old checkpoints about what their Python functions return
  "output_past",
];

/**
 * Reads the `config.json` of a `T5ForConditionalGeneration`, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when keys contradict each other
 */
export function t5Config(json: unknown, where = "t5Config"): T5Config {
  const config = readConfig(where, json, { handled, ignored });
  const { num_layers: nLayers, d_model: dModel, relative_attention_num_buckets: nBuckets } = config;
  const { relative_attention_max_distance: maxDistance } = config;
  if (maxDistance <= nBuckets / 2) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `config key "relative_attention_max_distance" = ${maxDistance} is not above half of "relative_attention_num_buckets" = ${nBuckets}.`,
    });
  }
  // version 4 told by the missing tie that the states are not scaled; the weights tell whether there is one
  const isScaled = config.scale_decoder_outputs ?? config.tie_word_embeddings;
  return {
    nEncoderLayers: nLayers,
    nDecoderLayers: config.num_decoder_layers ?? nLayers,
    nHeads: config.num_heads,
    dModel,
    dHead: config.d_kv,
    dMlp: config.d_ff,
    dVocab: config.vocab_size,
    nCtx: Infinity,
    decoderStart: config.decoder_start_token_id ?? config.pad_token_id,
    nBuckets,
    maxDistance,
    epsilon: config.layer_norm_epsilon,
    ...feedForward(where, config),
    outputScale: isScaled ? dModel ** -0.5 : 1,
  };
}

type FeedForwardKeys = Pick<
  z.output<z.ZodObject<typeof handled>>,
  "feed_forward_proj" | "dense_act_fn" | "is_gated_act"
>;

/** The MLP's form from its name, such as `relu` or `gated-gelu`, which means the gelu of the paper's code: the tanh approximation. */
function feedForward(
  where: string,
  config: FeedForwardKeys,
): Pick<T5Config, "activation" | "isGated"> {
  const { feed_forward_proj: form, dense_act_fn, is_gated_act } = config;
  const [, gate, name = ""] = /^(gated-)?([^-]+)$/.exec(form) ?? [];
  const isGated = gate !== undefined;
  const known = named(isGated && name === "gelu" ? "gelu_new" : name);
  const agrees =
    (dense_act_fn === undefined || named(dense_act_fn).data === known.data) &&
    (is_gated_act ?? isGated) === isGated;
  if (known.success && agrees) return { activation: known.data, isGated };
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: known.success
      ? `config key "feed_forward_proj" = "${form}" contradicts "dense_act_fn" or "is_gated_act".`
      : `config key "feed_forward_proj" = "${form}" is not supported.`,
    facts: { feed_forward_proj: form },
  });
}

function named(name: string): z.ZodSafeParseResult<Activation> {
  return activation("relu").safeParse(name);
}
