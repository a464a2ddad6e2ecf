// Qwen2-MoE (Qwen Team 2024, Qwen1.5-MoE; arXiv:2407.10671): Qwen2 with experts, one of which every token uses and weighs.
// Qwen3-MoE (Yang et al. 2025, arXiv:2505.09388): Qwen3 with experts. In both some layers may have an MLP in their place.

import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { softmaxOfAll, softmaxOfChosen } from "../nn/moe.ts";
import type { Routing } from "../nn/moe.ts";
import { count } from "./common-config.ts";
import type { ExpertsConfig } from "./experts.ts";
import {
  denseAbsent,
  expertEntries,
  expertsLayout,
  mixture,
  routerIgnored,
  sharedEntries,
  sparse,
  sparseLayers,
  sparsityKeys,
  withShared,
} from "./experts.ts";
import type { DecoderFamily } from "./family.ts";
import { linearEntries } from "./family.ts";
import { attentionEntries, preNormBlock, queryKeyNormEntries, rotaryDecoder } from "./llama.ts";
import type { AttentionLayer, LlamaForm } from "./llama-config.ts";
import { layerWindows, llamaIgnored, llamaKeys, readLlama, windowKeys } from "./llama-config.ts";

/** Qwen's networks with experts. */
export interface QwenMoeConfig extends ExpertsConfig {
  /** Whether the weights of a token's experts add up to 1. */
  readonly isNormalised: boolean;
  /** Hidden units of the shared expert; null where there is none. */
  readonly dShared: number | null;
}

const handled = {
  ...llamaKeys,
  ...windowKeys,
  ...sparsityKeys,
  // 0 is how transformers 5 writes "none"
  sliding_window: z.int().nonnegative().optional(),
  vocab_size: count.default(151936),
  hidden_size: count.default(2048),
  num_hidden_layers: count.default(24),
  max_position_embeddings: count.default(32768),
  max_window_layers: z.int().nonnegative().default(28),
  norm_topk_prob: z.boolean().default(false),
};

const handled2 = {
  ...handled,
  intermediate_size: count.default(5632),
  num_attention_heads: count.default(16),
  num_key_value_heads: count.default(16),
  moe_intermediate_size: count.default(1408),
  shared_expert_intermediate_size: count.default(5632),
  num_experts_per_tok: count.default(4),
  num_experts: count.default(60),
  qkv_bias: z.boolean().default(true),
};

const handled3 = {
  ...handled,
  intermediate_size: count.default(6144),
  num_key_value_heads: count.default(4),
  moe_intermediate_size: count.default(768),
  num_experts_per_tok: count.default(8),
  // transformers 4 wrote the first ...
  num_experts: count.default(128),
  // ... and 5 writes the second
  num_local_experts: count.optional(),
  attention_bias: z.boolean().default(false),
};

type Keys = Omit<
  z.output<z.ZodObject<typeof handled2>>,
  "qkv_bias" | "shared_expert_intermediate_size"
>;

const ignored = [...llamaIgnored, ...routerIgnored];

/** How layers attend, of which some have the window. */
function layersOf(
  where: string,
  json: unknown,
  config: Keys,
  slides: (layer: number) => boolean,
): AttentionLayer[] {
  // null says that there is no window, and nothing said means this one
  const isSaid = Object.hasOwn(json as object, "sliding_window");
  const { sliding_window: written = isSaid ? 0 : 4096 } = config;
  const given = { ...config, sliding_window: written === 0 ? undefined : written };
  return layerWindows(where, given, slides).map((window) => ({ rotates: true, window }));
}

function readQwenMoe(where: string, config: Keys, form: LlamaForm): QwenMoeConfig {
  return {
    ...readLlama(where, config, form),
    mixture: {
      count: config.num_experts,
      k: config.num_experts_per_tok,
      dMlp: config.moe_intermediate_size,
    },
    isSparse: sparseLayers(config.num_hidden_layers, config),
    isNormalised: config.norm_topk_prob,
    dShared: null,
  };
}

/**
 * Reads the `config.json` of a `Qwen2MoeForCausalLM`.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when sizes or layers do not fit together
 */
export function qwen2MoeConfig(json: unknown, where = "qwen2MoeConfig"): QwenMoeConfig {
  const config = readConfig(where, json, { handled: handled2, ignored });
  const slides = (i: number): boolean => i % 2 === 0 && i < config.max_window_layers;
  return {
    ...readQwenMoe(where, config, {
      biases: { qkv: config.qkv_bias, o: false, mlp: false },
      layers: layersOf(where, json, config, slides),
    }),
    dShared: config.shared_expert_intermediate_size,
  };
}

/**
 * Reads the `config.json` of a `Qwen3MoeForCausalLM`.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when sizes or layers do not fit together
 */
export function qwen3MoeConfig(json: unknown, where = "qwen3MoeConfig"): QwenMoeConfig {
  const config = readConfig(where, json, { handled: handled3, ignored });
  const { attention_bias: hasBias, num_local_experts: experts = config.num_experts } = config;
  return readQwenMoe(
    where,
    { ...config, num_experts: experts },
    {
      biases: { qkv: hasBias, o: hasBias, mlp: false },
      layers: layersOf(where, json, config, () => true),
    },
  );
}

function routing({ isNormalised }: QwenMoeConfig): Routing {
  return isNormalised ? softmaxOfChosen : softmaxOfAll;
}

/** The family that config.json calls `Qwen2MoeForCausalLM`. */
export const qwen2MoeFamily: DecoderFamily<QwenMoeConfig> = {
  architectures: ["Qwen2MoeForCausalLM"],
  kind: "decoder",
  config: qwen2MoeConfig,
  forward: rotaryDecoder(preNormBlock(sparse(withShared(mixture(routing))))),
  layout: (config) =>
    expertsLayout(config, (to, from) => [
      ...expertEntries(to, `${from}.mlp`, config),
      ...sharedEntries(`${to}.shared`, `${from}.mlp.shared_expert`, [
        config.dModel,
        config.dShared!,
      ]),
      ...linearEntries(`${to}.sharedGate`, `${from}.mlp.shared_expert_gate`, [config.dModel, 1]),
    ]),
  absent: denseAbsent,
};

/** The family that config.json calls `Qwen3MoeForCausalLM`. */
export const qwen3MoeFamily: DecoderFamily<QwenMoeConfig> = {
  architectures: ["Qwen3MoeForCausalLM"],
  kind: "decoder",
  config: qwen3MoeConfig,
  forward: rotaryDecoder(preNormBlock(sparse(mixture(routing)))),
  layout: (config) =>
    expertsLayout(
      config,
      (to, from) => expertEntries(to, `${from}.mlp`, config),
      (to, from) => [
        ...attentionEntries(to, from, config),
        ...queryKeyNormEntries(to, from, [config.dHead, config.dHead]),
      ],
    ),
  absent: denseAbsent,
};
