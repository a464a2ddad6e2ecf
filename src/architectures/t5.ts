// T5 (Raffel et al. 2020, arXiv:1910.10683) and Flan-T5 (Chung et al. 2022, arXiv:2210.11416): biases by distance in place of
// positions, shared by all layers of a stack; scores that are not scaled; RMS norms; ReLU or gated GELU.

import type { SourceInputs, TargetInputs } from "../network/seq2seq-input.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionForm, AttentionParams } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import { crossAttention } from "../nn/cross-attention.ts";
import type { GatedMlpParams, Norm, NormParams } from "../nn/layers.ts";
import { embedding, gatedMlp, linear, mlp, rmsNorm } from "../nn/layers.ts";
import { bucketBias } from "../nn/relative-positions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { keptSourceHeads, sequentialWithCross } from "./cross.ts";
import type { ParamEntry, Seq2SeqFamily } from "./family.ts";
import { activationFunction, layerCache, linearEntries, normEntries } from "./family.ts";
import type { BlockLayers } from "./residual.ts";
import { sequential } from "./residual.ts";
import type { T5Config } from "./t5-config.ts";
import { t5Config } from "./t5-config.ts";

interface BlockParams {
  readonly ln1: NormParams;
  readonly attn: AttentionParams;
  readonly ln2: NormParams;
  /** `gate` only where the MLP has gates. */
  readonly mlp: Omit<GatedMlpParams, "gate"> & Partial<Pick<GatedMlpParams, "gate">>;
}

interface CrossBlockParams extends BlockParams {
  readonly lnCross: NormParams;
  readonly cross: AttentionParams;
}

interface StackParams<Block> {
  /** Biases of attention, [nBuckets, nHeads]. */
  readonly distance: Tensor;
  readonly blocks: readonly Block[];
  readonly lnFinal: NormParams;
}

/** Parameters of T5. Linear weights are [out, in]; none has a bias. */
export interface T5Params {
  /** [dVocab, dModel], for source and target. */
  readonly embed: Tensor;
  readonly encoder: StackParams<BlockParams>;
  readonly decoder: StackParams<CrossBlockParams>;
  /** [dVocab, dModel]; absent when tied to `embed`. */
  readonly unembed?: Tensor;
}

/** Reads a source, [batch, source, dModel]. */
function t5Encoder(
  { embed, encoder }: T5Params,
  { tokens, positions, mask }: SourceInputs,
  tap: Tap,
  config: T5Config,
): Tensor {
  const places = { positions, keyPositions: positions, mask };
  const bias = bucketBias(places, encoder.distance, { ...config, looksBothWays: true });
  let x = tap("embed", embedding(tokens, embed));
  for (const [i, p] of encoder.blocks.entries()) {
    const own = tap.in(`blocks.${i}`);
    x = sequential(x, blockLayers(p, { config, mask: bias }, own), own);
  }
  return rmsNorm(config.epsilon)(x, encoder.lnFinal, tap.in("ln_final"));
}

/** Predicts the next token of a target, [batch, pos, dVocab]. */
function t5Decoder(
  { embed, decoder, unembed }: T5Params,
  inputs: TargetInputs,
  tap: Tap,
  config: T5Config,
): Tensor {
  const { nHeads, dHead, epsilon, outputScale } = config;
  const norm = rmsNorm(epsilon);
  const mask = bucketBias(inputs, decoder.distance, { ...config, looksBothWays: false });
  let x = tap("embed", embedding(inputs.tokens, embed));
  for (const [i, p] of decoder.blocks.entries()) {
    const own = tap.in(`blocks.${i}`);
    const source = keptSourceHeads(inputs, i, p.cross, config);
    const form = { nHeads, dHead, scale: 1, mask: inputs.sourceMask, source };
    const layers = {
      ...blockLayers(p, { config, mask, cache: layerCache(inputs, i) }, own),
      lnCross: (y: Tensor) => norm(y, p.lnCross, own.in("ln_cross")),
      cross: (y: Tensor) => crossAttention(y, p.cross, form, own.in("cross")),
    };
    x = sequentialWithCross(x, layers, own);
  }
  const last = norm(x, decoder.lnFinal, tap.in("ln_final"));
  const scaled = outputScale === 1 ? last : last.mul(outputScale);
  return linear(scaled, { weight: unembed ?? embed });
}

