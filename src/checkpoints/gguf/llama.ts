// How llama.cpp stores Llama and the families whose rotary rows it reorders: Mixtral, Granite, SmolLM3.

import { PatchClampError } from "../../core/errors.ts";
import type { Config, GgufArchitecture } from "./config.ts";
import { hasQueryBias, headDim, kvHeads, plainHeads, rmsKeys, rope } from "./config.ts";
import type { Facts } from "./facts.ts";
import { outer, reorderedAttention, reorderedNames } from "./llama-names.ts";
import { blocks } from "./names.ts";

/** Constant in older files; what llama.cpp computes the rotation from. */
const rotaryTensors = ["blk.#.attn_rot_embd.weight", "rope_freqs.weight"];

const llama: GgufArchitecture = {
  architecture: "LlamaForCausalLM",
  modelType: "llama",
  keys: rmsKeys,
  constants: { hidden_act: "silu" },
  more: async (facts) => {
    facts.only("expert_count", 0);
    facts.only("expert_used_count", 0);
    return {
      ...kvHeads(facts),
      ...headDim(facts),
      ...(await llama3Rope(facts)),
      attention_bias: hasQueryBias(facts),
      mlp_bias: facts.has("blk.0.ffn_gate.bias"),
    };
  },
  tensors: reorderedNames,
  inConfig: rotaryTensors,
};

const mixtral: GgufArchitecture = {
  architecture: "MixtralForCausalLM",
  modelType: "mixtral",
  keys: {
    ...rmsKeys,
    expert_count: "num_local_experts",
    expert_used_count: "num_experts_per_tok",
  },
  constants: { hidden_act: "silu" },
  more: (facts) => {
    facts.only("expert_feed_forward_length", facts.number("feed_forward_length"));
    return { ...kvHeads(facts), ...headDim(facts), ...rope(facts) };
  },
  tensors: {
    ...outer,
    ...blocks("model.layers", {
      ...reorderedAttention,
      ffn_gate_inp: "block_sparse_moe.gate",
      ffn_gate_exps: "block_sparse_moe.experts.*.w1",
      ffn_down_exps: "block_sparse_moe.experts.*.w2",
      ffn_up_exps: "block_sparse_moe.experts.*.w3",
      // older files hold every expert on its own
      "ffn_gate.*": "block_sparse_moe.experts.*.w1",
      "ffn_down.*": "block_sparse_moe.experts.*.w2",
      "ffn_up.*": "block_sparse_moe.experts.*.w3",
    }),
  },
  inConfig: rotaryTensors,
};

const granite: GgufArchitecture = {
  architecture: "GraniteForCausalLM",
  modelType: "granite",
  keys: {
    ...rmsKeys,
    "attention.scale": "attention_multiplier",
    embedding_scale: "embedding_multiplier",
    residual_scale: "residual_multiplier",
    logit_scale: "logits_scaling",
  },
  constants: { hidden_act: "silu" },
  more: (facts) => ({
    ...kvHeads(facts),
    ...plainHeads(facts),
    ...rope(facts),
    attention_bias: hasQueryBias(facts),
    mlp_bias: facts.has("blk.0.ffn_gate.bias"),
  }),
  tensors: reorderedNames,
};

const smollm3: GgufArchitecture = {
  architecture: "SmolLM3ForCausalLM",
  modelType: "smollm3",
  keys: rmsKeys,
  constants: { hidden_act: "silu", use_sliding_window: false, no_rope_layer_interval: 4 },
  more: (facts) => ({
    ...kvHeads(facts),
    ...plainHeads(facts),
    ...rope(facts),
    attention_bias: hasQueryBias(facts),
    mlp_bias: facts.has("blk.0.ffn_gate.bias"),
    // llama.cpp builds every fourth block without rotation
    no_rope_layers: Array.from({ length: facts.number("block_count") }, (_, i) =>
      (i + 1) % 4 === 0 ? 0 : 1,
    ),
  }),
  tensors: reorderedNames,
  inConfig: rotaryTensors,
};

/** Llama 3.1's scaling is stored as what every frequency is divided by; its published parameters are the only ones in use. */
async function llama3Rope(facts: Facts): Promise<Config> {
  const { rope_parameters: plainRope } = rope(facts) as { rope_parameters: Config };
  if (!facts.has("rope_freqs.weight")) return { rope_parameters: plainRope };
  const divisors = await facts.numbers("rope_freqs.weight");
  const factor = divisors.reduce((most, x) => Math.max(most, x), 1);
  const original = facts.optional("rope.scaling.original_context_length") ?? 8192;
  const theta = plainRope["rope_theta"] as number;
  const isLlama3 = divisors.every((divisor, i) => {
    const turns = (original * theta ** (-i / divisors.length)) / (2 * Math.PI);
    const share = Math.min(Math.max((turns - 1) / 3, 0), 1);
    // 1e-3: the converter computes in float32
    return Math.abs(divisor * (share + (1 - share) / factor) - 1) < 1e-3;
  });
  if (plainRope["rope_type"] !== "default" || !isLlama3) {
    throw new PatchClampError("UNSUPPORTED", {
      where: "openGguf",
      problem: `${facts.path} has "rope_freqs.weight" with other divisors than Llama 3.1's scaling.`,
      facts: { path: facts.path },
    });
  }
  return {
    rope_parameters: {
      rope_theta: theta,
      rope_type: "llama3",
      factor,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: original,
    },
  };
}

/** By llama.cpp's names. */
export const llamaAndKin: Readonly<
  Record<string, GgufArchitecture | ((facts: Facts) => GgufArchitecture)>
> = {
  llama: (facts) => ((facts.optional("expert_count") ?? 0) > 0 ? mixtral : llama),
  granite,
  smollm3,
};
