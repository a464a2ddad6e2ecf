import { expect, test } from "vitest";

import { configOf } from "./config.ts";
import type { Config } from "./config.ts";
import { Facts } from "./facts.ts";
import type { GgufTensor } from "./header.ts";
import { llamaRelatives } from "./llama-relatives.ts";
import { llamaAndKin } from "./llama.ts";
import { ggmlType } from "./quants.ts";
import type { MetadataValue } from "./reader.ts";

/** The config of a file with two blocks of this architecture, with these keys changed; undefined takes one away. */
function config(
  architecture: string,
  changes: Record<string, MetadataValue | undefined> = {},
): Promise<Config> {
  const values: Record<string, MetadataValue | undefined> = {
    block_count: 2,
    embedding_length: 8,
    feed_forward_length: 12,
    context_length: 64,
    "attention.head_count": 2,
    "attention.layer_norm_rms_epsilon": Math.fround(1e-6),
    ...changes,
  };
  const metadata = new Map<string, MetadataValue>([["general.architecture", architecture]]);
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined) metadata.set(`${architecture}.${key}`, value);
  }
  const type = ggmlType("x.gguf", "x", 0);
  const tensor = { type, size: 80, begin: 0, end: 320 };
  const names = ["token_embd.weight", "blk.0.attn_q.weight", "blk.1.attn_q.weight"];
  const tensors = new Map<string, GgufTensor>(
    names.map((name) => [name, { ...tensor, name, shape: [10, 8] }]),
  );
  const header = { version: 3, metadata, tensors };
  const facts = new Facts("x.gguf", header, async () => new Float32Array());
  const known = { ...llamaRelatives, ...llamaAndKin }[architecture]!;
  return configOf(facts, typeof known === "function" ? known(facts) : known);
}

test("what the file does not say is what llama.cpp takes instead", async () => {
  expect(await config("qwen2")).toEqual({
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    num_hidden_layers: 2,
    hidden_size: 8,
    intermediate_size: 12,
    max_position_embeddings: 64,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    rms_norm_eps: 1e-6,
    vocab_size: 10,
    tie_word_embeddings: true,
    hidden_act: "silu",
    use_sliding_window: false,
    rope_parameters: { rope_theta: 10000, rope_type: "default" },
  });
});

test("one value for every block is taken where all blocks have the same", async () => {
  const { intermediate_size: same } = await config("llama", {
    feed_forward_length: Int32Array.of(12, 12),
  });
  expect(same).toBe(12);
  await expect(
    config("llama", { feed_forward_length: Int32Array.of(12, 16) }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf has the metadata "llama.feed_forward_length" = different values for its blocks; it may change the numbers and is not handled.]`,
  );
});

test.each([
  [{ "rope.scaling.factor": 4 }, { rope_type: "linear", factor: 4 }],
  [{ "rope.scale_linear": 2 }, { rope_type: "linear", factor: 2 }],
  [{ "rope.scaling.type": "linear", "rope.scaling.factor": 1 }, { rope_type: "default" }],
  [{ "rope.scaling.type": "none", "rope.scaling.factor": 4 }, { rope_type: "default" }],
  [
    {
      "rope.scaling.type": "yarn",
      "rope.scaling.factor": 4,
      "rope.scaling.original_context_length": 32,
      "rope.scaling.yarn_attn_factor": Math.fround(1.2),
    },
    {
      rope_type: "yarn",
      factor: 4,
      original_max_position_embeddings: 32,
      beta_fast: 32,
      beta_slow: 1,
      attention_factor: 1.2,
    },
  ],
])("the rotation of %o is %o", async (metadata, expected) => {
  const { rope_parameters: rotation } = await config("llama", metadata);
  expect(rotation).toEqual({ rope_theta: 10000, ...expected });
});

test.each([
  ["qwen2", { "rope.scaling.factor": 2, "rope.scaling.type": "longrope" }],
  ["qwen2", { "rope.dimension_count": 2 }],
  ["qwen2", { "attention.key_length": 8 }],
  ["llama", { "attention.key_length": 8, "attention.value_length": 4 }],
  ["qwen3", { "attention.causal": false }],
  ["qwen3", { pooling_type: 3 }],
  ["olmo2", { "attention.sliding_window": 4096 }],
] as const)("%s refuses %o", async (architecture, metadata) => {
  const [[key, value]] = Object.entries(metadata).toReversed() as [[string, unknown]];
  await expect(config(architecture, metadata)).rejects.toThrow(
    `x.gguf has the metadata "${architecture}.${key}" = ${String(value)}; `,
  );
});

test("keys that change no number are passed over", async () => {
  expect(await config("qwen3", { tensor_data_layout: "Meta AI original pth" })).toMatchObject({
    architectures: ["Qwen3ForCausalLM"],
  });
});
