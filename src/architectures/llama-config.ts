import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { activation, count, ignoredKeys, plainDecoder, share } from "./common-config.ts";
import type { Activation } from "./common-config.ts";

export interface LlamaConfig {
  readonly nLayers: number;
  readonly nHeads: number;
  /** Each key-value head serves nHeads / nKvHeads query heads, side by side. */
  readonly nKvHeads: number;
  readonly dModel: number;
  /** Need not be dModel / nHeads. */
  readonly dHead: number;
  readonly dMlp: number;
  readonly dVocab: number;
  /** The longest text the network was trained for, in tokens. */
  readonly nCtx: number;
  /** Added to the mean square in every norm. */
  readonly epsilon: number;
  /** Base of the rotary wavelengths. */
  readonly ropeTheta: number;
  readonly ropeScaling: Llama3Scaling | null;
  /** Whether the q, k, v and output projections have biases. */
  readonly attentionBias: boolean;
  /** Whether the three projections of the MLP have biases. */
  readonly mlpBias: boolean;
  readonly activation: Activation;
  /** Whether the unembedding is the token embedding, so that the checkpoint has no `lm_head.weight`. */
  readonly ties: boolean;
}

/**
 * Stretches the rotary wavelengths of a network trained on short texts, as Llama 3.1 does.
 *
 * A wavelength below originalContext / highFreqFactor positions is kept, one above originalContext / lowFreqFactor is multiplied
 * by `factor`, and frequencies in between are blended linearly in originalContext / wavelength.
 */
export interface Llama3Scaling {
  readonly kind: "llama3";
  readonly factor: number;
  readonly lowFreqFactor: number;
  readonly highFreqFactor: number;
  /** Length of the texts in the first training, in tokens. */
  readonly originalContext: number;
}

const positive = z.number().positive();

/** `type` is how early versions wrote `rope_type`. */
const ropeParameters = z.strictObject({
  rope_type: z.enum(["default", "llama3"]).optional(),
  type: z.enum(["default", "llama3"]).optional(),
  rope_theta: positive.optional(),
  partial_rotary_factor: z.literal(1).optional(),
  factor: positive.optional(),
  low_freq_factor: positive.optional(),
  high_freq_factor: positive.optional(),
  original_max_position_embeddings: count.optional(),
});

/** Llama 3's rotation cannot be computed without these. */
const llama3 = z.object({
  factor: positive,
  low_freq_factor: positive,
  high_freq_factor: positive,
});

const rope = ropeParameters
  .refine((given) => !isLlama3(given) || llama3.safeParse(given).success, {
    error: "llama3 needs factor, low_freq_factor and high_freq_factor",
  })
  .optional();

const handled = {
  ...plainDecoder,
  vocab_size: count.default(32000),
  hidden_size: count.default(4096),
  intermediate_size: count.default(11008),
  num_hidden_layers: count.default(32),
  num_attention_heads: count.default(32),
  num_key_value_heads: count.optional(),
  head_dim: count.multipleOf(2).optional(),
  hidden_act: activation("silu"),
  max_position_embeddings: count.default(2048),
  rms_norm_eps: positive.default(1e-6),
  // transformers 4 wrote these two ...
  rope_theta: positive.default(10000),
  rope_scaling: rope,
  // ... and 5 writes this one
  rope_parameters: rope,
  partial_rotary_factor: z.literal(1).default(1),
  rope_interleaved: z.literal(false).default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(false),
};

const ignored = [
  ...ignoredKeys,
  // dropout acts in training only
  "attention_dropout",
  // splits matrix products into parts with the same sum
  "pretraining_tp",
  // a note in the SmolLM2 checkpoints
  "is_llama_config",
];

/**
 * Reads the `config.json` of a `LlamaForCausalLM`, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when one size does not divide another
 */
export function llamaConfig(json: unknown, where = "llamaConfig"): LlamaConfig {
  const config = readConfig(where, json, { handled, ignored });
  const { hidden_size: dModel, num_attention_heads: nHeads } = config;
  const { num_key_value_heads: nKvHeads = nHeads } = config;
  share(where, ["num_attention_heads", nHeads], ["num_key_value_heads", nKvHeads]);
  const rotary = config.rope_scaling ?? config.rope_parameters ?? {};
  return {
    nLayers: config.num_hidden_layers,
    nHeads,
    nKvHeads,
    dModel,
    dHead:
      config.head_dim ?? share(where, ["hidden_size", dModel], ["num_attention_heads", nHeads]),
    dMlp: config.intermediate_size,
    dVocab: config.vocab_size,
    nCtx: config.max_position_embeddings,
    epsilon: config.rms_norm_eps,
    ropeTheta: rotary.rope_theta ?? config.rope_theta,
    ropeScaling: scalingOf(rotary, config.max_position_embeddings),
    attentionBias: config.attention_bias,
    mlpBias: config.mlp_bias,
    activation: config.hidden_act,
    ties: config.tie_word_embeddings,
  };
}

function isLlama3({ rope_type: ropeType, type }: z.output<typeof ropeParameters>): boolean {
  return (ropeType ?? type) === "llama3";
}

function scalingOf(rotary: z.output<typeof ropeParameters>, nCtx: number): Llama3Scaling | null {
  if (!isLlama3(rotary)) return null;
  const given = llama3.parse(rotary);
  return {
    kind: "llama3",
    factor: given.factor,
    lowFreqFactor: given.low_freq_factor,
    highFreqFactor: given.high_freq_factor,
    originalContext: rotary.original_max_position_embeddings ?? nCtx,
  };
}
