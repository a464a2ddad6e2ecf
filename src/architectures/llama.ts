// Llama 1-3 (Touvron et al. 2023, arXiv:2302.13971): rotary positions, RMS norm, gated SiLU MLP, grouped heads. Its relatives are
// the same function with other values layer by layer, or with another block.

import type { DecoderInputs } from "../network/prompt.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionForm, AttentionParams, HeadFunction } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import type { GatedMlpParams, Norm, NormParams } from "../nn/layers.ts";
import { embedding, gatedMlp, linear, rmsNorm } from "../nn/layers.ts";
import { slidingWindow } from "../nn/masks.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderFamily, ParamEntry } from "./family.ts";
import { activationFunction, layerCache, linearEntries, normEntries } from "./family.ts";
import type { LlamaConfig } from "./llama-config.ts";
import { llamaConfig } from "./llama-config.ts";
import { ropeTurn } from "./rope.ts";

/** Parameters of a rotary decoder, by those of its blocks. Linear weights are [out, in]. */
export interface RotaryParams<BlockParams> {
  /** [dVocab, dModel] */
  readonly embed: Tensor;
  readonly blocks: readonly BlockParams[];
  readonly lnFinal: NormParams;
  /** [dVocab, dModel]; absent when tied to `embed`. */
  readonly unembed?: Tensor;
}

/** Attention whose queries and keys may be normalised: gains [dHead], or [heads * dHead]. */
export interface NormedAttentionParams extends AttentionParams {
  readonly qNorm?: NormParams;
  readonly kNorm?: NormParams;
}

/** What a block is given beside the stream and its parameters. */
export interface BlockContext<Config> {
  readonly config: Config;
  /** How its attention works. */
  readonly form: AttentionForm;
}

/** The residual stream after a block from that before it, [batch, pos, dModel]. */
export type Block<Params, Config = LlamaConfig> = (
  x: Tensor,
  params: Params,
  context: BlockContext<Config>,
  tap: Tap,
) => Tensor;

/** A decoder with rotary positions from its block: tokens to logits, [batch, pos, dVocab]. */
export function rotaryDecoder<Params, Config extends LlamaConfig>(
  block: Block<Params, Config>,
): (params: RotaryParams<Params>, inputs: DecoderInputs, tap: Tap, config: Config) => Tensor {
  return (params, inputs, tap, config) => {
    const { scales, epsilon } = config;
    const formOf = attentionForms(inputs, config);
    const embedded = inputs.embedded ?? embedding(inputs.tokens, params.embed);
    let x = tap("embed", scaled(embedded, scales.embed));
    for (const [i, own] of params.blocks.entries()) {
      x = block(x, own, { config, form: formOf(i) }, tap.in(`blocks.${i}`));
    }
    const last = rmsNorm(epsilon)(x, params.lnFinal, tap.in("ln_final"));
    // the same as scaling logits, on fewer numbers
    return linear(scaled(last, scales.logits), { weight: params.unembed ?? params.embed });
  };
}

/** How each layer attends; what layers share is traced once. */
function attentionForms(
  inputs: DecoderInputs,
  { nHeads, nKvHeads, dHead, rope, layers, scales }: LlamaConfig,
): (layer: number) => AttentionForm {
  const rotate = ropeTurn(inputs, rope);
  const masks = new Map<number | null, Tensor>([[null, inputs.mask]]);
  for (const { window } of layers) {
    if (window === null || masks.has(window)) continue;
    masks.set(window, slidingWindow(inputs.mask, inputs.positions, inputs.keyPositions, window));
  }
  return (layer) => {
    const { rotates, window } = layers[layer]!;
    return {
      nHeads,
      nKvHeads,
      dHead,
      scale: scales.scores,
      rotate: rotates ? rotate : undefined,
      mask: masks.get(window)!,
      cache: layerCache(inputs, layer),
    };
  };
}

/** `x * factor`, and `x` itself where that is 1. */
export function scaled(x: Tensor, factor: number): Tensor {
  return factor === 1 ? x : x.mul(factor);
}

/** Parameters of a block that normalises what its modules read. */
export interface PreNormParams<Mlp = GatedMlpParams> {
  readonly ln1: NormParams;
  readonly attn: NormedAttentionParams;
  readonly ln2: NormParams;
  readonly mlp: Mlp;
}

/** What follows attention in a block: [batch, pos, dModel] to the same. Its sites lie below the block's tap. */
export type FeedForward<Params, Config = LlamaConfig> = (
  x: Tensor,
  params: Params,
  config: Config,
  tap: Tap,
) => Tensor;

/** Normalises every head with a gain [dHead], or all heads at once with one [heads * dHead]. */
export function headsNorm(norm: Norm, gain: NormParams): HeadFunction {
  return (heads) =>
    gain.weight.size === heads.shape.at(-1)
      ? norm(heads, gain)
      : norm(heads.reshape([...heads.shape.slice(0, 2), -1]), gain).reshape(heads.shape);
}

