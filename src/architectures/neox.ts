// GPT-NeoX and Pythia (Black et al. 2022, arXiv:2204.06745; Biderman et al. 2023, arXiv:2304.01373): rotary positions on a part
// of every head, attention and MLP side by side.

import type { DecoderInputs } from "../network/prompt.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionParams, HeadFunction } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import type { MlpParams, NormParams } from "../nn/layers.ts";
import { embedding, layerNorm, linear, mlp } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderFamily } from "./family.ts";
import {
  activationFunction,
  layerCache,
  linearEntries,
  normEntries,
  turningEntries,
} from "./family.ts";
import type { NeoxConfig } from "./neox-config.ts";
import { neoxConfig } from "./neox-config.ts";
import { parallel, sequential } from "./residual.ts";
import { ropeTurn } from "./rope.ts";

interface BlockParams {
  readonly ln1: NormParams;
  readonly attn: AttentionParams;
  readonly ln2: NormParams;
  readonly mlp: MlpParams;
}

/** Parameters of GPT-NeoX. Linear weights are [out, in]. */
export interface NeoxParams {
  /** [dVocab, dModel] */
  readonly embed: Tensor;
  readonly blocks: readonly BlockParams[];
  readonly lnFinal: NormParams;
  /** [dVocab, dModel]; absent when tied to `embed`. */
  readonly unembed?: Tensor;
}

/** Reads tokens into logits, [batch, pos, dVocab]. */
function neox(params: NeoxParams, inputs: DecoderInputs, tap: Tap, config: NeoxConfig): Tensor {
  const rotate = ropeTurn(inputs, config.rope);
  let x = tap("embed", embedding(inputs.tokens, params.embed));
  for (const [i, block] of params.blocks.entries()) {
    x = neoxBlock(x, block, { inputs, config, rotate, layer: i }, tap.in(`blocks.${i}`));
  }
  const last = layerNorm(config.epsilon)(x, params.lnFinal, tap.in("ln_final"));
  return linear(last, { weight: params.unembed ?? params.embed });
}

interface BlockContext {
  readonly inputs: DecoderInputs;
  readonly config: NeoxConfig;
  readonly rotate: HeadFunction;
  readonly layer: number;
}

function neoxBlock(
  x: Tensor,
  p: BlockParams,
  { inputs, config, rotate, layer }: BlockContext,
  tap: Tap,
): Tensor {
  const { nHeads, dHead, isParallel } = config;
  const norm = layerNorm(config.epsilon);
  const activation = activationFunction(config.activation);
  const form = {
    nHeads,
    dHead,
    rotate,
    mask: inputs.mask,
    cache: layerCache(inputs, layer),
  };
  const layers = {
    ln1: (own: Tensor) => norm(own, p.ln1, tap.in("ln1")),
    attn: (own: Tensor) => attention(own, p.attn, form, tap.in("attn")),
    ln2: (own: Tensor) => norm(own, p.ln2, tap.in("ln2")),
    mlp: (own: Tensor) => mlp(own, p.mlp, activation, tap.in("mlp")),
  };
  return (isParallel ? parallel : sequential)(x, layers, tap);
}

/** The family that config.json calls `GPTNeoXForCausalLM`. */
export const neoxFamily: DecoderFamily<NeoxConfig> = {
  architectures: ["GPTNeoXForCausalLM"],
  kind: "decoder",
  config: neoxConfig,
  forward: neox,
  layout: ({ nLayers, nHeads, dModel, dMlp, dVocab, attentionBias, ties }) => [
    { path: "embed", name: "gpt_neox.embed_in.weight", shape: [dVocab, dModel] },
    ...Array.from({ length: nLayers }, (_, i) => {
      const from = `gpt_neox.layers.${i}`;
      const to = `blocks.${i}`;
      const square = [dModel, dModel] as const;
      return [
        ...normEntries(`${to}.ln1`, `${from}.input_layernorm`, dModel, true),
        ...turningEntries(
          `${to}.attn`,
          `${from}.attention.query_key_value`,
          { nHeads, dModel },
          attentionBias,
        ),
        ...linearEntries(`${to}.attn.o`, `${from}.attention.dense`, square, attentionBias),
        ...normEntries(`${to}.ln2`, `${from}.post_attention_layernorm`, dModel, true),
        ...linearEntries(`${to}.mlp.in`, `${from}.mlp.dense_h_to_4h`, [dModel, dMlp], true),
        ...linearEntries(`${to}.mlp.out`, `${from}.mlp.dense_4h_to_h`, [dMlp, dModel], true),
      ];
    }).flat(),
    ...normEntries("lnFinal", "gpt_neox.final_layer_norm", dModel, true),
    ...(ties ? [] : [{ path: "unembed", name: "embed_out.weight", shape: [dVocab, dModel] }]),
  ],
  absent: {
    pos_embed: "GPT-NeoX has rotary positions and adds none to the stream",
    resid_mid: "its attention and MLP read the same stream, so there is none between them",
    "mlp.gate": "its MLP has no gates",
  },
};
