// Llama 1-3 (Touvron et al. 2023, arXiv:2302.13971): rotary positions, RMS norm, gated SiLU MLP, grouped heads.

import type { DecoderInputs } from "../network/prompt.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionParams } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import type { GatedMlpParams, NormParams } from "../nn/layers.ts";
import { embedding, gatedMlp, linear, rmsNorm } from "../nn/layers.ts";
import type { Rotary } from "../nn/rotary.ts";
import { rotate, rotaryAngles } from "../nn/rotary.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderFamily } from "./family.ts";
import { activationFunction, layerCache, linearEntries, normEntries } from "./family.ts";
import type { Llama3Scaling, LlamaConfig } from "./llama-config.ts";
import { llamaConfig } from "./llama-config.ts";

interface BlockParams {
  readonly ln1: NormParams;
  readonly attn: AttentionParams;
  readonly ln2: NormParams;
  readonly mlp: GatedMlpParams;
}

/** Parameters of Llama. Linear weights are [out, in]. */
export interface LlamaParams {
  /** [dVocab, dModel] */
  readonly embed: Tensor;
  readonly blocks: readonly BlockParams[];
  readonly lnFinal: NormParams;
  /** [dVocab, dModel]; absent when tied to `embed`. */
  readonly unembed?: Tensor;
}

/** Reads tokens into logits, [batch, pos, dVocab]. */
export function llama(
  params: LlamaParams,
  inputs: DecoderInputs,
  tap: Tap,
  config: LlamaConfig,
): Tensor {
  const rotary = rotaryAngles(inputs.positions, rotaryFrequencies(config));
  let x = tap("embed", embedding(inputs.tokens, params.embed));
  for (const [i, block] of params.blocks.entries()) {
    x = llamaBlock(x, block, { inputs, config, rotary, layer: i }, tap.in(`blocks.${i}`));
  }
  const last = rmsNorm(config.epsilon)(x, params.lnFinal, tap.in("ln_final"));
  return linear(last, { weight: params.unembed ?? params.embed });
}

interface BlockContext {
  readonly inputs: DecoderInputs;
  readonly config: LlamaConfig;
  readonly rotary: Rotary;
  readonly layer: number;
}

function llamaBlock(
  x: Tensor,
  p: BlockParams,
  { inputs, config, rotary, layer }: BlockContext,
  tap: Tap,
): Tensor {
  const norm = rmsNorm(config.epsilon);
  const { nHeads, nKvHeads, dHead } = config;
  const form = {
    nHeads,
    nKvHeads,
    dHead,
    rotate: (heads: Tensor) => rotate(heads, rotary),
    mask: inputs.mask,
    cache: layerCache(inputs, layer),
  };

  x = tap("resid_pre", x);
  x = tap(
    "resid_mid",
    x.add(tap("attn_out", attention(norm(x, p.ln1, tap.in("ln1")), p.attn, form, tap.in("attn")))),
  );
  const activation = activationFunction(config.activation);
  const mlpOut = gatedMlp(norm(x, p.ln2, tap.in("ln2")), p.mlp, activation, tap.in("mlp"));
  return tap("resid_post", x.add(tap("mlp_out", mlpOut)));
}

/** Radians a position for every pair of a head, [dHead / 2]. */
function rotaryFrequencies({ dHead, ropeTheta, ropeScaling }: LlamaConfig): Float32Array {
  return Float32Array.from({ length: dHead / 2 }, (_, i) => {
    const frequency = ropeTheta ** ((-2 * i) / dHead);
    return ropeScaling === null ? frequency : scaledFrequency(frequency, ropeScaling);
  });
}

/**
 * Slows down the pairs that turn less than once in the context the network was trained on first (Llama 3.1).
 *
 * Fast pairs stay, slow ones are divided by `factor`, and those between are interpolated by turns in that context.
 */
function scaledFrequency(frequency: number, scaling: Llama3Scaling): number {
  const { factor, lowFreqFactor, highFreqFactor, originalContext } = scaling;
  const turns = (originalContext * frequency) / (2 * Math.PI);
  if (turns > highFreqFactor) return frequency;
  if (turns < lowFreqFactor) return frequency / factor;
  const share = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return share * frequency + ((1 - share) * frequency) / factor;
}

/** The family that config.json calls `LlamaForCausalLM`. */
export const llamaFamily: DecoderFamily<LlamaConfig> = {
  architectures: ["LlamaForCausalLM"],
  kind: "decoder",
  config: llamaConfig,
  forward: llama,
  layout: ({
    nLayers,
    nHeads,
    nKvHeads,
    dModel,
    dHead,
    dMlp,
    dVocab,
    attentionBias,
    mlpBias,
    ties,
  }) => [
    { path: "embed", name: "model.embed_tokens.weight", shape: [dVocab, dModel] },
    ...Array.from({ length: nLayers }, (_, i) => {
      const from = `model.layers.${i}`;
      const to = `blocks.${i}`;
      const attn = (
        own: string,
        name: string,
        sizes: readonly [number, number],
      ): ReturnType<typeof linearEntries> =>
        linearEntries(`${to}.attn.${own}`, `${from}.self_attn.${name}`, sizes, attentionBias);
      const mlp = (
        own: string,
        name: string,
        sizes: readonly [number, number],
      ): ReturnType<typeof linearEntries> =>
        linearEntries(`${to}.mlp.${own}`, `${from}.mlp.${name}`, sizes, mlpBias);
      return [
        ...normEntries(`${to}.ln1`, `${from}.input_layernorm`, dModel),
        ...attn("q", "q_proj", [dModel, nHeads * dHead]),
        ...attn("k", "k_proj", [dModel, nKvHeads * dHead]),
        ...attn("v", "v_proj", [dModel, nKvHeads * dHead]),
        ...attn("o", "o_proj", [nHeads * dHead, dModel]),
        ...normEntries(`${to}.ln2`, `${from}.post_attention_layernorm`, dModel),
        ...mlp("gate", "gate_proj", [dModel, dMlp]),
        ...mlp("in", "up_proj", [dModel, dMlp]),
        ...mlp("out", "down_proj", [dMlp, dModel]),
      ];
    }).flat(),
    ...normEntries("lnFinal", "model.norm", dModel),
    ...(ties ? [] : [{ path: "unembed", name: "lm_head.weight", shape: [dVocab, dModel] }]),
  ],
  absent: { pos_embed: "Llama has rotary positions and adds none to the stream" },
};
