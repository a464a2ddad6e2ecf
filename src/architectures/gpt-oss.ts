// gpt-oss (OpenAI 2025, arXiv:2508.10925): a rotary decoder with experts and biases everywhere, of which every other layer has a
// window, and heads that may look at nothing: each has a sink that takes part in the softmax.

import { z } from "zod";

import { readConfig } from "../core/config.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionParams } from "../nn/attention.ts";
import type { NormParams } from "../nn/layers.ts";
import type { HiddenUnits, MixtureParams } from "../nn/moe.ts";
import { mixtureOfExperts, softmaxOfChosen } from "../nn/moe.ts";
import { concat } from "../runtime/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { count } from "./common-config.ts";
import type { ExpertsConfig } from "./experts.ts";
import { denseAbsent, expertsLayout, routerIgnored } from "./experts.ts";
import type { DecoderFamily, ParamEntry } from "./family.ts";
import { linearEntries } from "./family.ts";
import type { Block } from "./llama.ts";
import { attentionEntries, preNormBlock, rotaryDecoder } from "./llama.ts";
import {
  layerWindows,
  llamaIgnored,
  llamaKeys,
  positive,
  readLlama,
  windowKeys,
} from "./llama-config.ts";

/** gpt-oss. */
export interface GptOssConfig extends ExpertsConfig {
  /** Hidden units of experts: the steepness of the gate's sigmoid, and the bound on both branches. */
  readonly swiglu: { readonly alpha: number; readonly limit: number };
  /** Whether experts are stored in four bits; they are [out, in] then. */
  readonly isPacked: boolean;
}

const { layer_types: layerTypes } = windowKeys;

const handled = {
  ...llamaKeys,
  layer_types: layerTypes,
  vocab_size: count.default(201088),
  hidden_size: count.default(2880),
  intermediate_size: count.default(2880),
  num_hidden_layers: count.default(36),
  num_attention_heads: count.default(64),
  num_key_value_heads: count.default(8),
  head_dim: count.multipleOf(2).default(64),
  max_position_embeddings: count.default(131072),
  rms_norm_eps: positive.default(1e-5),
  sliding_window: count.optional(),
  attention_bias: z.boolean().default(true),
  num_local_experts: count.default(128),
  num_experts_per_tok: count.default(4),
  swiglu_alpha: positive.default(1.702),
  swiglu_limit: positive.default(7),
  quantization_config: z
    .strictObject({
      quant_method: z.literal("mxfp4", { error: "expected mxfp4" }),
      modules_to_not_convert: z.array(z.string()).optional(),
    })
    .optional(),
};

const ignored = [
  ...llamaIgnored,
  ...routerIgnored,
  // OpenAI's names of what stands under those of transformers too
  "experts_per_token",
  "initial_context_length",
];

/**
 * Reads the `config.json` of a `GptOssForCausalLM`.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when sizes or layers do not fit together
 */
export function gptOssConfig(json: unknown, where = "gptOssConfig"): GptOssConfig {
  const config = readConfig(where, json, { handled, ignored });
  const { attention_bias: hasBias } = config;
  const windows = layerWindows(where, { ...config, use_sliding_window: true }, (i) => i % 2 === 0);
  const plain = readLlama(where, config, {
    biases: { qkv: hasBias, o: hasBias, mlp: true },
    layers: windows.map((window) => ({ rotates: true, window })),
    theta: 150000,
  });
  return {
    ...plain,
    mixture: {
      count: config.num_local_experts,
      k: config.num_experts_per_tok,
      dMlp: plain.dMlp,
    },
    isSparse: windows.map(() => true),
    swiglu: { alpha: config.swiglu_alpha, limit: config.swiglu_limit },
    isPacked: config.quantization_config !== undefined,
  };
}

interface BlockParams {
  readonly ln1: NormParams;
  /** `sinks` [head] is every head's score of looking at nothing. */
  readonly attn: AttentionParams & { readonly sinks: Tensor };
  readonly ln2: NormParams;
  readonly mlp: MixtureParams;
}

