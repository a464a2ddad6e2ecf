// Our side of the suite `moe`: a network with experts and made-up weights.

import path from "node:path";

import { configure, loadNetwork } from "patchclamp";

import { root, THREADS } from "../machine.ts";
import { hashedNumbers, prompt } from "../weights.ts";
import { sizeOf, writeCheckpoint } from "./checkpoint-files.ts";

/** Qwen3-MoE with 16 experts, of which a token uses two: 59 million weights. */
export const QWEN3_MOE = {
  architectures: ["Qwen3MoeForCausalLM"],
  model_type: "qwen3_moe",
  vocab_size: 8192,
  hidden_size: 512,
  intermediate_size: 1536,
  moe_intermediate_size: 512,
  num_hidden_layers: 8,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 64,
  num_experts: 16,
  num_experts_per_tok: 2,
  norm_topk_prob: true,
  max_position_embeddings: 2048,
  rope_theta: 1000000,
  tie_word_embeddings: false,
};

type Config = typeof QWEN3_MOE;

/** The folder of a checkpoint with made-up weights, which is written the first time. */
export function moeFolder(name: string, config: Config): string {
  const tensors = tensorsOf(config).map(([tensor, shape]) => ({
    name: tensor,
    shape,
    storage: "F32" as const,
    bytes: () => new Uint8Array(weights(tensor, shape).buffer),
  }));
  return writeCheckpoint(path.join(root, ".cache", `bench-${name}`), config, tensors);
}

function tensorsOf(config: Config): (readonly [name: string, shape: readonly number[]])[] {
  const { hidden_size: d, moe_intermediate_size: inner, head_dim: dHead } = config;
  const [q, kv] = [config.num_attention_heads * dHead, config.num_key_value_heads * dHead];
  const expert = (at: string): (readonly [string, readonly number[]])[] => [
    [`${at}.gate_proj.weight`, [inner, d]],
    [`${at}.up_proj.weight`, [inner, d]],
    [`${at}.down_proj.weight`, [d, inner]],
  ];
  const layer = (i: number): (readonly [string, readonly number[]])[] => {
    const at = `model.layers.${i}`;
    return [
      [`${at}.input_layernorm.weight`, [d]],
      [`${at}.self_attn.q_proj.weight`, [q, d]],
      [`${at}.self_attn.k_proj.weight`, [kv, d]],
      [`${at}.self_attn.v_proj.weight`, [kv, d]],
      [`${at}.self_attn.o_proj.weight`, [d, q]],
      [`${at}.self_attn.q_norm.weight`, [dHead]],
      [`${at}.self_attn.k_norm.weight`, [dHead]],
      [`${at}.post_attention_layernorm.weight`, [d]],
      [`${at}.mlp.gate.weight`, [config.num_experts, d]],
      ...Array.from({ length: config.num_experts }, (_, e) =>
        expert(`${at}.mlp.experts.${e}`),
      ).flat(),
    ];
  };
  return [
    ["model.embed_tokens.weight", [config.vocab_size, d]],
    ...Array.from({ length: config.num_hidden_layers }, (_, i) => layer(i)).flat(),
    ["model.norm.weight", [d]],
    ["lm_head.weight", [config.vocab_size, d]],
  ];
}

/** Values that keep activations of order 1. */
function weights(name: string, shape: readonly number[]): Float32Array {
  if (name.endsWith("norm.weight")) return hashedNumbers(name, sizeOf(shape), 0.8, 1.2);
  const spread = name.includes("embed_tokens") ? 1 : Math.sqrt(3 / shape.at(-1)!);
  return hashedNumbers(name, sizeOf(shape), -spread, spread);
}

/** Opens a checkpoint; the function gives of every row the first eight logits of the last position. */
export async function openMoe(
  folder: string,
  { batch, pos }: { readonly batch: number; readonly pos: number },
): Promise<() => Promise<number[]>> {
  await configure({ threads: THREADS });
  const net = await loadNetwork(folder, { check: false });
  const { dVocab } = net.config;
  const flat = prompt("moe", batch * pos, dVocab);
  const rows = Array.from({ length: batch }, (_, row) => flat.slice(row * pos, (row + 1) * pos));
  return async () => {
    using pass = await net.run(rows);
    const logits = await pass.logits.numbers();
    return rows.flatMap((_, row) => {
      const at = (row * pos + pos - 1) * dVocab;
      return [...logits.subarray(at, at + 8)];
    });
  };
}
