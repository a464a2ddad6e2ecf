// llama.cpp's names of tensors for the families that are built like Llama.

import type { TensorTable } from "./names.ts";
import { blocks } from "./names.ts";
import { rotaryRows } from "./undo.ts";

/** Names outside the blocks. */
export const outer: TensorTable = {
  token_embd: "model.embed_tokens",
  output_norm: "model.norm",
  output: "lm_head",
};

/** Names of attention. */
export const attention: TensorTable = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  ffn_norm: "post_attention_layernorm",
};

/** Names of attention whose converter reorders rotary rows. */
export const reorderedAttention: TensorTable = {
  ...attention,
  attn_q: ["self_attn.q_proj", rotaryRows("query")],
  attn_k: ["self_attn.k_proj", rotaryRows("key")],
};

/** Names of an MLP with a gate. */
export const gatedMlp: TensorTable = {
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};

/** Norms of queries and keys. */
export const headNorms: TensorTable = {
  attn_q_norm: "self_attn.q_norm",
  attn_k_norm: "self_attn.k_norm",
};

/** Of a family with plain attention and a gated MLP. */
export const plainNames: TensorTable = {
  ...outer,
  ...blocks("model.layers", { ...attention, ...gatedMlp }),
};
/** The same, with reordered rotary rows. */
export const reorderedNames: TensorTable = {
  ...outer,
  ...blocks("model.layers", { ...reorderedAttention, ...gatedMlp }),
};