function blockLayers(
  p: BlockParams,
  { config, ...rest }: { config: T5Config } & Pick<AttentionForm, "mask" | "cache">,
  tap: Tap,
): BlockLayers {
  const { nHeads, dHead } = config;
  const norm: Norm = rmsNorm(config.epsilon);
  const activation = activationFunction(config.activation);
  const form = { nHeads, dHead, scale: 1, ...rest };
  const { gate, ...plain } = p.mlp;
  const own = tap.in("mlp");
  return {
    ln1: (x) => norm(x, p.ln1, tap.in("ln1")),
    attn: (x) => attention(x, p.attn, form, tap.in("attn")),
    ln2: (x) => norm(x, p.ln2, tap.in("ln2")),
    mlp: (x) =>
      gate === undefined
        ? mlp(x, plain, activation, own)
        : gatedMlp(x, { ...plain, gate }, activation, own),
  };
}

/** The family that config.json calls `T5ForConditionalGeneration`, and the first checkpoints `T5WithLMHeadModel`. */
export const t5Family: Seq2SeqFamily<T5Config> = {
  architectures: ["T5ForConditionalGeneration", "T5WithLMHeadModel"],
  kind: "seq2seq",
  config: t5Config,
  // copies of the embedding, and a bias that cross attention never used
  unused:
    /^(?:(?:encoder|decoder)\.embed_tokens\.weight|decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight)$/,
  encode: t5Encoder,
  decode: t5Decoder,
  layout: (config) => [
    { path: "embed", name: "shared.weight", shape: [config.dVocab, config.dModel] },
    ...stackEntries("encoder", config.nEncoderLayers, config),
    ...stackEntries("decoder", config.nDecoderLayers, config),
    // a matrix of its own counts wherever there is one
    {
      path: "unembed",
      name: "lm_head.weight",
      shape: [config.dVocab, config.dModel],
      isOptional: true,
    },
  ],
  absent: {
    pos_embed: "T5 has no positions but the distances in its attention scores",
    "attn.rot_q": "T5 adds distances to its attention scores and rotates nothing",
    "attn.rot_k": "T5 adds distances to its attention scores and rotates nothing",
    "mlp.gate": "the MLP of this T5 has no gates",
    "encoder.cross_out": "the encoder looks at nothing but the source itself",
    "encoder.resid_cross": "the encoder looks at nothing but the source itself",
  },
};

function stackEntries(
  stack: "encoder" | "decoder",
  nLayers: number,
  { dModel, dHead, dMlp, nHeads, nBuckets, isGated }: T5Config,
): ParamEntry[] {
  const width = nHeads * dHead;
  const heads = (path: string, name: string): ParamEntry[] => [
    ...["q", "k", "v"].flatMap((own) =>
      linearEntries(`${path}.${own}`, `${name}.${own}`, [dModel, width]),
    ),
    ...linearEntries(`${path}.o`, `${name}.o`, [width, dModel]),
  ];
  const blocks = Array.from({ length: nLayers }, (_, i) => {
    const to = `${stack}.blocks.${i}`;
    const part = (number: number): string => `${stack}.block.${i}.layer.${number}`;
    const last = stack === "decoder" ? 2 : 1;
    const into = [dModel, dMlp] as const;
    const dense = `${part(last)}.DenseReluDense`;
    return [
      ...normEntries(`${to}.ln1`, `${part(0)}.layer_norm`, dModel),
      ...heads(`${to}.attn`, `${part(0)}.SelfAttention`),
      ...(stack === "encoder"
        ? []
        : [
            ...normEntries(`${to}.lnCross`, `${part(1)}.layer_norm`, dModel),
            ...heads(`${to}.cross`, `${part(1)}.EncDecAttention`),
          ]),
      ...normEntries(`${to}.ln2`, `${part(last)}.layer_norm`, dModel),
      ...(isGated
        ? [
            ...linearEntries(`${to}.mlp.gate`, `${dense}.wi_0`, into),
            ...linearEntries(`${to}.mlp.in`, `${dense}.wi_1`, into),
          ]
        : linearEntries(`${to}.mlp.in`, `${dense}.wi`, into)),
      ...linearEntries(`${to}.mlp.out`, `${dense}.wo`, [dMlp, dModel]),
    ];
  });
  const bias = `${stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`;
  return [
    { path: `${stack}.distance`, name: bias, shape: [nBuckets, nHeads] },
    ...blocks.flat(),
    ...normEntries(`${stack}.lnFinal`, `${stack}.final_layer_norm`, dModel),
  ];
}
