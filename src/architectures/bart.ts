// BART (Lewis et al. 2019, arXiv:1910.13461): learned positions, an embedding that is normalised, and a stream that is normalised
// after every module.

import type { SourceInputs, TargetInputs } from "../network/seq2seq-input.ts";
import type { SiteMeanings } from "../network/sites.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionForm, AttentionParams } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import { crossAttention } from "../nn/cross-attention.ts";
import type { MlpParams, NormParams } from "../nn/layers.ts";
import { embedding, layerNorm, linear, mlp } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BartConfig, BartStack } from "./bart-config.ts";
import { bartConfig } from "./bart-config.ts";
import { keptSourceHeads, normalisedAfterWithCross } from "./cross.ts";
import type { ParamEntry, Seq2SeqFamily } from "./family.ts";
import { activationFunction, layerCache, linearEntries, normEntries } from "./family.ts";
import type { BlockLayers } from "./residual.ts";
import { normalisedAfter, normalisedAfterMeanings } from "./residual.ts";

interface BlockParams {
  readonly attn: AttentionParams;
  readonly ln1: NormParams;
  readonly mlp: MlpParams;
  readonly ln2: NormParams;
}

interface CrossBlockParams extends BlockParams {
  readonly cross: AttentionParams;
  readonly lnCross: NormParams;
}

interface StackParams<Block> {
  /** [nCtx + 2, dModel], of which the first two rows stand for no position. */
  readonly posEmbed: Tensor;
  readonly lnEmbed: NormParams;
  readonly blocks: readonly Block[];
}

/** Parameters of BART. Linear weights are [out, in]. */
export interface BartParams {
  /** [dVocab, dModel], for source and target. */
  readonly embed: Tensor;
  readonly encoder: StackParams<BlockParams>;
  readonly decoder: StackParams<CrossBlockParams>;
  /** [dVocab, dModel]; absent when tied to `embed`. */
  readonly unembed?: Tensor;
  /** Added to the logits, [1, dVocab]. */
  readonly logitsBias?: Tensor;
}

const RESERVED_POSITIONS = 2;

/** Reads a source, [batch, source, dModel]. */
function bartEncoder(
  { embed, encoder }: BartParams,
  inputs: SourceInputs,
  tap: Tap,
  config: BartConfig,
): Tensor {
  const context = { config, sizes: config.encoder, mask: inputs.mask };
  let x = embedded(inputs, embed, { stack: encoder, config }, tap);
  for (const [i, p] of encoder.blocks.entries()) {
    const own = tap.in(`blocks.${i}`);
    x = normalisedAfter(x, blockLayers(p, context, own), own);
  }
  return x;
}

/** Predicts the next token of a target, [batch, pos, dVocab]. */
function bartDecoder(
  { embed, decoder, unembed, logitsBias }: BartParams,
  inputs: TargetInputs,
  tap: Tap,
  config: BartConfig,
): Tensor {
  const { decoder: sizes, dVocab, epsilon } = config;
  let x = embedded(inputs, embed, { stack: decoder, config }, tap);
  for (const [i, p] of decoder.blocks.entries()) {
    const own = tap.in(`blocks.${i}`);
    const source = keptSourceHeads(inputs, i, p.cross, sizes);
    const form = { ...sizes, mask: inputs.sourceMask, source };
    const context = { config, sizes, mask: inputs.mask, cache: layerCache(inputs, i) };
    const layers = {
      ...blockLayers(p, context, own),
      cross: (y: Tensor) => crossAttention(y, p.cross, form, own.in("cross")),
      lnCross: (y: Tensor) => layerNorm(epsilon)(y, p.lnCross, own.in("ln_cross")),
    };
    x = normalisedAfterWithCross(x, layers, own);
  }
  return linear(x, { weight: unembed ?? embed, bias: logitsBias?.reshape([dVocab]) });
}

/** The stream before the first block, [batch, pos, dModel]. */
function embedded(
  { tokens, positions }: Pick<SourceInputs, "tokens" | "positions">,
  table: Tensor,
  { stack, config }: { stack: StackParams<BlockParams>; config: BartConfig },
  tap: Tap,
): Tensor {
  const { embedScale, epsilon } = config;
  const plain = embedding(tokens, table);
  const embed = tap("embed", embedScale === 1 ? plain : plain.mul(embedScale));
  const places = tap("pos_embed", embedding(positions.add(RESERVED_POSITIONS), stack.posEmbed));
  return layerNorm(epsilon)(embed.add(places), stack.lnEmbed, tap.in("ln_embed"));
}

interface BlockContext extends Pick<AttentionForm, "mask" | "cache"> {
  readonly config: BartConfig;
  readonly sizes: BartStack;
}

