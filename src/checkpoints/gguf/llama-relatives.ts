// How llama.cpp stores families that are built like Llama and whose rows stay in order: Qwen, OLMo-2, StableLM, Phi-3.

import type { Config, GgufArchitecture } from "./config.ts";
import {
  decoderKeys,
  hasQueryBias,
  headDim,
  headSize,
  kvHeads,
  partialRope,
  plainHeads,
  rmsKeys,
  rope,
} from "./config.ts";
import type { Facts } from "./facts.ts";
import { headNorms, outer, plainNames } from "./llama-names.ts";
import { blocks } from "./names.ts";

const qwen2: GgufArchitecture = {
  architecture: "Qwen2ForCausalLM",
  modelType: "qwen2",
  keys: rmsKeys,
  constants: { hidden_act: "silu", use_sliding_window: false },
  more: (facts) => ({ ...kvHeads(facts), ...plainHeads(facts), ...rope(facts) }),
  tensors: plainNames,
};

const qwen3: GgufArchitecture = {
  architecture: "Qwen3ForCausalLM",
  modelType: "qwen3",
  keys: rmsKeys,
  constants: { hidden_act: "silu", use_sliding_window: false },
  more: (facts) => ({
    ...kvHeads(facts),
    ...headDim(facts),
    ...rope(facts),
    attention_bias: hasQueryBias(facts),
  }),
  tensors: { ...plainNames, ...blocks("model.layers", headNorms) },
};

const olmo2: GgufArchitecture = {
  architecture: "Olmo2ForCausalLM",
  modelType: "olmo2",
  keys: rmsKeys,
  constants: { hidden_act: "silu" },
  more: (facts) => ({
    ...kvHeads(facts),
    ...plainHeads(facts),
    ...rope(facts),
    attention_bias: hasQueryBias(facts),
  }),
  tensors: {
    ...plainNames,
    ...blocks("model.layers", {
      ...headNorms,
      post_attention_norm: "post_attention_layernorm",
      post_ffw_norm: "post_feedforward_layernorm",
    }),
  },
};

const stablelm: GgufArchitecture = {
  architecture: "StableLmForCausalLM",
  modelType: "stablelm",
  keys: { ...decoderKeys, "attention.layer_norm_epsilon": "layer_norm_eps" },
  constants: { hidden_act: "silu" },
  more: (facts) => ({
    ...kvHeads(facts),
    ...plainHeads(facts),
    ...partialRope(facts),
    use_parallel_residual: facts.flag("use_parallel_residual") ?? true,
    use_qkv_bias: hasQueryBias(facts),
    qk_layernorm: facts.has("blk.0.attn_q_norm.weight"),
  }),
  tensors: {
    ...plainNames,
    ...blocks("model.layers", {
      attn_q_norm: "self_attn.q_layernorm.norms.*",
      attn_k_norm: "self_attn.k_layernorm.norms.*",
    }),
  },
};

const phi3: GgufArchitecture = {
  architecture: "Phi3ForCausalLM",
  modelType: "phi3",
  keys: rmsKeys,
  constants: { hidden_act: "silu" },
  more: async (facts) => ({
    original_max_position_embeddings:
      facts.optional("rope.scaling.original_context_length") ?? facts.number("context_length"),
    ...kvHeads(facts),
    ...plainHeads(facts),
    ...(await longRope(facts)),
    // 0 is how the converter writes that there is none
    sliding_window: facts.optional("attention.sliding_window") || null,
  }),
  tensors: {
    ...outer,
    ...blocks("model.layers", {
      attn_norm: "input_layernorm",
      attn_qkv: "self_attn.qkv_proj",
      attn_output: "self_attn.o_proj",
      ffn_norm: "post_attention_layernorm",
      ffn_up: "mlp.gate_up_proj",
      ffn_down: "mlp.down_proj",
    }),
  },
  inConfig: ["rope_factors_long.weight", "rope_factors_short.weight"],
};

/** Phi-3's scaling divides every frequency by a factor of its own, one for short texts and one for long ones. */
async function longRope(facts: Facts): Promise<Config> {
  const attention = facts.optional("rope.scaling.attn_factor");
  if (!facts.has("rope_factors_long.weight")) return partialRope(facts);
  const type = facts.text("rope.scaling.type") ?? "longrope";
  if (type !== "longrope") throw facts.refused("rope.scaling.type", type);
  const size = headSize(facts);
  return {
    rope_parameters: {
      rope_theta: facts.optional("rope.freq_base") ?? 10000,
      rope_type: "longrope",
      partial_rotary_factor: (facts.optional("rope.dimension_count") ?? size) / size,
      original_max_position_embeddings: facts.number("rope.scaling.original_context_length"),
      long_factor: [...(await facts.numbers("rope_factors_long.weight"))],
      short_factor: [...(await facts.numbers("rope_factors_short.weight"))],
      ...(attention === undefined ? {} : { attention_factor: attention }),
    },
  };
}

/** By llama.cpp's names. */
export const llamaRelatives: Readonly<Record<string, GgufArchitecture>> = {
  qwen2,
  qwen3,
  olmo2,
  stablelm,
  phi3,
};