/**
 * Probabilities of keys beside a sink; site `sink` [batch, head, query, 1], its probability. Where an edit changes that, the keys
 * share the rest as they would without a sink.
 *
 * @source Xiao et al. 2023, arXiv:2309.17453; Miller 2023, "Attention is off by one"
 */
function besideSink(sinks: Tensor, tap: Tap): (scores: Tensor) => Tensor {
  return (scores) => {
    const [batch, nHeads, query, keys] = scores.shape as [number, number, number, number];
    const sinkScores = sinks.reshape([1, nHeads, 1, 1]).broadcastTo([batch, nHeads, query, 1]);
    const all = concat([scores, sinkScores], { axis: -1 }).softmax();
    const plain = all.slice({ axis: -1, start: keys });
    const sink = tap("sink", plain);
    if (sink === plain) return all.slice({ axis: -1, end: keys });
    return scores.softmax().mul(sink.mul(-1).add(1));
  };
}

/** Gates bounded above and linear branches bounded on both sides, around 1. */
function clampedSwiglu({ alpha, limit }: GptOssConfig["swiglu"]): HiddenUnits {
  return (gate, pre) => {
    const bounded = gate.minimum(limit);
    const open = bounded.mul(bounded.mul(alpha).sigmoid());
    return open.mul(pre.clip({ min: -limit, max: limit }).add(1));
  };
}

const block: Block<BlockParams, GptOssConfig> = (x, p, { config, form }, tap) => {
  const normalise = besideSink(p.attn.sinks, tap.in("attn"));
  return inner(x, p, { config, form: { ...form, normalise } }, tap);
};

const inner = preNormBlock((x: Tensor, p: MixtureParams, config: GptOssConfig, tap) =>
  mixtureOfExperts(
    x,
    p,
    { k: config.mixture.k, routing: softmaxOfChosen, hidden: clampedSwiglu(config.swiglu) },
    tap.in("moe"),
  ),
);

/** All experts lie in one tensor, [in, out] each as a rule; gates and linear branches take turns among the outputs. */
function expertStacks(to: string, from: string, config: GptOssConfig): ParamEntry[] {
  const { dModel, mixture, isPacked } = config;
  const { count: of, dMlp } = mixture;
  const file = `${from}.experts`;
  const layer = (
    path: string,
    name: string,
    [dIn, dOut]: readonly [number, number],
    place: Pick<ParamEntry, "stack" | "turn">,
  ): ParamEntry[] => [
    { path: `${path}.weight`, name, shape: [dOut, dIn], isTransposed: !isPacked, ...place },
    { path: `${path}.bias`, name: `${name}_bias`, shape: [dOut], ...place },
  ];
  const expert = (index: number): ParamEntry[] => {
    const own = `${to}.experts.${index}`;
    const stack = { index, of };
    const branch = (name: string, turn: number): ParamEntry[] =>
      layer(`${own}.${name}`, `${file}.gate_up_proj`, [dModel, dMlp], {
        stack,
        turn: { index: turn, of: 2, groups: dMlp },
      });
    return [
      ...branch("gate", 0),
      ...branch("in", 1),
      ...layer(`${own}.out`, `${file}.down_proj`, [dMlp, dModel], { stack }),
    ];
  };
  return [
    ...linearEntries(`${to}.router`, `${from}.router`, [dModel, of], true),
    ...Array.from({ length: of }, (_, i) => expert(i)).flat(),
  ];
}

/** The family that config.json calls `GptOssForCausalLM`. */
export const gptOssFamily: DecoderFamily<GptOssConfig> = {
  architectures: ["GptOssForCausalLM"],
  kind: "decoder",
  config: gptOssConfig,
  forward: rotaryDecoder(block),
  layout: (config) =>
    expertsLayout(
      config,
      (to, from) => expertStacks(to, `${from}.mlp`, config),
      (to, from) => [
        ...attentionEntries(to, from, config),
        { path: `${to}.attn.sinks`, name: `${from}.self_attn.sinks`, shape: [config.nHeads] },
      ],
    ),
  absent: denseAbsent,
};
