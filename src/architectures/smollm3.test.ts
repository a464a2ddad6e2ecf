import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { openNetwork } from "../checkpoints/load.ts";
import { smollm3Config } from "./smollm3.ts";

type Json = Readonly<Record<string, unknown>>;

const rotates = (json: Json): boolean[] =>
  smollm3Config({ num_hidden_layers: 4, ...json }).layers.map((layer) => layer.rotates);

test("every fourth layer knows no positions, unless the config lists others", () => {
  expect(rotates({})).toEqual([true, true, true, false]);
  expect(rotates({ no_rope_layer_interval: 2 })).toEqual([true, false, true, false]);
  expect(rotates({ no_rope_layers: [0, 1, 1, 0, 1] })).toEqual([false, true, true, false]);
});

test("a window is for the layers without positions, unless the config lists others", () => {
  const windows = (json: Json): (number | null)[] =>
    smollm3Config({ num_hidden_layers: 4, ...json }).layers.map(({ window }) => window);
  const on = { use_sliding_window: true, sliding_window: 8 };
  expect(windows(on)).toEqual([null, null, null, 8]);
  expect(windows({ sliding_window: 8 })).toEqual([null, null, null, null]);
  const types = ["sliding_attention", "full_attention", "full_attention", "full_attention"];
  expect(windows({ ...on, layer_types: types })).toEqual([8, null, null, null]);
});

// Keys of the config.json of HuggingFaceTB/SmolLM3-3B on the Hub.
test("the config of SmolLM3 3B is read", () => {
  const published = {
    architectures: ["SmolLM3ForCausalLM"],
    attention_bias: false,
    attention_dropout: 0.0,
    bos_token_id: null,
    eos_token_id: 128012,
    hidden_act: "silu",
    hidden_size: 2048,
    initializer_range: 0.02,
    intermediate_size: 11008,
    layer_types: Array.from({ length: 36 }, () => "full_attention"),
    max_position_embeddings: 65536,
    max_window_layers: 28,
    mlp_bias: false,
    model_type: "smollm3",
    no_rope_layer_interval: 4,
    no_rope_layers: Array.from({ length: 36 }, (_, i) => (i % 4 === 3 ? 0 : 1)),
    num_attention_heads: 16,
    num_hidden_layers: 36,
    num_key_value_heads: 4,
    pad_token_id: 128004,
    pretraining_tp: 2,
    rms_norm_eps: 1e-6,
    rope_scaling: null,
    rope_theta: 5000000.0,
    sliding_window: null,
    tie_word_embeddings: true,
    torch_dtype: "bfloat16",
    transformers_version: "4.54.0.dev0",
    use_cache: false,
    use_sliding_window: false,
    vocab_size: 128256,
  };
  const config = smollm3Config(published);
  expect(config).toMatchObject({ dHead: 128, ties: true, rope: { theta: 5000000 } });
  expect(config.layers.filter((layer) => !layer.rotates)).toHaveLength(9);
});

test("theta is two million where nothing is said", () => {
  expect(smollm3Config({}).rope.theta).toBe(2000000);
});

test("a list that is too short is refused", () => {
  expect(() => rotates({ no_rope_layers: [1, 0] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: smollm3Config: config key "no_rope_layers" lists 2 layers, but "num_hidden_layers" is 4.]`,
  );
});

test("a layer without positions says why it has no turned queries", async () => {
  const { files, prompts } = await readGolden("smollm3");
  const net = await openNetwork(files, { check: false });
  const run = net.run(prompts[0].ids, { capture: "blocks.1.attn.rot_q" });
  await expect(run).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: smollm3 has no site "blocks.1.attn.rot_q": in this layer nothing is turned by positions.
      fix: the nearest are "blocks.0.attn.rot_q", "blocks.0.attn.rot_k", "blocks.1.attn.q"; all 39 are listed by \`patchclamp sites\`.]
  `);
});
