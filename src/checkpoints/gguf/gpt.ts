// How llama.cpp stores the families with layer norms and biases: GPT-2, GPT-NeoX, BLOOM, Phi-2.

import type { GgufArchitecture } from "./config.ts";
import { decoderKeys, kvHeads, partialRope, plainHeads } from "./config.ts";
import type { Facts } from "./facts.ts";
import type { TensorTable } from "./names.ts";
import { blocks } from "./names.ts";
import { partsByHead, rowsOf, transposed } from "./undo.ts";

const layerNormKey = "attention.layer_norm_epsilon";

const gpt2: GgufArchitecture = {
  architecture: "GPT2LMHeadModel",
  modelType: "gpt2",
  keys: {
    block_count: "n_layer",
    context_length: "n_positions",
    embedding_length: "n_embd",
    "attention.head_count": "n_head",
    [layerNormKey]: "layer_norm_epsilon",
  },
  constants: { activation_function: "gelu_new" },
  more: (facts) => {
    const usual = 4 * facts.number("embedding_length");
    const wide = facts.number("feed_forward_length");
    return { ...allHeads(facts), n_inner: wide === usual ? null : wide };
  },
  tensors: {
    token_embd: "transformer.wte",
    position_embd: "transformer.wpe",
    output_norm: "transformer.ln_f",
    output: "lm_head",
    ...blocks("transformer.h", {
      attn_norm: "ln_1",
      ...conv1d("attn_qkv", "attn.c_attn"),
      ...conv1d("attn_output", "attn.c_proj"),
      ffn_norm: "ln_2",
      ...conv1d("ffn_up", "mlp.c_fc"),
      ...conv1d("ffn_down", "mlp.c_proj"),
    }),
  },
};

function conv1d(from: string, to: string): TensorTable {
  return { [`${from}.weight`]: [`${to}.weight`, transposed], [`${from}.bias`]: `${to}.bias` };
}

const gptneox: GgufArchitecture = {
  architecture: "GPTNeoXForCausalLM",
  modelType: "gpt_neox",
  keys: { ...decoderKeys, [layerNormKey]: "layer_norm_eps" },
  constants: { hidden_act: "gelu", attention_bias: true },
  more: (facts) => ({
    ...allHeads(facts),
    ...partialRope(facts),
    use_parallel_residual: facts.flag("use_parallel_residual") ?? true,
  }),
  tensors: {
    token_embd: "gpt_neox.embed_in",
    output_norm: "gpt_neox.final_layer_norm",
    output: "embed_out",
    ...blocks("gpt_neox.layers", {
      attn_norm: "input_layernorm",
      attn_qkv: ["attention.query_key_value", partsByHead],
      attn_output: "attention.dense",
      ffn_norm: "post_attention_layernorm",
      ffn_up: "mlp.dense_h_to_4h",
      ffn_down: "mlp.dense_4h_to_h",
    }),
  },
};

const bloom: GgufArchitecture = {
  architecture: "BloomForCausalLM",
  modelType: "bloom",
  keys: {
    block_count: "n_layer",
    embedding_length: "hidden_size",
    "attention.head_count": "n_head",
    [layerNormKey]: "layer_norm_epsilon",
  },
  constants: { apply_residual_connection_post_layernorm: false },
  more: (facts) => {
    facts.only("feed_forward_length", 4 * facts.number("embedding_length"));
    return { seq_length: facts.optional("context_length"), ...allHeads(facts) };
  },
  tensors: {
    token_embd: "transformer.word_embeddings",
    token_embd_norm: "transformer.word_embeddings_layernorm",
    output_norm: "transformer.ln_f",
    output: "lm_head",
    ...blocks("transformer.h", {
      attn_norm: "input_layernorm",
      attn_qkv: ["self_attention.query_key_value", partsByHead],
      attn_output: "self_attention.dense",
      ffn_norm: "post_attention_layernorm",
      ffn_up: "mlp.dense_h_to_4h",
      ffn_down: "mlp.dense_4h_to_h",
    }),
  },
};

const phi2: GgufArchitecture = {
  architecture: "PhiForCausalLM",
  modelType: "phi",
  keys: { ...decoderKeys, [layerNormKey]: "layer_norm_eps" },
  constants: { hidden_act: "gelu_new", qk_layernorm: false },
  more: (facts) => ({ ...kvHeads(facts), ...plainHeads(facts), ...partialRope(facts) }),
  tensors: {
    token_embd: "model.embed_tokens",
    output_norm: "model.final_layernorm",
    output: "lm_head",
    ...blocks("model.layers", {
      attn_norm: "input_layernorm",
      attn_q: "self_attn.q_proj",
      attn_k: "self_attn.k_proj",
      attn_v: "self_attn.v_proj",
      attn_output: "self_attn.dense",
      ffn_up: "mlp.fc1",
      ffn_down: "mlp.fc2",
    }),
  },
  // older files hold the three projections in one
  cuts: ["weight", "bias"].flatMap((kind) =>
    ["q", "k", "v"].map((letter, i) => ({
      from: `blk.#.attn_qkv.${kind}`,
      to: `model.layers.#.self_attn.${letter}_proj.${kind}`,
      cut: (source) => rowsOf(source, i, 3),
    })),
  ),
};

/** Every query head has keys and values of its own. */
function allHeads(facts: Facts): Record<string, never> {
  facts.only("attention.head_count_kv", facts.number("attention.head_count"));
  plainHeads(facts);
  return {};
}

/** By llama.cpp's names. */
export const gptLike: Readonly<Record<string, GgufArchitecture>> = { gpt2, gptneox, bloom, phi2 };
