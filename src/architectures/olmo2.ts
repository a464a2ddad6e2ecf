// OLMo 2 (OLMo Team 2025, arXiv:2501.00656): a rotary decoder that normalises what its modules write in place of what they read,
// and queries and keys over all heads at once.

import { z } from "zod";

import { readConfig } from "../core/config.ts";
import type { Tap } from "../network/tap.ts";
import { attention } from "../nn/attention.ts";
import type { GatedMlpParams, NormParams } from "../nn/layers.ts";
import { gatedMlp, rmsNorm } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { count } from "./common-config.ts";
import type { DecoderFamily } from "./family.ts";
import { activationFunction, normEntries } from "./family.ts";
import type { BlockContext, NormedAttentionParams } from "./llama.ts";
import {
  attentionEntries,
  gatedMlpEntries,
  headsNorm,
  queryKeyNormEntries,
  rotaryAbsent,
  rotaryDecoder,
  rotaryLayout,
} from "./llama.ts";
import type { LlamaConfig } from "./llama-config.ts";
import { llamaIgnored, llamaKeys, positive, readLlama } from "./llama-config.ts";

const handled = {
  ...llamaKeys,
  vocab_size: count.default(50304),
  rms_norm_eps: positive.default(1e-5),
  attention_bias: z.boolean().default(false),
};

/**
 * Reads the `config.json` of an `Olmo2ForCausalLM`.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when one size does not divide another
 */
export function olmo2Config(json: unknown, where = "olmo2Config"): LlamaConfig {
  const config = readConfig(where, json, { handled, ignored: llamaIgnored });
  const { attention_bias: hasBias } = config;
  return readLlama(where, config, { biases: { qkv: hasBias, o: hasBias, mlp: false } });
}

interface BlockParams {
  /** Its gains of queries and keys are [heads * dHead]. */
  readonly attn: Required<NormedAttentionParams>;
  readonly ln1Post: NormParams;
  readonly mlp: GatedMlpParams;
  readonly ln2Post: NormParams;
}

function postNormBlock(
  x: Tensor,
  p: BlockParams,
  { config, form }: BlockContext<LlamaConfig>,
  tap: Tap,
): Tensor {
  const norm = rmsNorm(config.epsilon);
  const own = {
    ...form,
    norm: { q: headsNorm(norm, p.attn.qNorm), k: headsNorm(norm, p.attn.kNorm) },
  };

  x = tap("resid_pre", x);
  const attnOut = tap("attn.raw_out", attention(x, p.attn, own, tap.in("attn")));
  x = x.add(tap("attn_out", norm(attnOut, p.ln1Post, tap.in("ln1_post"))));
  x = tap("resid_mid", x);
  const activation = activationFunction(config.activation);
  const mlpOut = tap("mlp.raw_out", gatedMlp(x, p.mlp, activation, tap.in("mlp")));
  return tap("resid_post", x.add(tap("mlp_out", norm(mlpOut, p.ln2Post, tap.in("ln2_post")))));
}

/** The family that config.json calls `Olmo2ForCausalLM`. */
export const olmo2Family: DecoderFamily<LlamaConfig> = {
  architectures: ["Olmo2ForCausalLM"],
  kind: "decoder",
  config: olmo2Config,
  forward: rotaryDecoder(postNormBlock),
  layout: (config) =>
    rotaryLayout(config, (to, from) => [
      ...attentionEntries(to, from, config),
      ...queryKeyNormEntries(to, from, [
        config.nHeads * config.dHead,
        config.nKvHeads * config.dHead,
      ]),
      ...normEntries(`${to}.ln1Post`, `${from}.post_attention_layernorm`, config.dModel),
      ...gatedMlpEntries(to, from, config),
      ...normEntries(`${to}.ln2Post`, `${from}.post_feedforward_layernorm`, config.dModel),
    ]),
  absent: {
    ...rotaryAbsent,
    "ln1.normalized":
      "attention reads the stream as it is, and its output is normalised: see ln1_post",
    "ln2.normalized":
      "the MLP reads the stream as it is, and its output is normalised: see ln2_post",
  },
};
