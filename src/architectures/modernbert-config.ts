import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { PatchClampError } from "../core/errors.ts";
import type { EncoderConfig } from "../network/encoder-input.ts";
import { encoderIgnored, headKeys, readHead } from "./bert-config.ts";
import { activation, count, plainDecoder, share } from "./common-config.ts";
import type { Activation } from "./common-config.ts";

/** ModernBERT. */
export interface ModernBertConfig extends EncoderConfig {
  readonly dMlp: number;
  /** Added to the variance in every layer norm. */
  readonly epsilon: number;
  readonly activation: Activation;
  readonly headActivation: Activation;
  readonly layers: readonly ModernBertLayer[];
  /** Which layers have biases: attention's, the MLP's, norms, the head's first and its last that predicts tokens. */
  readonly biases: Readonly<Record<"attn" | "mlp" | "norm" | "head" | "unembed", boolean>>;
  /** What a head reads that tells the classes of texts. */
  readonly pooling: "cls" | "mean";
  /** Whether the head that predicts tokens has no matrix of its own but the token embedding. */
  readonly ties: boolean;
}

/** How one layer attends. */
export interface ModernBertLayer {
  /** How many positions a query sees on each side of its own; null where it sees all. */
  readonly reach: number | null;
  /** Base of the rotary wavelengths. */
  readonly theta: number;
}

const layerType = z.enum(["full_attention", "sliding_attention"]);
const rope = z
  .strictObject({
    rope_type: z.literal("default").default("default"),
    rope_theta: z.number().positive().optional(),
  })
  .nullish();

const handled = {
  ...plainDecoder,
  ...headKeys,
  is_decoder: z.literal(false).default(false),
  vocab_size: count.default(50368),
  hidden_size: count.default(768),
  intermediate_size: count.default(1152),
  num_hidden_layers: count.default(22),
  num_attention_heads: count.default(12),
  hidden_activation: activation("gelu"),
  max_position_embeddings: count.default(8192),
  norm_eps: z.number().positive().default(1e-5),
  norm_bias: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  decoder_bias: z.boolean().default(true),
  classifier_bias: z.boolean().default(false),
  classifier_activation: activation("gelu"),
  classifier_pooling: z.enum(["cls", "mean"]).default("cls"),
  local_attention: count.default(128),
  // transformers 4: every third layer is global
  global_attn_every_n_layers: count.default(3),
  global_rope_theta: z.number().positive().optional(),
  local_rope_theta: z.number().positive().optional(),
  // transformers 5
  layer_types: z.array(layerType).optional(),
  rope_parameters: z.strictObject({ full_attention: rope, sliding_attention: rope }).optional(),
};

const ignored = [
  ...encoderIgnored,
  "embedding_dropout",
  "attention_dropout",
  "mlp_dropout",
  // how weights began
  "initializer_cutoff_factor",
  // a second token id for what stands around texts
  "cls_token_id",
  // how it is computed, not what
  "deterministic_flash_attn",
  "reference_compile",
  "repad_logits_with_grad",
  // which scores a training step computes
  "sparse_prediction",
  "sparse_pred_ignore_index",
  // a note that no version reads: positions are rotary
  "position_embedding_type",
  // names of the first version for norm_eps and for what is always true
  "layer_norm_eps",
];

/**
 * Reads the `config.json` of a ModernBERT, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when the heads do not divide the width or `layer_types` has another length than the network
 */
export function modernbertConfig(json: unknown, where = "modernbertConfig"): ModernBertConfig {
  const config = readConfig(where, json, { handled, ignored });
  const { hidden_size: dModel, num_attention_heads: nHeads, num_hidden_layers: nLayers } = config;
  return {
    ...readHead(config),
    nLayers,
    nHeads,
    dModel,
    dHead: share(where, ["hidden_size", dModel], ["num_attention_heads", nHeads]),
    dMlp: config.intermediate_size,
    dVocab: config.vocab_size,
    nCtx: config.max_position_embeddings,
    nTypes: 0,
    epsilon: config.norm_eps,
    activation: config.hidden_activation,
    headActivation: config.classifier_activation,
    layers: readLayers(where, config),
    biases: {
      attn: config.attention_bias,
      mlp: config.mlp_bias,
      norm: config.norm_bias,
      head: config.classifier_bias,
      unembed: config.decoder_bias,
    },
    pooling: config.classifier_pooling,
    ties: config.tie_word_embeddings,
  };
}

function readLayers(
  where: string,
  config: z.output<z.ZodObject<typeof handled>>,
): ModernBertLayer[] {
  const { num_hidden_layers: nLayers, global_attn_every_n_layers: every } = config;
  const { rope_parameters: ropes, local_attention: window } = config;
  const byDefault = Array.from({ length: nLayers }, (_, i) =>
    i % every === 0 ? "full_attention" : "sliding_attention",
  );
  const types = config.layer_types ?? byDefault;
  if (types.length !== nLayers) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `config key "layer_types" lists ${types.length} layers, but "num_hidden_layers" is ${nLayers}.`,
    });
  }
  const far = ropes?.full_attention?.rope_theta ?? config.global_rope_theta ?? 160_000;
  const near = ropes?.sliding_attention?.rope_theta ?? config.local_rope_theta ?? 10_000;
  return types.map((type) =>
    type === "full_attention"
      ? { reach: null, theta: far }
      : { reach: Math.floor(window / 2), theta: near },
  );
}
