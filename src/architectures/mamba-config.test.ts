import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { mambaConfig } from "./mamba-config.ts";

/** What state-spaces/mamba-130m-hf publishes. */
const published = {
  architectures: ["MambaForCausalLM"],
  bos_token_id: 0,
  conv_kernel: 4,
  d_inner: 1536,
  d_model: 768,
  eos_token_id: 0,
  expand: 2,
  fused_add_norm: true,
  hidden_act: "silu",
  hidden_size: 768,
  initializer_range: 0.1,
  intermediate_size: 1536,
  layer_norm_epsilon: 1e-5,
  model_type: "mamba",
  n_layer: 24,
  num_hidden_layers: 24,
  pad_token_id: 0,
  pad_vocab_size_multiple: 8,
  rescale_prenorm_residual: false,
  residual_in_fp32: true,
  rms_norm: true,
  ssm_cfg: {},
  state_size: 16,
  time_step_floor: 0.0001,
  time_step_init_scheme: "random",
  time_step_max: 0.1,
  time_step_min: 0.001,
  time_step_rank: 48,
  time_step_scale: 1,
  torch_dtype: "float32",
  transformers_version: "4.39.0.dev0",
  use_bias: false,
  use_cache: true,
  use_conv_bias: true,
  vocab_size: 50280,
};

test("the published config of Mamba 130M is read with every key accounted for", () => {
  expect(mambaConfig(published)).toEqual({
    nLayers: 24,
    nHeads: 1536,
    dModel: 768,
    dHead: 1,
    dInner: 1536,
    dState: 16,
    dtRank: 48,
    dVocab: 50280,
    nCtx: Infinity,
    convWidth: 4,
    epsilon: 1e-5,
    activation: "silu",
    hasBias: false,
    hasConvBias: true,
    ties: true,
  });
});

test("an empty config is that of transformers, where the rank follows from the width", () => {
  expect(mambaConfig({})).toMatchObject({ nLayers: 32, dInner: 1536, dtRank: 48, ties: true });
  expect(mambaConfig({ hidden_size: 40 })).toMatchObject({ dInner: 80, dtRank: 3 });
});

test("the config that transformers 5 wrote is read with every key accounted for", async () => {
  const { config } = await readGolden("mamba-biases");
  expect(mambaConfig(config)).toMatchObject({ dInner: 16, convWidth: 3, activation: "gelu" });
});

test.each([
  ["dt_scale", 2],
  ["ssm_cfg", { layer: "Mamba2" }],
  ["rms_norm", false],
  ["hidden_act", "tanhshrink"],
])("%s = %j is refused", (key, value) => {
  expect(() => mambaConfig({ ...published, [key]: value })).toThrow(`config key "${key}" = `);
});

test("a size that contradicts the others is refused", () => {
  const json = { ...published, intermediate_size: 1024 };
  expect(() => mambaConfig(json)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: mambaConfig: config key "intermediate_size" = 1024 is not "expand" * "hidden_size" = 1536.]`,
  );
});
