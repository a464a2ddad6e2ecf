// Phi-1, 1.5 and 2 (Gunasekar et al. 2023, arXiv:2306.11644; Li et al. 2023, arXiv:2309.05463): attention and MLP side by side
// behind one layer norm, rotary positions on a part of every head, biases everywhere, the unembedding included.

import type { DecoderInputs } from "../network/prompt.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionParams, HeadFunction } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import type { MlpParams, NormParams } from "../nn/layers.ts";
import { embedding, layerNorm, linear, mlp } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderFamily } from "./family.ts";
import { activationFunction, layerCache, linearEntries, normEntries } from "./family.ts";
import type { PhiConfig } from "./phi-config.ts";
import { phiConfig } from "./phi-config.ts";
import { parallelOnOneNorm } from "./residual.ts";
import { ropeTurn } from "./rope.ts";

interface BlockParams {
  readonly ln1: NormParams;
  readonly attn: AttentionParams & {
    /** Norms of every query and key, [dHead], where the network has them. */
    readonly norm?: { readonly q: NormParams; readonly k: NormParams };
  };
  readonly mlp: MlpParams;
}

/** Parameters of Phi. Linear weights are [out, in]. */
export interface PhiParams {
  /** [dVocab, dModel] */
  readonly embed: Tensor;
  readonly blocks: readonly BlockParams[];
  readonly lnFinal: NormParams;
  /** [dVocab, dModel], absent when tied to `embed`, and [dVocab]. */
  readonly unembed: { readonly weight?: Tensor; readonly bias: Tensor };
}

/** Reads tokens into logits, [batch, pos, dVocab]. */
function phi(params: PhiParams, inputs: DecoderInputs, tap: Tap, config: PhiConfig): Tensor {
  const rotate = ropeTurn(inputs, config.rope);
  let x = tap("embed", embedding(inputs.tokens, params.embed));
  for (const [i, block] of params.blocks.entries()) {
    x = phiBlock(x, block, { inputs, config, rotate, layer: i }, tap.in(`blocks.${i}`));
  }
  const last = layerNorm(config.epsilon)(x, params.lnFinal, tap.in("ln_final"));
  const { weight = params.embed, bias } = params.unembed;
  return linear(last, { weight, bias });
}

interface BlockContext {
  readonly inputs: DecoderInputs;
  readonly config: PhiConfig;
  readonly rotate: HeadFunction;
  readonly layer: number;
}

function phiBlock(
  x: Tensor,
  p: BlockParams,
  { inputs, config, rotate, layer }: BlockContext,
  tap: Tap,
): Tensor {
  const { nHeads, nKvHeads, dHead } = config;
  const norm = layerNorm(config.epsilon);
  const activation = activationFunction(config.activation);
  const { norm: heads } = p.attn;
  const form = {
    nHeads,
    nKvHeads,
    dHead,
    norm: heads && {
      q: (q: Tensor) => norm(q, heads.q),
      k: (k: Tensor) => norm(k, heads.k),
    },
    rotate,
    mask: inputs.mask,
    cache: layerCache(inputs, layer),
  };
  const layers = {
    ln1: (own: Tensor) => norm(own, p.ln1, tap.in("ln1")),
    attn: (own: Tensor) => attention(own, p.attn, form, tap.in("attn")),
    mlp: (own: Tensor) => mlp(own, p.mlp, activation, tap.in("mlp")),
  };
  return parallelOnOneNorm(x, layers, tap);
}

/** The family that config.json calls `PhiForCausalLM`. */
export const phiFamily: DecoderFamily<PhiConfig> = {
  architectures: ["PhiForCausalLM"],
  kind: "decoder",
  config: phiConfig,
  forward: phi,
  layout: ({ nLayers, nKvHeads, dModel, dHead, dMlp, dVocab, normsHeads, ties }) => [
    { path: "embed", name: "model.embed_tokens.weight", shape: [dVocab, dModel] },
    ...Array.from({ length: nLayers }, (_, i) => {
      const from = `model.layers.${i}`;
      const [to, attn] = [`blocks.${i}`, `${from}.self_attn`];
      const keys = [dModel, nKvHeads * dHead] as const;
      const normed = normsHeads ? ["q", "k"] : [];
      return [
        ...normEntries(`${to}.ln1`, `${from}.input_layernorm`, dModel, true),
        ...linearEntries(`${to}.attn.q`, `${attn}.q_proj`, [dModel, dModel], true),
        ...linearEntries(`${to}.attn.k`, `${attn}.k_proj`, keys, true),
        ...linearEntries(`${to}.attn.v`, `${attn}.v_proj`, keys, true),
        ...normed.flatMap((own) =>
          normEntries(`${to}.attn.norm.${own}`, `${attn}.${own}_layernorm`, dHead, true),
        ),
        ...linearEntries(`${to}.attn.o`, `${attn}.dense`, [dModel, dModel], true),
        ...linearEntries(`${to}.mlp.in`, `${from}.mlp.fc1`, [dModel, dMlp], true),
        ...linearEntries(`${to}.mlp.out`, `${from}.mlp.fc2`, [dMlp, dModel], true),
      ];
    }).flat(),
    ...normEntries("lnFinal", "model.final_layernorm", dModel, true),
    ...linearEntries("unembed", "lm_head", [dModel, dVocab], true).slice(ties ? 1 : 0),
  ],
  absent: {
    pos_embed: "Phi has rotary positions and adds none to the stream",
    resid_mid: "its attention and MLP read the same stream, so there is none between them",
    "ln2.normalized": "its MLP reads ln1.normalized, as attention does",
    "mlp.gate": "its MLP has no gates",
  },
};