/** A block that normalises what its modules read, from what follows attention. */
export function preNormBlock<Mlp, Config extends LlamaConfig>(
  feedForward: FeedForward<Mlp, Config>,
): Block<PreNormParams<Mlp>, Config> {
  return (x, p, { config, form }, tap) => {
    const norm = rmsNorm(config.epsilon);
    const { residual } = config.scales;
    const { qNorm, kNorm } = p.attn;
    const headNorm = qNorm && kNorm && { q: headsNorm(norm, qNorm), k: headsNorm(norm, kNorm) };

    // what a module gives and what it adds to the stream are two values only where they differ
    const written = (name: "attn" | "mlp", out: Tensor): Tensor =>
      tap(`${name}_out`, residual === 1 ? out : tap(`${name}.raw_out`, out).mul(residual));

    x = tap("resid_pre", x);
    const ln1 = norm(x, p.ln1, tap.in("ln1"));
    const attnOut = attention(ln1, p.attn, { ...form, norm: headNorm }, tap.in("attn"));
    x = tap("resid_mid", x.add(written("attn", attnOut)));
    const mlpOut = feedForward(norm(x, p.ln2, tap.in("ln2")), p.mlp, config, tap);
    return tap("resid_post", x.add(written("mlp", mlpOut)));
  };
}

/** Parameters of Llama. */
export type LlamaParams = RotaryParams<PreNormParams>;

/** Reads tokens into logits, [batch, pos, dVocab]. */
export const llama = rotaryDecoder(
  preNormBlock((x: Tensor, p: GatedMlpParams, { activation }: LlamaConfig, tap) =>
    gatedMlp(x, p, activationFunction(activation), tap.in("mlp")),
  ),
);

/** Where the parameters of a rotary decoder lie, from those of a block `to` in the tree and `from` in the file. */
export function rotaryLayout(
  { nLayers, dModel, dVocab, ties }: Pick<LlamaConfig, "nLayers" | "dModel" | "dVocab" | "ties">,
  block: (to: string, from: string, layer: number) => readonly ParamEntry[],
): ParamEntry[] {
  return [
    { path: "embed", name: "model.embed_tokens.weight", shape: [dVocab, dModel] },
    ...Array.from({ length: nLayers }, (_, i) =>
      block(`blocks.${i}`, `model.layers.${i}`, i),
    ).flat(),
    ...normEntries("lnFinal", "model.norm", dModel),
    ...(ties ? [] : [{ path: "unembed", name: "lm_head.weight", shape: [dVocab, dModel] }]),
  ];
}

/** Where the projections of a block's attention lie. */
export function attentionEntries(
  to: string,
  from: string,
  config: Pick<LlamaConfig, "nHeads" | "nKvHeads" | "dHead" | "dModel" | "biases">,
): ParamEntry[] {
  const { nHeads, nKvHeads, dHead, dModel, biases } = config;
  const [wide, narrow] = [nHeads * dHead, nKvHeads * dHead];
  const entries = (
    own: "q" | "k" | "v" | "o",
    sizes: readonly [number, number],
    hasBias: boolean,
  ): ParamEntry[] =>
    linearEntries(`${to}.attn.${own}`, `${from}.self_attn.${own}_proj`, sizes, hasBias);
  return [
    ...entries("q", [dModel, wide], biases.qkv),
    ...entries("k", [dModel, narrow], biases.qkv),
    ...entries("v", [dModel, narrow], biases.qkv),
    ...entries("o", [wide, dModel], biases.o),
  ];
}

/** Where the projections of a block's gated MLP lie. */
export function gatedMlpEntries(
  to: string,
  from: string,
  { dModel, dMlp, biases }: Pick<LlamaConfig, "dModel" | "dMlp" | "biases">,
): ParamEntry[] {
  return [
    ...linearEntries(`${to}.mlp.gate`, `${from}.mlp.gate_proj`, [dModel, dMlp], biases.mlp),
    ...linearEntries(`${to}.mlp.in`, `${from}.mlp.up_proj`, [dModel, dMlp], biases.mlp),
    ...linearEntries(`${to}.mlp.out`, `${from}.mlp.down_proj`, [dMlp, dModel], biases.mlp),
  ];
}

/** Where the gains of norms over queries and keys lie, from how many numbers each one normalises. */
export function queryKeyNormEntries(
  to: string,
  from: string,
  [q, k]: readonly [number, number],
): ParamEntry[] {
  return [
    ...normEntries(`${to}.attn.qNorm`, `${from}.self_attn.q_norm`, q),
    ...normEntries(`${to}.attn.kNorm`, `${from}.self_attn.k_norm`, k),
  ];
}

/** Where the parameters of a block of Llama lie. */
export function llamaBlockEntries(to: string, from: string, config: LlamaConfig): ParamEntry[] {
  return [
    ...normEntries(`${to}.ln1`, `${from}.input_layernorm`, config.dModel),
    ...attentionEntries(to, from, config),
    ...normEntries(`${to}.ln2`, `${from}.post_attention_layernorm`, config.dModel),
    ...gatedMlpEntries(to, from, config),
  ];
}

/** Where the parameters of Llama, and of relatives that store the same, lie. */
export function llamaLayout(config: LlamaConfig): ParamEntry[] {
  return rotaryLayout(config, (to, from) => llamaBlockEntries(to, from, config));
}

/** Why a rotary decoder has no position embeddings in its stream. */
export const rotaryAbsent = {
  pos_embed: "rotary positions turn queries and keys, and nothing is added to the stream",
};

/** The family that config.json calls `LlamaForCausalLM`. */
export const llamaFamily: DecoderFamily<LlamaConfig> = {
  architectures: ["LlamaForCausalLM"],
  kind: "decoder",
  config: llamaConfig,
  forward: llama,
  layout: llamaLayout,
  absent: rotaryAbsent,
};
