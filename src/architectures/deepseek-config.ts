import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { count } from "./common-config.ts";
import type { ExpertsConfig } from "./experts.ts";
import { routerIgnored } from "./experts.ts";
import { llamaIgnored, llamaKeys, positive, readLlama } from "./llama-config.ts";
import { yarnGain } from "./rope-config.ts";

/** DeepSeek V2 and V3. */
export interface DeepseekConfig extends ExpertsConfig {
  /** Sizes of the latents that queries (null: none), and keys with values, come from. */
  readonly latents: { readonly q: number | null; readonly kv: number };
  /** Numbers of a head: of queries and keys those that do not turn and those that do, and of values. */
  readonly head: { readonly still: number; readonly turning: number; readonly value: number };
  /** Whether the pairs that turn lie side by side. */
  readonly isInterleaved: boolean;
  /** Whether the projections down to latents, and the one of the heads' output, have biases. */
  readonly hasBias: boolean;
  /** Groups of experts, and how many of them a token chooses from; null where it chooses from all. */
  readonly groups: { readonly count: number; readonly kept: number } | null;
  /** What the weights of experts are multiplied by. */
  readonly expertScale: number;
  /** Whether the weights of a token's experts, before that, add up to 1. */
  readonly isNormalised: boolean;
  /** Hidden units of the shared experts together. */
  readonly dShared: number;
}

const handled = {
  ...llamaKeys,
  attention_bias: z.boolean().default(false),
  first_k_dense_replace: z.int().nonnegative().default(0),
  kv_lora_rank: count.default(512),
  // null is not "the default" but "no latent"
  q_lora_rank: count.optional(),
  qk_nope_head_dim: count.default(128),
  qk_rope_head_dim: count.multipleOf(2).default(64),
  v_head_dim: count.default(128),
  moe_intermediate_size: count.default(1407),
  moe_layer_freq: z.literal(1).default(1),
  n_routed_experts: count.default(64),
  n_shared_experts: count.default(2),
  num_experts_per_tok: count.default(8),
  n_group: count.optional(),
  topk_group: count.optional(),
  routed_scaling_factor: positive.default(1),
  head_dim: count.optional(),
  // weights in 8 bits are read with their scales; what else this rounds is activations
  quantization_config: z
    .strictObject({
      quant_method: z.literal("fp8", { error: "expected fp8" }),
      fmt: z.literal("e4m3").optional(),
      activation_scheme: z.literal("dynamic").optional(),
      weight_block_size: z.tuple([z.literal(128), z.literal(128)]),
    })
    .optional(),
};

const handled2 = {
  ...handled,
  vocab_size: count.default(102400),
  mlp_bias: z.literal(false).default(false),
  // transformers computes the weights of V2 like this whatever the config says
  norm_topk_prob: z.literal(false).default(false),
  scoring_func: z.literal("softmax").default("softmax"),
  topk_method: z.enum(["greedy", "group_limited_greedy"]).default("greedy"),
};

const handled3 = {
  ...handled,
  vocab_size: count.default(129280),
  hidden_size: count.default(7168),
  intermediate_size: count.default(18432),
  num_hidden_layers: count.default(61),
  num_attention_heads: count.default(128),
  num_key_value_heads: count.default(128),
  max_position_embeddings: count.default(4096),
  first_k_dense_replace: z.int().nonnegative().default(3),
  moe_intermediate_size: count.default(2048),
  n_routed_experts: count.default(256),
  n_shared_experts: count.default(1),
  n_group: count.default(8),
  topk_group: count.default(4),
  routed_scaling_factor: positive.default(2.5),
  norm_topk_prob: z.boolean().default(true),
  scoring_func: z.literal("sigmoid").default("sigmoid"),
  topk_method: z.literal("noaux_tc").default("noaux_tc"),
  rope_interleave: z.boolean().default(true),
};

const ignored = [
  ...llamaIgnored,
  ...routerIgnored,
  // follows from the parts of a head
  "qk_head_dim",
  // how experts are spread over machines
  "ep_size",
  // layers that guess further tokens lie above the network
  "num_nextn_predict_layers",
];

type Keys = z.output<z.ZodObject<typeof handled>>;

type Routing = Pick<DeepseekConfig, "groups" | "isNormalised" | "isInterleaved">;

function readDeepseek(where: string, json: unknown, config: Keys, own: Routing): DeepseekConfig {
  const { qk_nope_head_dim: still, qk_rope_head_dim: turning, num_hidden_layers: nLayers } = config;
  const isSaid = Object.hasOwn(json as object, "q_lora_rank");
  // rotary positions are those of a head's turning part
  const plain = readLlama(where, { ...config, head_dim: turning });
  return {
    ...plain,
    ...own,
    dHead: still + turning,
    scales: { ...plain.scales, scores: scoreScale(still + turning, plain) },
    latents: { q: config.q_lora_rank ?? (isSaid ? null : 1536), kv: config.kv_lora_rank },
    head: { still, turning, value: config.v_head_dim },
    hasBias: config.attention_bias,
    mixture: {
      count: config.n_routed_experts,
      k: config.num_experts_per_tok,
      dMlp: config.moe_intermediate_size,
    },
    isSparse: Array.from({ length: nLayers }, (_, i) => i >= config.first_k_dense_replace),
    expertScale: config.routed_scaling_factor,
    dShared: config.moe_intermediate_size * config.n_shared_experts,
  };
}

/** Stretched wavelengths come with sharper attention, as far as the config says so. */
function scoreScale(dHead: number, { rope: { scaling } }: Pick<DeepseekConfig, "rope">): number {
  const weight = scaling?.kind === "yarn" ? scaling.mscaleAllDim : undefined;
  const gain = scaling?.kind === "yarn" && weight ? yarnGain(scaling.factor, weight) : 1;
  return (gain * gain) / Math.sqrt(dHead);
}

function groupsOf(config: Pick<Keys, "n_group" | "topk_group">): DeepseekConfig["groups"] {
  const { n_group: groups = 1, topk_group: kept = groups } = config;
  return kept < groups ? { count: groups, kept } : null;
}

/**
 * Reads the `config.json` of a `DeepseekV2ForCausalLM`.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute
 */
export function deepseek2Config(json: unknown, where = "deepseek2Config"): DeepseekConfig {
  const config = readConfig(where, json, { handled: handled2, ignored });
  return readDeepseek(where, json, config, {
    groups: config.topk_method === "greedy" ? null : groupsOf(config),
    isNormalised: false,
    isInterleaved: true,
  });
}

/**
 * Reads the `config.json` of a `DeepseekV3ForCausalLM`.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute
 */
export function deepseek3Config(json: unknown, where = "deepseek3Config"): DeepseekConfig {
  const config = readConfig(where, json, { handled: handled3, ignored });
  return readDeepseek(where, json, config, {
    groups: groupsOf(config),
    isNormalised: config.norm_topk_prob,
    isInterleaved: config.rope_interleave,
  });
}
