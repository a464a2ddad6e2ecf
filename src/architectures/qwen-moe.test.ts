import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openNetwork } from "../checkpoints/load.ts";
import { qwen2MoeConfig, qwen2MoeFamily, qwen3MoeConfig } from "./qwen-moe.ts";

const published2 = {
  architectures: ["Qwen2MoeForCausalLM"],
  attention_dropout: 0,
  bos_token_id: 151643,
  decoder_sparse_step: 1,
  eos_token_id: 151643,
  hidden_act: "silu",
  hidden_size: 2048,
  initializer_range: 0.02,
  intermediate_size: 5632,
  max_position_embeddings: 8192,
  max_window_layers: 21,
  model_type: "qwen2_moe",
  moe_intermediate_size: 1408,
  norm_topk_prob: false,
  num_attention_heads: 16,
  num_experts: 60,
  num_experts_per_tok: 4,
  num_hidden_layers: 24,
  num_key_value_heads: 16,
  output_router_logits: false,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  router_aux_loss_coef: 0.001,
  shared_expert_intermediate_size: 5632,
  sliding_window: 32768,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
  use_cache: true,
  use_sliding_window: false,
  vocab_size: 151936,
};

const published3 = {
  architectures: ["Qwen3MoeForCausalLM"],
  attention_bias: false,
  attention_dropout: 0,
  bos_token_id: 151643,
  decoder_sparse_step: 1,
  eos_token_id: 151645,
  head_dim: 128,
  hidden_act: "silu",
  hidden_size: 2048,
  initializer_range: 0.02,
  intermediate_size: 6144,
  max_position_embeddings: 40960,
  max_window_layers: 48,
  mlp_only_layers: [],
  model_type: "qwen3_moe",
  moe_intermediate_size: 768,
  norm_topk_prob: true,
  num_attention_heads: 32,
  num_experts: 128,
  num_experts_per_tok: 8,
  num_hidden_layers: 48,
  num_key_value_heads: 4,
  output_router_logits: false,
  rms_norm_eps: 1e-6,
  rope_scaling: null,
  rope_theta: 1e6,
  router_aux_loss_coef: 0.001,
  sliding_window: null,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
  use_cache: true,
  use_sliding_window: false,
  vocab_size: 151936,
};

test("Qwen1.5-MoE-A2.7B as published has four of sixty experts and a shared one", () => {
  const config = qwen2MoeConfig(published2);
  expect(config).toMatchObject({
    dHead: 128,
    biases: { qkv: true, o: false, mlp: false },
    mixture: { count: 60, k: 4, dMlp: 1408 },
    dShared: 5632,
    isNormalised: false,
  });
  expect(config.layers.every(({ window }) => window === null)).toBe(true);
});

test("Qwen3-30B-A3B as published has eight of 128 experts, and none is shared", () => {
  expect(qwen3MoeConfig(published3)).toMatchObject({
    nHeads: 32,
    dHead: 128,
    mixture: { count: 128, k: 8, dMlp: 768 },
    dShared: null,
    isNormalised: true,
  });
});

test("transformers 5 calls the number of experts otherwise", () => {
  const { num_experts: count, ...rest } = published3;
  expect(count).toBe(128);
  expect(qwen3MoeConfig({ ...rest, num_local_experts: 16 }).mixture.count).toBe(16);
});

test("layers without experts are those that are listed, and those that the step leaves out", () => {
  const config = qwen2MoeConfig({
    ...published2,
    num_hidden_layers: 6,
    decoder_sparse_step: 2,
    mlp_only_layers: [3],
  });
  expect(config.isSparse).toEqual([false, true, false, false, false, true]);
  const names = qwen2MoeFamily.layout(config).map(({ name }) => name);
  expect(names).toContain("model.layers.0.mlp.gate_proj.weight");
  expect(names).toContain("model.layers.1.mlp.shared_expert_gate.weight");
  expect(names).not.toContain("model.layers.3.mlp.gate.weight");
});

test("windows are on every other lower layer of Qwen2-MoE, and on all of Qwen3-MoE", () => {
  const on = { use_sliding_window: true, sliding_window: 9, num_hidden_layers: 5 };
  const windows = ({ layers }: { layers: readonly { window: number | null }[] }) =>
    layers.map(({ window }) => window);
  expect(windows(qwen2MoeConfig({ ...published2, ...on, max_window_layers: 3 }))).toEqual([
    9,
    null,
    9,
    null,
    null,
  ]);
  expect(windows(qwen3MoeConfig({ ...published3, ...on }))).toEqual([9, 9, 9, 9, 9]);
});

test("a key that nobody knows is refused", () => {
  expect(() => qwen2MoeConfig({ ...published2, n_group: 4 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: qwen2MoeConfig: config key "n_group" = 4 may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});

test("what the shared expert adds is the MLP's output without the chosen ones", async () => {
  const { files } = await readGolden("qwen2-moe");
  const net = await openNetwork(files, { check: false });
  const pass = await net.run([2, 60, 28], {
    capture: ["blocks.1.mlp_out", "blocks.1.moe.shared_out"],
    edit: { "blocks.1.moe.expert_out": (x) => x.mul(0) },
  });
  const [out, shared] = [pass.at("blocks.1.mlp_out"), pass.at("blocks.1.moe.shared_out")];
  expect(maxDifference(Array.from(await out.numbers()), Array.from(await shared.numbers()))).toBe(
    0,
  );
});
