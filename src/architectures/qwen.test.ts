import { expect, test } from "vitest";

import { maxDifference } from "../../test/tiny.ts";
import { readGolden } from "../../test/golden/read.ts";
import { openNetwork } from "../checkpoints/load.ts";
import type { Tensor } from "../runtime/index.ts";
import { qwen2Config, qwen2Family, qwen3Config, qwen3Family } from "./qwen.ts";

type Json = Readonly<Record<string, unknown>>;

const windows = (json: Json): (number | null)[] =>
  qwen2Config({ num_hidden_layers: 4, ...json }).layers.map(({ window }) => window);

test("layers from max_window_layers on have the window, if it is switched on", () => {
  const keys = { sliding_window: 8, max_window_layers: 2 };
  expect(windows({ ...keys, use_sliding_window: true })).toEqual([null, null, 8, 8]);
  expect(windows(keys)).toEqual([null, null, null, null]);
});

test("a window that is switched on and not given is 4096, and one that is null is none", () => {
  const keys = { use_sliding_window: true, max_window_layers: 3 };
  expect(windows(keys)).toEqual([null, null, null, 4096]);
  expect(windows({ ...keys, sliding_window: null })).toEqual([null, null, null, null]);
});

test("listed kinds of layers count for more than max_window_layers", () => {
  const types = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"];
  const keys = { use_sliding_window: true, sliding_window: 8, max_window_layers: 0 };
  expect(windows({ ...keys, layer_types: types })).toEqual([8, null, 8, null]);
});

test("kinds of layers that do not fit the config are refused", () => {
  const full = "full_attention";
  expect(() => windows({ layer_types: [full] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: qwen2Config: config key "layer_types" lists 1 layers, but "num_hidden_layers" is 4.]`,
  );
  const types = [full, full, full, "sliding_attention"];
  expect(() => windows({ layer_types: types })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: qwen2Config: config key "layer_types" has "sliding_attention", but no "sliding_window" is switched on.
      fix: set "use_sliding_window" and "sliding_window", or make these layers "full_attention".]
  `);
});

// Keys of the config.json of Qwen/Qwen2.5-0.5B on the Hub.
test("the config of Qwen2.5 0.5B is read", () => {
  const published = {
    architectures: ["Qwen2ForCausalLM"],
    attention_dropout: 0.0,
    bos_token_id: 151643,
    eos_token_id: 151643,
    hidden_act: "silu",
    hidden_size: 896,
    initializer_range: 0.02,
    intermediate_size: 4864,
    max_position_embeddings: 32768,
    max_window_layers: 24,
    model_type: "qwen2",
    num_attention_heads: 14,
    num_hidden_layers: 24,
    num_key_value_heads: 2,
    rms_norm_eps: 1e-6,
    rope_theta: 1000000.0,
    sliding_window: 32768,
    tie_word_embeddings: true,
    torch_dtype: "bfloat16",
    transformers_version: "4.40.1",
    use_cache: true,
    use_mrope: false,
    use_sliding_window: false,
    vocab_size: 151936,
  };
  const config = qwen2Config(published);
  expect(config).toMatchObject({
    dHead: 64,
    biases: { qkv: true, o: false, mlp: false },
    rope: { theta: 1000000 },
  });
  expect(config.layers.every(({ window }) => window === null)).toBe(true);
});

// Keys of the config.json of Qwen/Qwen3-0.6B on the Hub.
test("the config of Qwen3 0.6B is read", () => {
  const published = {
    architectures: ["Qwen3ForCausalLM"],
    attention_bias: false,
    attention_dropout: 0.0,
    bos_token_id: 151643,
    eos_token_id: 151645,
    head_dim: 128,
    hidden_act: "silu",
    hidden_size: 1024,
    initializer_range: 0.02,
    intermediate_size: 3072,
    max_position_embeddings: 40960,
    max_window_layers: 28,
    model_type: "qwen3",
    num_attention_heads: 16,
    num_hidden_layers: 28,
    num_key_value_heads: 8,
    rms_norm_eps: 1e-6,
    rope_scaling: null,
    rope_theta: 1000000,
    sliding_window: null,
    tie_word_embeddings: true,
    torch_dtype: "bfloat16",
    transformers_version: "4.51.0",
    use_cache: true,
    use_sliding_window: false,
    vocab_size: 151936,
  };
  expect(qwen3Config(published)).toMatchObject({
    dHead: 128,
    nCtx: 40960,
    biases: { qkv: false, o: false, mlp: false },
  });
});

test("heads of Qwen3 are 128 wide where nothing is said, those of Qwen2 share the width", () => {
  const sizes = { hidden_size: 64, num_attention_heads: 4, num_key_value_heads: 4 };
  expect(qwen3Config(sizes).dHead).toBe(128);
  expect(qwen2Config(sizes).dHead).toBe(16);
});

test.each([
  ["attention_bias", true],
  ["use_mrope", true],
  ["layer_types", ["linear_attention"]],
  ["head_dim", 7],
])("Qwen2 with %s = %j is refused", (key, value) => {
  expect(() => qwen2Config({ [key]: value })).toThrow(`config key "${key}" = `);
});

test("Qwen2 has biases on queries, keys and values alone; Qwen3 has gains of a head's size", () => {
  const paths = (own: string, entries: ReturnType<typeof qwen2Family.layout>): string[] =>
    entries
      .map(({ path }) => path)
      .filter((path) => path.startsWith("blocks.0") && path.includes(own));
  const json = { num_hidden_layers: 1 };
  expect(paths(".bias", qwen2Family.layout(qwen2Config(json)))).toEqual([
    "blocks.0.attn.q.bias",
    "blocks.0.attn.k.bias",
    "blocks.0.attn.v.bias",
  ]);
  const entries = qwen3Family.layout(qwen3Config(json));
  expect(paths("Norm", entries)).toEqual([
    "blocks.0.attn.qNorm.weight",
    "blocks.0.attn.kNorm.weight",
  ]);
  expect(entries.find(({ path }) => path.endsWith("qNorm.weight"))?.shape).toEqual([128]);
});

test("doubling queries before their norm changes nothing, and after it does", async () => {
  const { files, prompts } = await readGolden("qwen3");
  const net = await openNetwork(files, { check: false });
  const logits = async (site?: string): Promise<ArrayLike<number>> => {
    const edit = site === undefined ? {} : { [`blocks.0.attn.${site}`]: (x: Tensor) => x.mul(2) };
    return (await net.run(prompts[0].ids, { edit })).logits.numbers();
  };
  const plain = await logits();
  // epsilon is a millionth of the mean square
  expect(maxDifference(await logits("q"), plain)).toBeLessThanOrEqual(1e-4);
  expect(maxDifference(await logits("q_norm"), plain)).toBeGreaterThan(0.01);
});
