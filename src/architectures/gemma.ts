// Gemma 1-3 (Gemma Team 2024, arXiv:2403.08295 and arXiv:2408.00118; 2025, arXiv:2503.19786): scaled embeddings, gains stored
// as what they are above 1, tanh-GELU gates. From Gemma 2 on what a module writes is normalised too and layers take turns in
// looking back a short way or all the way; Gemma 2 bounds scores and logits, Gemma 3 normalises queries and keys instead.

import type { DecoderInputs } from "../network/prompt.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionForm, HeadFunction } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import type { GatedMlpParams, Norm, NormParams } from "../nn/layers.ts";
import { embedding, gatedMlp, linear, rmsNorm } from "../nn/layers.ts";
import { slidingWindow } from "../nn/masks.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderFamily, ParamEntry } from "./family.ts";
import { activationFunction, layerCache, normEntries } from "./family.ts";
import type { GemmaConfig, LayerKind } from "./gemma-config.ts";
import { gemma2Config, gemma3Config, gemma3VisionConfig, gemmaConfig } from "./gemma-config.ts";
import type { NormedAttentionParams, RotaryParams } from "./llama.ts";
import {
  attentionEntries,
  gatedMlpEntries,
  queryKeyNormEntries,
  rotaryAbsent,
  rotaryLayout,
} from "./llama.ts";
import { sequential } from "./residual.ts";
import { ropeTurn } from "./rope.ts";

interface BlockParams {
  readonly ln1: NormParams;
  readonly attn: NormedAttentionParams;
  /** Norm of what attention writes (from Gemma 2 on). */
  readonly ln1Post?: NormParams;
  readonly ln2: NormParams;
  readonly mlp: GatedMlpParams;
  /** Norm of what the MLP writes (from Gemma 2 on). */
  readonly ln2Post?: NormParams;
}

/** Parameters of Gemma. Gains are as stored, 1 too small. */
export type GemmaParams = RotaryParams<BlockParams>;

/** Reads tokens into logits, [batch, pos, dVocab]. */
function gemma(params: GemmaParams, inputs: DecoderInputs, tap: Tap, config: GemmaConfig): Tensor {
  const { layers, dModel, epsilon, logitCap } = config;
  const views = new Map([...new Set(layers)].map((kind) => [kind, viewOf(kind, inputs)]));
  let x = tap("embed", embedding(inputs.tokens, params.embed).mul(Math.sqrt(dModel)));
  for (const [i, block] of params.blocks.entries()) {
    const form = {
      ...formOf(config),
      ...views.get(layers[i]!)!,
      cache: layerCache(inputs, i),
    };
    x = gemmaBlock(x, block, { config, form }, tap.in(`blocks.${i}`));
  }
  const last = gainAboveOne(epsilon)(x, params.lnFinal, tap.in("ln_final"));
  const unembed = { weight: params.unembed ?? params.embed };
  if (logitCap === null) return linear(last, unembed);
  return linear(last.mul(1 / logitCap), unembed)
    .tanh()
    .mul(logitCap);
}

/** What layers of one kind share: how positions turn heads, and who sees whom. */
interface View {
  readonly rotate: HeadFunction;
  readonly mask: Tensor;
}

function viewOf({ rope, window }: LayerKind, inputs: DecoderInputs): View {
  const { positions, keyPositions, mask } = inputs;
  return {
    rotate: ropeTurn(inputs, rope),
    mask: window === null ? mask : slidingWindow(mask, positions, keyPositions, window),
  };
}

/** What all layers share. */
function formOf(config: GemmaConfig): Omit<AttentionForm, "mask"> {
  const { nHeads, nKvHeads, dHead, scoreScale: scale, scoreCap: cap } = config;
  const sizes = { nHeads, nKvHeads, dHead };
  if (cap === null) return { ...sizes, scale };
  // dividing by the bound is left to the scale, which costs nothing more
  return { ...sizes, scale: scale / cap, cap: (scores) => scores.tanh().mul(cap) };
}

interface BlockContext {
  readonly config: GemmaConfig;
  readonly form: AttentionForm;
}

