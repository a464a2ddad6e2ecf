// BLOOM (BigScience 2022, arXiv:2211.05100): no positions but a penalty on distance (ALiBi), a layer norm on the embedding.

import type { DecoderInputs } from "../network/prompt.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionParams } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import type { MlpParams, NormParams } from "../nn/layers.ts";
import { embedding, layerNorm, linear, mlp } from "../nn/layers.ts";
import { alibiBias, alibiSlopes } from "../nn/masks.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BloomConfig } from "./bloom-config.ts";
import { bloomConfig } from "./bloom-config.ts";
import type { DecoderFamily } from "./family.ts";
import {
  activationFunction,
  layerCache,
  linearEntries,
  normEntries,
  turningEntries,
} from "./family.ts";
import { sequential } from "./residual.ts";

interface BlockParams {
  readonly ln1: NormParams;
  readonly attn: AttentionParams;
  readonly ln2: NormParams;
  readonly mlp: MlpParams;
}

/** Parameters of BLOOM. Linear weights are [out, in]. */
export interface BloomParams {
  /** [dVocab, dModel] */
  readonly embed: Tensor;
  readonly lnEmbed: NormParams;
  readonly blocks: readonly BlockParams[];
  readonly lnFinal: NormParams;
  /** [dVocab, dModel]; absent when tied to `embed`. */
  readonly unembed?: Tensor;
}

/** Reads tokens into logits, [batch, pos, dVocab]. */
function bloom(params: BloomParams, inputs: DecoderInputs, tap: Tap, config: BloomConfig): Tensor {
  const norm = layerNorm(config.epsilon);
  const context = { inputs, config, mask: alibiBias(inputs, alibiSlopes(config.nHeads)) };
  const embedded = embedding(inputs.tokens, params.embed);
  let x = tap("embed", norm(embedded, params.lnEmbed, tap.in("embed.ln")));
  for (const [i, block] of params.blocks.entries()) {
    x = bloomBlock(x, block, { ...context, layer: i }, tap.in(`blocks.${i}`));
  }
  const last = norm(x, params.lnFinal, tap.in("ln_final"));
  return linear(last, { weight: params.unembed ?? params.embed });
}

interface BlockContext {
  readonly inputs: DecoderInputs;
  readonly config: BloomConfig;
  /** Causal, with the penalty on distance: [batch or 1, head, pos, keys]. */
  readonly mask: Tensor;
  readonly layer: number;
}

function bloomBlock(
  x: Tensor,
  p: BlockParams,
  { inputs, config, mask, layer }: BlockContext,
  tap: Tap,
): Tensor {
  const { nHeads, dHead } = config;
  const norm = layerNorm(config.epsilon);
  const activation = activationFunction("gelu_new");
  const form = { nHeads, dHead, mask, cache: layerCache(inputs, layer) };
  const layers = {
    ln1: (own: Tensor) => norm(own, p.ln1, tap.in("ln1")),
    attn: (own: Tensor) => attention(own, p.attn, form, tap.in("attn")),
    ln2: (own: Tensor) => norm(own, p.ln2, tap.in("ln2")),
    mlp: (own: Tensor) => mlp(own, p.mlp, activation, tap.in("mlp")),
  };
  return sequential(x, layers, tap);
}

/** The family that config.json calls `BloomForCausalLM`. */
export const bloomFamily: DecoderFamily<BloomConfig> = {
  architectures: ["BloomForCausalLM"],
  kind: "decoder",
  config: bloomConfig,
  optionalPrefix: "transformer.",
  // where a tied unembedding was stored as well, the embedding counts
  unused: /^lm_head\.weight$/,
  forward: bloom,
  layout: ({ nLayers, nHeads, dModel, dMlp, dVocab, ties }) => [
    { path: "embed", name: "transformer.word_embeddings.weight", shape: [dVocab, dModel] },
    ...normEntries("lnEmbed", "transformer.word_embeddings_layernorm", dModel, true),
    ...Array.from({ length: nLayers }, (_, i) => {
      const from = `transformer.h.${i}`;
      const to = `blocks.${i}`;
      const qkv = `${from}.self_attention.query_key_value`;
      return [
        ...normEntries(`${to}.ln1`, `${from}.input_layernorm`, dModel, true),
        ...turningEntries(`${to}.attn`, qkv, { nHeads, dModel }, true),
        ...linearEntries(`${to}.attn.o`, `${from}.self_attention.dense`, [dModel, dModel], true),
        ...normEntries(`${to}.ln2`, `${from}.post_attention_layernorm`, dModel, true),
        ...linearEntries(`${to}.mlp.in`, `${from}.mlp.dense_h_to_4h`, [dModel, dMlp], true),
        ...linearEntries(`${to}.mlp.out`, `${from}.mlp.dense_4h_to_h`, [dMlp, dModel], true),
      ];
    }).flat(),
    ...normEntries("lnFinal", "transformer.ln_f", dModel, true),
    ...(ties ? [] : [{ path: "unembed", name: "lm_head.weight", shape: [dVocab, dModel] }]),
  ],
  absent: {
    pos_embed: "BLOOM has no positions but a penalty on distance, which is part of attn.scores",
    "attn.rot_q": "BLOOM penalises distance and rotates nothing",
    "attn.rot_k": "BLOOM penalises distance and rotates nothing",
    "mlp.gate": "its MLP has no gates",
  },
};
