import { expect, test } from "vitest";

import { maxDifference } from "../../test/tiny.ts";
import { readGolden } from "../../test/golden/read.ts";
import { openNetwork } from "../checkpoints/load.ts";
import { graniteConfig } from "./granite.ts";

// Keys of the config.json of ibm-granite/granite-3.0-2b-base on the Hub.
test("the config of Granite 3.0 2B is read", () => {
  const published = {
    architectures: ["GraniteForCausalLM"],
    attention_bias: false,
    attention_dropout: 0.1,
    attention_multiplier: 0.015625,
    bos_token_id: 0,
    embedding_multiplier: 12.0,
    eos_token_id: 0,
    hidden_act: "silu",
    hidden_size: 2048,
    initializer_range: 0.02,
    intermediate_size: 8192,
    logits_scaling: 8.0,
    max_position_embeddings: 4096,
    mlp_bias: false,
    model_type: "granite",
    num_attention_heads: 32,
    num_hidden_layers: 40,
    num_key_value_heads: 8,
    pad_token_id: 0,
    residual_multiplier: 0.22,
    rms_norm_eps: 1e-5,
    rope_scaling: null,
    rope_theta: 10000,
    tie_word_embeddings: true,
    torch_dtype: "bfloat16",
    transformers_version: "4.46.0.dev0",
    use_cache: true,
    vocab_size: 49155,
  };
  expect(graniteConfig(published)).toMatchObject({
    dHead: 64,
    scales: { embed: 12, scores: 0.015625, residual: 0.22, logits: 0.125 },
  });
});

test("scores are not scaled at all where nothing is said, as in transformers", () => {
  expect(graniteConfig({}).scales).toEqual({ embed: 1, scores: 1, residual: 1, logits: 1 });
});

test("a factor of 0 is refused", () => {
  expect(() => graniteConfig({ logits_scaling: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: graniteConfig: config key "logits_scaling" = 0 is not supported: too small: expected number to be >0.]`,
  );
});

test("a key that Granite does not have is refused", () => {
  expect(() => graniteConfig({ num_local_experts: 8 })).toThrow(
    'config key "num_local_experts" = 8',
  );
});

test("what a module adds to the stream is a part of what it gives, under a name of its own", async () => {
  const { files, prompts } = await readGolden("granite");
  const net = await openNetwork(files, { check: false });
  const capture = ["attn", "mlp"].flatMap((name) => [
    `blocks.1.${name}_out`,
    `blocks.1.${name}.raw_out`,
  ]);
  const pass = await net.run(prompts[0].ids, { capture });
  for (const name of ["attn", "mlp"]) {
    const raw = await pass.at(`blocks.1.${name}.raw_out`).numbers();
    const added = await pass.at(`blocks.1.${name}_out`).numbers();
    // half of a float32 number is exact
    expect(
      maxDifference(
        added,
        Array.from(raw, (value) => value / 2),
      ),
    ).toBe(0);
  }
});
