// How llama.cpp stores mixtures of experts; Mixtral is among those built like Llama.

import type { Config, GgufArchitecture } from "./config.ts";
import {
  expertSize,
  hasQueryBias,
  headDim,
  kvHeads,
  plainHeads,
  rmsKeys,
  rope,
  scaling,
  windows,
} from "./config.ts";
import type { Facts } from "./facts.ts";
import { attention, gatedMlp, headNorms, outer } from "./llama-names.ts";
import type { Join, TensorTable } from "./names.ts";
import { blocks } from "./names.ts";
import { byTurns, keysAndValues, row, same, transposedStack } from "./undo.ts";

const experts: TensorTable = {
  ffn_gate_inp: "mlp.gate",
  ffn_gate_exps: "mlp.experts.*.gate_proj",
  ffn_up_exps: "mlp.experts.*.up_proj",
  ffn_down_exps: "mlp.experts.*.down_proj",
};

const expertKeys = {
  ...rmsKeys,
  expert_count: "num_experts",
  expert_used_count: "num_experts_per_tok",
};

const qwen2moe: GgufArchitecture = {
  architecture: "Qwen2MoeForCausalLM",
  modelType: "qwen2_moe",
  keys: expertKeys,
  // llama.cpp does not normalise the weights of the chosen experts here, and does in Qwen3
  constants: { hidden_act: "silu", use_sliding_window: false, norm_topk_prob: false },
  more: (facts) => ({
    ...kvHeads(facts),
    ...plainHeads(facts),
    ...rope(facts),
    moe_intermediate_size: expertSize(facts),
    shared_expert_intermediate_size:
      facts.optional("expert_shared_feed_forward_length") ??
      facts.shape("blk.0.ffn_gate_shexp.weight")[0],
  }),
  tensors: {
    ...outer,
    ...blocks("model.layers", {
      ...attention,
      ...experts,
      ffn_gate_shexp: "mlp.shared_expert.gate_proj",
      ffn_up_shexp: "mlp.shared_expert.up_proj",
      ffn_down_shexp: "mlp.shared_expert.down_proj",
      ffn_gate_inp_shexp: ["mlp.shared_expert_gate", row],
    }),
  },
};

const qwen3moe: GgufArchitecture = {
  architecture: "Qwen3MoeForCausalLM",
  modelType: "qwen3_moe",
  keys: expertKeys,
  constants: { hidden_act: "silu", use_sliding_window: false, norm_topk_prob: true },
  more: (facts) => ({
    ...kvHeads(facts),
    ...headDim(facts),
    ...rope(facts),
    attention_bias: hasQueryBias(facts),
    moe_intermediate_size: expertSize(facts),
  }),
  tensors: { ...outer, ...blocks("model.layers", { ...attention, ...headNorms, ...experts }) },
};

const olmoe: GgufArchitecture = {
  architecture: "OlmoeForCausalLM",
  modelType: "olmoe",
  keys: expertKeys,
  constants: { hidden_act: "silu", norm_topk_prob: false },
  more: (facts) => {
    facts.only("expert_feed_forward_length", facts.number("feed_forward_length"));
    return {
      ...kvHeads(facts),
      ...plainHeads(facts),
      ...rope(facts),
      attention_bias: hasQueryBias(facts),
      clip_qkv: facts.optional("attention.clamp_kqv") ?? null,
    };
  },
  tensors: { ...outer, ...blocks("model.layers", { ...attention, ...headNorms, ...experts }) },
};

const deepseekNames: TensorTable = {
  ...outer,
  ...blocks("model.layers", {
    ...attention,
    ...gatedMlp,
    ...experts,
    attn_q_a: "self_attn.q_a_proj",
    attn_q_a_norm: "self_attn.q_a_layernorm",
    attn_q_b: "self_attn.q_b_proj",
    attn_kv_a_mqa: "self_attn.kv_a_proj_with_mqa",
    attn_kv_a_norm: "self_attn.kv_a_layernorm",
    attn_kv_b: "self_attn.kv_b_proj",
    ffn_gate_shexp: "mlp.shared_experts.gate_proj",
    ffn_up_shexp: "mlp.shared_experts.up_proj",
    ffn_down_shexp: "mlp.shared_experts.down_proj",
    "exp_probs_b.bias": "mlp.gate.e_score_correction_bias",
  }),
};

const deepseekJoins: readonly Join[] = [
  {
    from: ["blk.#.attn_k_b.weight", "blk.#.attn_v_b.weight"],
    to: "model.layers.#.self_attn.kv_b_proj.weight",
    join: keysAndValues,
  },
];

const deepseekKeys = {
  ...rmsKeys,
  expert_count: "n_routed_experts",
  expert_used_count: "num_experts_per_tok",
  expert_shared_count: "n_shared_experts",
  leading_dense_block_count: "first_k_dense_replace",
  "attention.kv_lora_rank": "kv_lora_rank",
};

/** What llama.cpp's numbers say for routing with a sigmoid. */
const sigmoidGating = 2;

