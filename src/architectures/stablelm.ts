// StableLM 3B and 2 (Bellagente et al. 2024, arXiv:2402.17834): Llama's gated MLP under layer norms, rotary positions on a part of
// every head; the largest has attention and MLP side by side and normalises queries and keys.

import type { DecoderInputs } from "../network/prompt.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionParams, HeadFunction } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import type { GatedMlpParams, NormParams } from "../nn/layers.ts";
import { embedding, gatedMlp, layerNorm, linear } from "../nn/layers.ts";
import { stack } from "../runtime/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderFamily } from "./family.ts";
import { activationFunction, layerCache, linearEntries, normEntries } from "./family.ts";
import { parallelOnOneNorm, sequential } from "./residual.ts";
import { ropeTurn } from "./rope.ts";
import type { StableLmConfig } from "./stablelm-config.ts";
import { stablelmConfig } from "./stablelm-config.ts";

/** A gain for every head, [dHead] each. */
type HeadGains = readonly Pick<NormParams, "weight">[];

interface BlockParams {
  readonly ln1: NormParams;
  readonly attn: AttentionParams & {
    /** Norms of queries and keys, where the network has them. */
    readonly norm?: { readonly q: HeadGains; readonly k: HeadGains };
  };
  /** Absent where the MLP reads what attention reads. */
  readonly ln2?: NormParams;
  readonly mlp: GatedMlpParams;
}

/** Parameters of StableLM. Linear weights are [out, in]. */
export interface StableLmParams {
  /** [dVocab, dModel] */
  readonly embed: Tensor;
  readonly blocks: readonly BlockParams[];
  readonly lnFinal: NormParams;
  /** [dVocab, dModel]; absent when tied to `embed`. */
  readonly unembed?: Tensor;
}

/** Reads tokens into logits, [batch, pos, dVocab]. */
function stablelm(
  params: StableLmParams,
  inputs: DecoderInputs,
  tap: Tap,
  config: StableLmConfig,
): Tensor {
  const rotate = ropeTurn(inputs, config.rope);
  let x = tap("embed", embedding(inputs.tokens, params.embed));
  for (const [i, block] of params.blocks.entries()) {
    x = stablelmBlock(x, block, { inputs, config, rotate, layer: i }, tap.in(`blocks.${i}`));
  }
  const last = layerNorm(config.epsilon)(x, params.lnFinal, tap.in("ln_final"));
  return linear(last, { weight: params.unembed ?? params.embed });
}

interface BlockContext {
  readonly inputs: DecoderInputs;
  readonly config: StableLmConfig;
  readonly rotate: HeadFunction;
  readonly layer: number;
}

function stablelmBlock(
  x: Tensor,
  p: BlockParams,
  { inputs, config, rotate, layer }: BlockContext,
  tap: Tap,
): Tensor {
  const { nHeads, nKvHeads, dHead, epsilon } = config;
  const norm = layerNorm(epsilon);
  const activation = activationFunction(config.activation);
  const { norm: heads } = p.attn;
  const form = {
    nHeads,
    nKvHeads,
    dHead,
    norm: heads && { q: headNorm(heads.q, epsilon), k: headNorm(heads.k, epsilon) },
    rotate,
    mask: inputs.mask,
    cache: layerCache(inputs, layer),
  };
  const { ln2 } = p;
  const layers = {
    ln1: (own: Tensor) => norm(own, p.ln1, tap.in("ln1")),
    attn: (own: Tensor) => attention(own, p.attn, form, tap.in("attn")),
    mlp: (own: Tensor) => gatedMlp(own, p.mlp, activation, tap.in("mlp")),
  };
  if (ln2 === undefined) return parallelOnOneNorm(x, layers, tap);
  return sequential(x, { ...layers, ln2: (own) => norm(own, ln2, tap.in("ln2")) }, tap);
}

/** Layer norm of [batch, pos, head, dHead] with a gain for every head. */
function headNorm(gains: HeadGains, epsilon: number): HeadFunction {
  const gain = stack(
    gains.map(({ weight }) => weight),
    { axis: 0 },
  );
  return (x) => x.layerNorm(undefined, undefined, { epsilon }).mul(gain);
}

/** The family that config.json calls `StableLmForCausalLM`. */
export const stablelmFamily: DecoderFamily<StableLmConfig> = {
  architectures: ["StableLmForCausalLM"],
  kind: "decoder",
  config: stablelmConfig,
  forward: stablelm,
  layout: ({ nLayers, dModel, dVocab, ties, ...config }) => [
    { path: "embed", name: "model.embed_tokens.weight", shape: [dVocab, dModel] },
    ...Array.from({ length: nLayers }, (_, i) => {
      const { nHeads, nKvHeads, dHead, dMlp, qkvBias, isParallel, normsHeads } = config;
      const from = `model.layers.${i}`;
      const [to, attn] = [`blocks.${i}`, `${from}.self_attn`];
      const keys = [dModel, nKvHeads * dHead] as const;
      const gains = (own: string, count: number): ReturnType<typeof normEntries> =>
        Array.from({ length: normsHeads ? count : 0 }, (_head, head) =>
          normEntries(
            `${to}.attn.norm.${own}.${head}`,
            `${attn}.${own}_layernorm.norms.${head}`,
            dHead,
          ),
        ).flat();
      return [
        ...normEntries(`${to}.ln1`, `${from}.input_layernorm`, dModel, true),
        ...linearEntries(`${to}.attn.q`, `${attn}.q_proj`, [dModel, dModel], qkvBias),
        ...linearEntries(`${to}.attn.k`, `${attn}.k_proj`, keys, qkvBias),
        ...linearEntries(`${to}.attn.v`, `${attn}.v_proj`, keys, qkvBias),
        ...gains("q", nHeads),
        ...gains("k", nKvHeads),
        ...linearEntries(`${to}.attn.o`, `${attn}.o_proj`, [dModel, dModel]),
        ...(isParallel
          ? []
          : normEntries(`${to}.ln2`, `${from}.post_attention_layernorm`, dModel, true)),
        ...linearEntries(`${to}.mlp.gate`, `${from}.mlp.gate_proj`, [dModel, dMlp]),
        ...linearEntries(`${to}.mlp.in`, `${from}.mlp.up_proj`, [dModel, dMlp]),
        ...linearEntries(`${to}.mlp.out`, `${from}.mlp.down_proj`, [dMlp, dModel]),
      ];
    }).flat(),
    ...normEntries("lnFinal", "model.norm", dModel, true),
    ...(ties ? [] : [{ path: "unembed", name: "lm_head.weight", shape: [dVocab, dModel] }]),
  ],
  absent: {
    pos_embed: "StableLM has rotary positions and adds none to the stream",
    resid_mid: "its attention and MLP read the same stream, so there is none between them",
    "ln2.normalized": "its MLP reads ln1.normalized, as attention does",
    "attn.q_norm": "its queries are not normalised",
    "attn.k_norm": "its keys are not normalised",
  },
};