function blockLayers(
  p: BlockParams,
  { config, sizes, mask, cache }: BlockContext,
  tap: Tap,
): BlockLayers {
  const { nHeads, dHead } = sizes;
  const norm = layerNorm(config.epsilon);
  const activation = activationFunction(config.activation);
  const form = { nHeads, dHead, mask, cache };
  return {
    attn: (x) => attention(x, p.attn, form, tap.in("attn")),
    ln1: (x) => norm(x, p.ln1, tap.in("ln1")),
    mlp: (x) => mlp(x, p.mlp, activation, tap.in("mlp")),
    ln2: (x) => norm(x, p.ln2, tap.in("ln2")),
  };
}

const meanings: SiteMeanings = {
  ...normalisedAfterMeanings,
  "ln_embed.normalized": ["batch pos dModel", "the sum of embeddings, before gain and bias"],
  "decoder.blocks.{i}.resid_mid": ["batch pos dModel", "normalised stream after self-attention"],
  "blocks.{i}.ln_cross.normalized": [
    "batch pos dModel",
    "residual stream after cross attention, before gain and bias",
  ],
  "blocks.{i}.resid_cross": ["batch pos dModel", "normalised stream after cross attention"],
};

/**
 * The family that config.json calls `BartForConditionalGeneration`. Checkpoints that were only pretrained are called `BartModel`;
 * they have no bias of the logits, and their unembedding is the embedding.
 */
export const bartFamily: Seq2SeqFamily<BartConfig> = {
  architectures: ["BartForConditionalGeneration", "BartModel"],
  kind: "seq2seq",
  config: bartConfig,
  optionalPrefix: "model.",
  // copies of the embedding, and a number of the format's first version
  unused: /^(?:model\.)?(?:encoder|decoder)\.(?:embed_tokens\.weight|version)$/,
  encode: bartEncoder,
  decode: bartDecoder,
  layout: (config) => {
    const { dVocab, dModel, nEncoderLayers, nDecoderLayers } = config;
    const table = { name: "model.shared.weight", shape: [dVocab, dModel] };
    return [
      { path: "embed", ...table },
      ...stackEntries("encoder", nEncoderLayers, config),
      ...stackEntries("decoder", nDecoderLayers, config),
      // a matrix of its own counts wherever there is one
      { ...table, path: "unembed", name: "lm_head.weight", isOptional: true },
      { path: "logitsBias", name: "final_logits_bias", shape: [1, dVocab], isOptional: true },
    ];
  },
  meanings,
  absent: {
    "attn.rot_q": "BART has learned positions and rotates nothing",
    "attn.rot_k": "BART has learned positions and rotates nothing",
    "mlp.gate": "its MLP has no gates",
    "ln_final.normalized": "the norm of the last block is the last one",
    "encoder.cross_out": "the encoder looks at nothing but the source itself",
    "encoder.resid_cross": "the encoder looks at nothing but the source itself",
  },
};

function stackEntries(
  stack: "encoder" | "decoder",
  nLayers: number,
  config: BartConfig,
): ParamEntry[] {
  const { dModel, nCtx } = config;
  const { dMlp } = config[stack];
  const own = `model.${stack}`;
  const heads = (path: string, name: string): ParamEntry[] =>
    Object.entries({ q: "q_proj", k: "k_proj", v: "v_proj", o: "out_proj" }).flatMap(([to, from]) =>
      linearEntries(`${path}.${to}`, `${name}.${from}`, [dModel, dModel], true),
    );
  const blocks = Array.from({ length: nLayers }, (_, i) => {
    const from = `${own}.layers.${i}`;
    const to = `${stack}.blocks.${i}`;
    return [
      ...heads(`${to}.attn`, `${from}.self_attn`),
      ...normEntries(`${to}.ln1`, `${from}.self_attn_layer_norm`, dModel, true),
      ...(stack === "encoder"
        ? []
        : [
            ...heads(`${to}.cross`, `${from}.encoder_attn`),
            ...normEntries(`${to}.lnCross`, `${from}.encoder_attn_layer_norm`, dModel, true),
          ]),
      ...linearEntries(`${to}.mlp.in`, `${from}.fc1`, [dModel, dMlp], true),
      ...linearEntries(`${to}.mlp.out`, `${from}.fc2`, [dMlp, dModel], true),
      ...normEntries(`${to}.ln2`, `${from}.final_layer_norm`, dModel, true),
    ];
  });
  const positions = [nCtx + RESERVED_POSITIONS, dModel];
  return [
    { path: `${stack}.posEmbed`, name: `${own}.embed_positions.weight`, shape: positions },
    ...normEntries(`${stack}.lnEmbed`, `${own}.layernorm_embedding`, dModel, true),
    ...blocks.flat(),
  ];
}
