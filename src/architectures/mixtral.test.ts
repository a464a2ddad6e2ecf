import { expect, test } from "vitest";

import { mixtralConfig, mixtralFamily } from "./mixtral.ts";

const published = {
  architectures: ["MixtralForCausalLM"],
  attention_dropout: 0,
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: "silu",
  hidden_size: 4096,
  initializer_range: 0.02,
  intermediate_size: 14336,
  max_position_embeddings: 32768,
  model_type: "mixtral",
  num_attention_heads: 32,
  num_experts_per_tok: 2,
  num_hidden_layers: 32,
  num_key_value_heads: 8,
  num_local_experts: 8,
  output_router_logits: false,
  rms_norm_eps: 1e-5,
  rope_theta: 1e6,
  router_aux_loss_coef: 0.02,
  sliding_window: null,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
  transformers_version: "4.36.0.dev0",
  use_cache: true,
  vocab_size: 32000,
};

test("Mixtral 8x7B as published has two of eight experts in every layer, and no window", () => {
  const config = mixtralConfig(published);
  expect(config).toMatchObject({
    nLayers: 32,
    nKvHeads: 8,
    dHead: 128,
    epsilon: 1e-5,
    rope: { theta: 1e6, scaling: null },
    mixture: { count: 8, k: 2, dMlp: 14336 },
  });
  expect(config.isSparse.every(Boolean)).toBe(true);
  expect(new Set(config.layers.map(({ window }) => window))).toEqual(new Set([null]));
});

test("every expert has its own three matrices, under the names of the published files", () => {
  const layout = mixtralFamily.layout(mixtralConfig({ ...published, num_hidden_layers: 1 }));
  const named = (path: string): unknown => layout.find((entry) => entry.path === path);
  expect(named("blocks.0.mlp.experts.7.in.weight")).toEqual({
    path: "blocks.0.mlp.experts.7.in.weight",
    name: "model.layers.0.block_sparse_moe.experts.7.w3.weight",
    shape: [14336, 4096],
  });
  expect(named("blocks.0.mlp.experts.0.out.weight")).toMatchObject({
    name: "model.layers.0.block_sparse_moe.experts.0.w2.weight",
    shape: [4096, 14336],
  });
  expect(layout).toHaveLength(3 + 2 + 4 + 1 + 8 * 3);
});

test("a key that nobody knows is refused", () => {
  expect(() => mixtralConfig({ ...published, num_shared_experts: 1 }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: mixtralConfig: config key "num_shared_experts" = 1 may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});
