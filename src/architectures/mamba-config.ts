import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { PatchClampError } from "../core/errors.ts";
import { activation, count, ignoredKeys } from "./common-config.ts";
import type { Activation } from "./common-config.ts";

/** What all networks of state spaces have. */
export interface StateSpaceConfig {
  readonly nLayers: number;
  /** Parts of the state with step sizes of their own: in Mamba-1 every channel. */
  readonly nHeads: number;
  readonly dModel: number;
  /** Channels of a head. */
  readonly dHead: number;
  /** Channels of a layer, nHeads * dHead. */
  readonly dInner: number;
  /** Numbers that a channel keeps. */
  readonly dState: number;
  readonly dVocab: number;
  /** No limit: all that is kept of the past is the state. */
  readonly nCtx: number;
  /** Positions that the convolution sees, its own included. */
  readonly convWidth: number;
  /** Added to the mean square in every norm. */
  readonly epsilon: number;
  /** Applied after the convolution. */
  readonly activation: Activation;
  /** Whether the projections into and out of a layer have biases. */
  readonly hasBias: boolean;
  readonly hasConvBias: boolean;
  /** Whether the unembedding is the token embedding, so that the checkpoint has no `lm_head.weight`. */
  readonly ties: boolean;
}

export interface MambaConfig extends StateSpaceConfig {
  /** Rank of the map from channels to step sizes. */
  readonly dtRank: number;
}

/** Keys that Mamba-1 and 2 share; their defaults are those of Mamba-1. */
export const stateSpaceKeys = {
  vocab_size: count.default(50280),
  hidden_size: count.default(768),
  state_size: count.default(16),
  num_hidden_layers: count.default(32),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  expand: z.number().positive().default(2),
  /** Written beside `expand`, which decides. */
  intermediate_size: count.optional(),
  conv_kernel: count.default(4),
  use_bias: z.boolean().default(false),
  use_conv_bias: z.boolean().default(true),
  hidden_act: activation("silu"),
  tie_word_embeddings: z.boolean().default(true),
  rms_norm: z.literal(true).default(true),
};

/** Keys of either that change no number here. */
export const ignoredStateSpaceKeys: readonly string[] = [
  ...ignoredKeys,
  // the sum is float32 anyway
  "residual_in_fp32",
  // initial weights
  "rescale_prenorm_residual",
  "time_step_scale",
  "time_step_min",
  "time_step_max",
  "time_step_floor",
  "time_step_init_scheme",
  // how transformers computes the same
  "use_mambapy",
  "use_associative_scan",
  "chunk_size",
  "fused_add_norm",
  // other names of sizes, as the first converted checkpoints have them, and the rule that made the vocabulary's
  "n_layer",
  "d_model",
  "d_inner",
  "pad_vocab_size_multiple",
];

/**
 * The number of channels, which is `expand` times the width of the stream.
 *
 * @throws PatchClampError `BAD_FILE` when the config says another number, or that is no whole one
 */
export function innerSize(
  where: string,
  {
    hidden_size,
    expand,
    intermediate_size,
  }: Record<"hidden_size" | "expand", number> & { intermediate_size?: number | undefined },
): number {
  const size = expand * hidden_size;
  if (Number.isInteger(size) && (intermediate_size ?? size) === size) return size;
  throw new PatchClampError("BAD_FILE", {
    where,
    problem: `config key "intermediate_size" = ${intermediate_size ?? "nothing"} is not "expand" * "hidden_size" = ${size}.`,
    facts: { hidden_size, expand, intermediate_size },
  });
}

/** The sizes that both generations read in the same way. */
export function stateSpaceSizes(
  keys: z.output<z.ZodObject<typeof stateSpaceKeys>>,
): Omit<StateSpaceConfig, "nHeads" | "dHead" | "dInner"> {
  return {
    nLayers: keys.num_hidden_layers,
    dModel: keys.hidden_size,
    dState: keys.state_size,
    dVocab: keys.vocab_size,
    nCtx: Infinity,
    convWidth: keys.conv_kernel,
    epsilon: keys.layer_norm_epsilon,
    activation: keys.hidden_act,
    hasBias: keys.use_bias,
    hasConvBias: keys.use_conv_bias,
    ties: keys.tie_word_embeddings,
  };
}

/**
 * Reads the config.json of a Mamba-1 checkpoint.
 *
 * @throws PatchClampError `UNSUPPORTED` for a key or value that may change the numbers and is not handled, `BAD_FILE` when sizes
 * contradict each other
 */
export function mambaConfig(json: unknown, where = "mambaConfig"): MambaConfig {
  const keys = readConfig(where, json, {
    handled: {
      ...stateSpaceKeys,
      time_step_rank: z.union([count, z.literal("auto")]).default("auto"),
      // options of the authors' own layers: none
      ssm_cfg: z.strictObject({}).default({}),
    },
    ignored: ignoredStateSpaceKeys,
  });
  const dInner = innerSize(where, keys);
  const { time_step_rank: rank } = keys;
  return {
    ...stateSpaceSizes(keys),
    nHeads: dInner,
    dHead: 1,
    dInner,
    dtRank: rank === "auto" ? Math.ceil(keys.hidden_size / 16) : rank,
  };
}
