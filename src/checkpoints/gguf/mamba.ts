// How llama.cpp stores state-space networks.

import type { GgufArchitecture } from "./config.ts";
import type { Facts } from "./facts.ts";
import type { TensorTable } from "./names.ts";
import { blocks } from "./names.ts";
import { flat, kernels, logOfMinus, withoutOnes } from "./undo.ts";

const keys = {
  block_count: "num_hidden_layers",
  embedding_length: "hidden_size",
  "ssm.conv_kernel": "conv_kernel",
  "ssm.state_size": "state_size",
  "attention.layer_norm_rms_epsilon": "layer_norm_epsilon",
};

const constants = { hidden_act: "silu", use_bias: false, use_conv_bias: true };

/** Written for llama.cpp's sake; these networks have no attention, no MLP and no longest text. */
const ignored = ["context_length", "feed_forward_length", "attention.head_count"];

const outer: TensorTable = {
  token_embd: "backbone.embeddings",
  output_norm: "backbone.norm_f",
  output: "lm_head",
};

const mixer: TensorTable = {
  attn_norm: "norm",
  ssm_in: "mixer.in_proj",
  ssm_out: "mixer.out_proj",
  "ssm_conv1d.weight": ["mixer.conv1d.weight", kernels],
  "ssm_conv1d.bias": "mixer.conv1d.bias",
  ssm_a: ["mixer.A_log", logOfMinus],
  ssm_d: ["mixer.D", withoutOnes],
};

const mamba: GgufArchitecture = {
  architecture: "MambaForCausalLM",
  modelType: "mamba",
  keys: { ...keys, "ssm.inner_size": "intermediate_size", "ssm.time_step_rank": "time_step_rank" },
  constants,
  more: (facts) => {
    facts.only("ssm.dt_b_c_rms", false);
    return { expand: expansion(facts) };
  },
  ignored,
  tensors: {
    ...outer,
    ...blocks("backbone.layers", { ...mixer, ssm_x: "mixer.x_proj", ssm_dt: "mixer.dt_proj" }),
  },
};

const mamba2: GgufArchitecture = {
  architecture: "Mamba2ForCausalLM",
  modelType: "mamba2",
  keys: { ...keys, "ssm.time_step_rank": "num_heads", "ssm.group_count": "n_groups" },
  constants,
  more: (facts) => ({
    expand: expansion(facts),
    head_dim: facts.number("ssm.inner_size") / facts.number("ssm.time_step_rank"),
  }),
  ignored,
  tensors: {
    ...outer,
    ...blocks("backbone.layers", {
      ...mixer,
      "ssm_dt.bias": "mixer.dt_bias",
      ssm_norm: ["mixer.norm", flat],
    }),
  },
};

function expansion(facts: Facts): number {
  return facts.number("ssm.inner_size") / facts.number("embedding_length");
}

/** By llama.cpp's names. */
export const stateSpaces: Readonly<Record<string, GgufArchitecture>> = { mamba, mamba2 };