function gemmaBlock(x: Tensor, p: BlockParams, { config, form }: BlockContext, tap: Tap): Tensor {
  const norm = gainAboveOne(config.epsilon);
  const activation = activationFunction(config.activation);
  const { qNorm, kNorm } = p.attn;
  const headNorm = qNorm &&
    kNorm && { q: (q: Tensor) => norm(q, qNorm), k: (k: Tensor) => norm(k, kNorm) };
  /** The output of a module, or its normalised form where there is a norm for it. */
  const after = (module: Tap, post: Tap, raw: Tensor, params: NormParams | undefined): Tensor =>
    params === undefined ? raw : norm(module("raw_out", raw), params, post);
  const layers = {
    ln1: (own: Tensor) => norm(own, p.ln1, tap.in("ln1")),
    attn: (own: Tensor) => {
      const raw = attention(own, p.attn, { ...form, norm: headNorm }, tap.in("attn"));
      return after(tap.in("attn"), tap.in("ln1_post"), raw, p.ln1Post);
    },
    ln2: (own: Tensor) => norm(own, p.ln2, tap.in("ln2")),
    mlp: (own: Tensor) => {
      const raw = gatedMlp(own, p.mlp, activation, tap.in("mlp"));
      return after(tap.in("mlp"), tap.in("ln2_post"), raw, p.ln2Post);
    },
  };
  return sequential(x, layers, tap);
}

/** Root-mean-square normalisation whose gain is 1 more than its parameter. */
function gainAboveOne(epsilon: number): Norm {
  const norm = rmsNorm(epsilon);
  return (x, { weight }, tap) => norm(x, { weight: weight.add(1) }, tap);
}

/** Names in the file of a block's norms of the stream, by their place in the tree. */
type NormNames = Readonly<Record<string, string>>;

function blockEntries(
  to: string,
  from: string,
  config: GemmaConfig,
  norms: NormNames,
): ParamEntry[] {
  return [
    ...Object.entries(norms).flatMap(([own, name]) =>
      normEntries(`${to}.${own}`, `${from}.${name}`, config.dModel),
    ),
    ...attentionEntries(to, from, config),
    ...gatedMlpEntries(to, from, config),
  ];
}

function layout(config: GemmaConfig, norms: NormNames): ParamEntry[] {
  return rotaryLayout(config, (to, from) => blockEntries(to, from, config, norms));
}

/** The layout of Gemma 3, which has norms for queries and keys too. */
function gemma3Layout(config: GemmaConfig): ParamEntry[] {
  const { dHead } = config;
  return rotaryLayout(config, (to, from) => [
    ...blockEntries(to, from, config, normsAround),
    ...queryKeyNormEntries(to, from, [dHead, dHead]),
  ]);
}

const normsBefore = { ln1: "input_layernorm", ln2: "post_attention_layernorm" };

const normsAround = {
  ln1: "input_layernorm",
  ln1Post: "post_attention_layernorm",
  ln2: "pre_feedforward_layernorm",
  ln2Post: "post_feedforward_layernorm",
};

const noHeadNorms = {
  "attn.q_norm": "it does not normalise queries",
  "attn.k_norm": "it does not normalise keys",
};

/** The family that config.json calls `GemmaForCausalLM`. */
export const gemmaFamily: DecoderFamily<GemmaConfig> = {
  architectures: ["GemmaForCausalLM"],
  kind: "decoder",
  config: gemmaConfig,
  layout: (config) => layout(config, normsBefore),
  forward: gemma,
  absent: {
    ...rotaryAbsent,
    ...noHeadNorms,
    "attn.raw_out": "it does not normalise what attention writes: see attn_out",
    "ln1_post.normalized": "it does not normalise what attention writes",
    "mlp.raw_out": "it does not normalise what the MLP writes: see mlp_out",
    "ln2_post.normalized": "it does not normalise what the MLP writes",
  },
};

/** The family that config.json calls `Gemma2ForCausalLM`. */
export const gemma2Family: DecoderFamily<GemmaConfig> = {
  architectures: ["Gemma2ForCausalLM"],
  kind: "decoder",
  config: gemma2Config,
  layout: (config) => layout(config, normsAround),
  forward: gemma,
  absent: { ...rotaryAbsent, ...noHeadNorms },
};

/** The family that config.json calls `Gemma3ForCausalLM`. */
export const gemma3Family: DecoderFamily<GemmaConfig> = {
  architectures: ["Gemma3ForCausalLM"],
  kind: "decoder",
  config: gemma3Config,
  layout: gemma3Layout,
  forward: gemma,
  absent: rotaryAbsent,
};

/**
 * The family that config.json calls `Gemma3ForConditionalGeneration`: of it the language network, which reads text as
 * `Gemma3ForCausalLM` does. Its eyes are left in the file.
 */
export const gemma3VisionFamily: DecoderFamily<GemmaConfig> = {
  architectures: ["Gemma3ForConditionalGeneration"],
  kind: "decoder",
  config: gemma3VisionConfig,
  layout: (config) =>
    gemma3Layout(config).map((entry) => ({ ...entry, name: `language_model.${entry.name}` })),
  forward: gemma,
  unused: /^(?:vision_tower|multi_modal_projector)\./,
  absent: rotaryAbsent,
};
