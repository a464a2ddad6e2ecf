// How llama.cpp stores Gemma 1 to 3.

import type { GgufArchitecture } from "./config.ts";
import { headDim, headSize, kvHeads, rmsKeys, rope, scaling, windows } from "./config.ts";
import type { Facts } from "./facts.ts";
import { attention, gatedMlp } from "./llama-names.ts";
import type { TensorTable } from "./names.ts";
import { blocks } from "./names.ts";
import { lessOne } from "./undo.ts";

const gemmaNames: TensorTable = {
  token_embd: "model.embed_tokens",
  output_norm: ["model.norm", lessOne],
  ...blocks("model.layers", {
    ...attention,
    ...gatedMlp,
    attn_norm: ["input_layernorm", lessOne],
    ffn_norm: ["post_attention_layernorm", lessOne],
  }),
};

/** From Gemma 2 on there are norms after the modules as well, and the one before the MLP has another name. */
const gemma2Names: TensorTable = {
  ...gemmaNames,
  ...blocks("model.layers", {
    post_attention_norm: ["post_attention_layernorm", lessOne],
    ffn_norm: ["pre_feedforward_layernorm", lessOne],
    post_ffw_norm: ["post_feedforward_layernorm", lessOne],
  }),
};

const gemma: GgufArchitecture = {
  architecture: "GemmaForCausalLM",
  modelType: "gemma",
  keys: rmsKeys,
  constants: { hidden_act: "gelu_pytorch_tanh", attention_bias: false },
  more: (facts) => ({ ...kvHeads(facts), ...headDim(facts), ...rope(facts) }),
  tensors: gemmaNames,
};

const gemma2: GgufArchitecture = {
  architecture: "Gemma2ForCausalLM",
  modelType: "gemma2",
  keys: rmsKeys,
  constants: { hidden_activation: "gelu_pytorch_tanh", attention_bias: false },
  more: (facts) => ({
    ...kvHeads(facts),
    ...headDim(facts),
    ...rope(facts),
    ...windows(facts, 2),
    attn_logit_softcapping: facts.optional("attn_logit_softcapping") ?? 50,
    final_logit_softcapping: facts.optional("final_logit_softcapping") ?? 30,
    query_pre_attn_scalar: queryScale(facts, 46),
  }),
  tensors: gemma2Names,
};

const gemma3HeadNorms: TensorTable = {
  attn_q_norm: ["self_attn.q_norm", lessOne],
  attn_k_norm: ["self_attn.k_norm", lessOne],
};

const gemma3: GgufArchitecture = {
  architecture: "Gemma3ForCausalLM",
  modelType: "gemma3_text",
  keys: rmsKeys,
  constants: { hidden_activation: "gelu_pytorch_tanh", attention_bias: false },
  more: (facts) => {
    facts.only("rope.dimension_count", headSize(facts));
    const local = facts.optional("rope.freq_base_swa") ?? 10000;
    return {
      ...kvHeads(facts),
      ...headDim(facts),
      ...windows(facts, 6),
      rope_parameters: {
        full_attention: scaling(facts),
        sliding_attention: { rope_theta: local, rope_type: "default" },
      },
      attn_logit_softcapping: null,
      final_logit_softcapping: facts.optional("final_logit_softcapping") ?? null,
      query_pre_attn_scalar: queryScale(facts, 62),
    };
  },
  tensors: { ...gemma2Names, ...blocks("model.layers", gemma3HeadNorms) },
};

/** What llama.cpp divides queries by the root of: a head's size, except in the 27B networks, which it knows by their depth. */
function queryScale(facts: Facts, depthOf27B: number): number {
  const is27B = facts.number("block_count") === depthOf27B;
  return is27B
    ? facts.number("embedding_length") / facts.number("attention.head_count")
    : headSize(facts);
}

/** By llama.cpp's names. */
export const gemmas: Readonly<Record<string, GgufArchitecture>> = { gemma, gemma2, gemma3 };