const deepseek2: GgufArchitecture = {
  architecture: "DeepseekV2ForCausalLM",
  modelType: "deepseek_v2",
  keys: deepseekKeys,
  constants: { hidden_act: "silu", attention_bias: false },
  more: (facts) => {
    facts.only("expert_gating_func", 1);
    const groups = facts.optional("expert_group_count") ?? 1;
    return {
      ...latentAttention(facts),
      n_group: groups,
      topk_group: facts.optional("expert_group_used_count") ?? 1,
      topk_method: groups > 1 ? "group_limited_greedy" : "greedy",
      norm_topk_prob: facts.flag("expert_weights_norm") ?? false,
    };
  },
  tensors: deepseekNames,
  joins: deepseekJoins,
};

const deepseek3: GgufArchitecture = {
  architecture: "DeepseekV3ForCausalLM",
  modelType: "deepseek_v3",
  keys: deepseekKeys,
  constants: { hidden_act: "silu", attention_bias: false, rope_interleave: true },
  more: (facts) => ({
    ...latentAttention(facts),
    // older files of DeepSeek-V3 do not say: 8 groups, of which 4 are used
    n_group: facts.optional("expert_group_count") ?? 8,
    topk_group: facts.optional("expert_group_used_count") ?? 4,
    norm_topk_prob: facts.flag("expert_weights_norm") ?? false,
  }),
  tensors: deepseekNames,
  joins: deepseekJoins,
};

/** Newer files describe attention on compressed keys, with one key-value head; older ones on expanded keys. */
function latentAttention(facts: Facts): Config {
  const heads = facts.number("attention.head_count");
  const rank = facts.number("attention.kv_lora_rank");
  const turned = facts.number("rope.dimension_count");
  const expandedKey = facts.optional("attention.key_length_mla");
  const isCompressed = expandedKey !== undefined;
  const dKey = expandedKey ?? facts.number("attention.key_length");
  const dValue = isCompressed
    ? facts.number("attention.value_length_mla")
    : facts.number("attention.value_length");
  facts.only("attention.head_count_kv", isCompressed ? 1 : heads);
  if (isCompressed) {
    facts.only("attention.key_length", rank + turned);
    facts.only("attention.value_length", rank);
  }
  return {
    num_key_value_heads: heads,
    q_lora_rank: facts.optional("attention.q_lora_rank") ?? null,
    qk_rope_head_dim: turned,
    qk_nope_head_dim: dKey - turned,
    v_head_dim: dValue,
    moe_intermediate_size: facts.number("expert_feed_forward_length"),
    routed_scaling_factor: facts.optional("expert_weights_scale") ?? 1,
    rope_parameters: { ...scaling(facts), ...magnitude(facts) },
  };
}

/** The two factors of attention's magnitude under YaRN, equal in every published checkpoint; llama.cpp stores a tenth of one. */
function magnitude(facts: Facts): Config {
  const tenth = facts.optional("rope.scaling.yarn_log_multiplier");
  if (tenth === undefined) return {};
  const mscale = Number((10 * tenth).toPrecision(7));
  return { mscale, mscale_all_dim: mscale };
}

const gptOss: GgufArchitecture = {
  architecture: "GptOssForCausalLM",
  modelType: "gpt_oss",
  keys: {
    block_count: "num_hidden_layers",
    embedding_length: "hidden_size",
    expert_feed_forward_length: "intermediate_size",
    context_length: "max_position_embeddings",
    "attention.head_count": "num_attention_heads",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    expert_count: "num_local_experts",
    expert_used_count: "num_experts_per_tok",
  },
  constants: { hidden_act: "silu", attention_bias: true },
  more: (facts) => {
    // of the dense MLP that this family does not have
    facts.ignore("feed_forward_length");
    const { rope_parameters: rotary } = rope(facts) as { rope_parameters: Config };
    const isYarn = rotary["rope_type"] === "yarn";
    return {
      ...kvHeads(facts),
      ...headDim(facts),
      ...windows(facts, 2),
      rope_parameters: isYarn ? { ...rotary, truncate: false } : rotary,
    };
  },
  tensors: {
    ...outer,
    ...blocks("model.layers", {
      ...attention,
      "attn_sinks.weight": "self_attn.sinks",
      attn_sinks: "self_attn.sinks",
      post_attention_norm: "post_attention_layernorm",
      ffn_gate_inp: "mlp.router",
      "ffn_down_exps.weight": ["mlp.experts.down_proj", transposedStack],
      "ffn_down_exps.bias": ["mlp.experts.down_proj_bias", same],
    }),
  },
  joins: [
    {
      from: ["blk.#.ffn_gate_exps.weight", "blk.#.ffn_up_exps.weight"],
      to: "model.layers.#.mlp.experts.gate_up_proj",
      join: byTurns,
    },
    {
      from: ["blk.#.ffn_gate_exps.bias", "blk.#.ffn_up_exps.bias"],
      to: "model.layers.#.mlp.experts.gate_up_proj_bias",
      join: byTurns,
    },
  ],
};

/** By llama.cpp's names. */
export const expertMixtures: Readonly<
  Record<string, GgufArchitecture | ((facts: Facts) => GgufArchitecture)>
> = {
  qwen2moe,
  qwen3moe,
  olmoe,
  deepseek2: (facts) =>
    facts.optional("expert_gating_func") === sigmoidGating ? deepseek3 : deepseek2,
  "gpt-oss": gptOss,
};
