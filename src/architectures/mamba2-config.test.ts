import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { mamba2Config } from "./mamba2-config.ts";

/** What mistralai/Mamba-Codestral-7B-v0.1 publishes; the infinity is bare in the file. */
const published = {
  architectures: ["Mamba2ForCausalLM"],
  bos_token_id: 0,
  chunk_size: 256,
  conv_kernel: 4,
  eos_token_id: 0,
  expand: 2,
  head_dim: 64,
  hidden_act: "silu",
  hidden_size: 4096,
  initializer_range: 0.1,
  intermediate_size: 8192,
  layer_norm_epsilon: 1e-5,
  model_type: "mamba2",
  n_groups: 8,
  norm_before_gate: true,
  num_heads: 128,
  num_hidden_layers: 64,
  pad_token_id: 0,
  rescale_prenorm_residual: false,
  residual_in_fp32: true,
  rms_norm: true,
  state_size: 128,
  tie_word_embeddings: false,
  time_step_floor: 0.0001,
  time_step_init_scheme: "random",
  time_step_limit: [0, { __float__: "Infinity" }],
  time_step_max: 0.1,
  time_step_min: 0.001,
  time_step_rank: 256,
  time_step_scale: 1,
  torch_dtype: "bfloat16",
  transformers_version: "4.44.0.dev0",
  use_bias: false,
  use_cache: true,
  use_conv_bias: true,
  vocab_size: 32768,
};

test("the published config of Mamba Codestral is read with every key accounted for", () => {
  expect(mamba2Config(published)).toEqual({
    nLayers: 64,
    nHeads: 128,
    dModel: 4096,
    dHead: 64,
    dInner: 8192,
    dState: 128,
    nGroups: 8,
    dtLimit: [0, Infinity],
    dVocab: 32768,
    nCtx: Infinity,
    convWidth: 4,
    epsilon: 1e-5,
    activation: "silu",
    hasBias: false,
    hasConvBias: true,
    ties: false,
  });
});

test("an empty config is the same network, as in transformers", () => {
  expect(mamba2Config({})).toEqual(mamba2Config(published));
});

test("the configs that transformers 4 and 5 wrote are read with every key accounted for", async () => {
  const [older, newer] = await Promise.all(["mamba2", "mamba2-groups"].map(readGolden));
  expect(mamba2Config(older!.config)).toMatchObject({ nGroups: 1, dtLimit: [0, Infinity] });
  expect(mamba2Config(newer!.config)).toMatchObject({ nGroups: 2, dtLimit: [0.4, 0.9] });
});

test.each([
  ["dt_scale", 2],
  ["time_step_limit", [0]],
  ["rms_norm", false],
])("%s = %j is refused", (key, value) => {
  expect(() => mamba2Config({ ...published, [key]: value })).toThrow(`config key "${key}" = `);
});

test("heads that do not fill the layer, or cannot share the groups, are refused", () => {
  const heads = { ...published, num_heads: 64 };
  expect(() => mamba2Config(heads)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: mamba2Config: config keys "num_heads" * "head_dim" = 4096 are not "expand" * "hidden_size" = 8192.]`,
  );
  const groups = { ...published, n_groups: 7 };
  expect(() => mamba2Config(groups)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: mamba2Config: config key "num_heads" = 128 is not a multiple of "n_groups" = 7.]`,
  );
});
