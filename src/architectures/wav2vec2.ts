// wav2vec 2.0 (Baevski, Zhou, Mohamed & Auli 2020, arXiv:2006.11477): convolutions make frames of samples, a convolution over
// frames tells positions apart, and a transformer looks both ways.

import type { AudioInputs } from "../network/audio-input.ts";
import type { SiteMeanings } from "../network/sites.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionParams } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import type {
  ActivationFunction,
  LinearParams,
  MlpParams,
  Norm,
  NormParams,
} from "../nn/layers.ts";
import { layerNorm, linear, mlp, untapped } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AudioFamily, ParamEntry } from "./family.ts";
import { activationFunction, linearEntries, normEntries } from "./family.ts";
import { normalisedAfter, normalisedAfterMeanings, sequential } from "./residual.ts";
import type { FeatureSizes, Wav2vec2Config } from "./wav2vec2-config.ts";
import { wav2vec2Config } from "./wav2vec2-config.ts";

/** A convolution of the feature extractor; its kernels are [channels, channels before, kernel]. */
interface FeatureParams {
  readonly conv: LinearParams;
  readonly ln?: NormParams;
}

/** The convolution over frames: kernels of which every position has a length, [1, 1, kernel], and a direction, [dModel, dModel / groups, kernel]. */
interface PositionParams {
  readonly length: Tensor;
  readonly direction: Tensor;
  readonly bias: Tensor;
}

interface BlockParams {
  readonly attn: AttentionParams;
  readonly ln1: NormParams;
  readonly mlp: MlpParams;
  readonly ln2: NormParams;
}

/** Parameters of wav2vec 2.0. Linear weights are [out, in]. */
export interface Wav2vec2Params {
  readonly features: readonly FeatureParams[];
  readonly lnFeatures: NormParams;
  /** [dModel, channels of the last convolution] */
  readonly project: LinearParams;
  readonly positions: PositionParams;
  /** Where the stream itself is normalised. */
  readonly lnEmbed?: NormParams;
  readonly blocks: readonly BlockParams[];
  /** Where modules read a normalised stream. */
  readonly lnFinal?: NormParams;
  /** [dVocab, dModel] */
  readonly unembed?: LinearParams;
}

/** Hears samples: last hidden states, [batch, pos, dModel], and scores of letters where there is a head. */
function wav2vec2(
  params: Wav2vec2Params,
  inputs: AudioInputs,
  tap: Tap,
  config: Wav2vec2Config,
): Tensor {
  const { lnEmbed, lnFinal, unembed } = params;
  const norm = layerNorm(config.epsilon);
  const features = tap("features", extractFeatures(params, inputs, tap, config));
  const normed = norm(features, params.lnFeatures, tap.in("ln_features"));
  const projected = tap("projected", linear(normed, params.project));
  // the positional convolution finds zeros at padding, as it does beyond the end of a row
  const real = inputs.isReal === undefined ? projected : projected.mul(inputs.isReal.unsqueeze(-1));
  const placed = real.add(tap("pos_embed", positionEmbedding(real, params.positions, config)));
  let x = lnEmbed === undefined ? placed : norm(placed, lnEmbed, tap.in("ln_embed"));
  for (const [i, block] of params.blocks.entries()) {
    x = wav2vec2Block(x, block, { inputs, config }, tap.in(`blocks.${i}`));
  }
  const hidden = tap("hidden", lnFinal === undefined ? x : norm(x, lnFinal, tap.in("ln_final")));
  if (unembed !== undefined) tap("logits", linear(hidden, unembed));
  return hidden;
}

/** Samples [batch, time] to features by frame, [batch, pos, channel]. */
function extractFeatures(
  params: Wav2vec2Params,
  inputs: AudioInputs,
  tap: Tap,
  config: Wav2vec2Config,
): Tensor {
  const activation = activationFunction(config.featureActivation);
  const norm = FEATURE_NORMS[config.featureNorm];
  let x = tap("samples", inputs.samples).unsqueeze(1);
  for (const [i, layer] of params.features.entries()) {
    const { stride } = config.features[i]!;
    x = featureLayer(x, layer, { stride, norm, activation }, tap.in(`features.${i}`));
  }
  return x.transpose([0, 2, 1]);
}

interface FeatureForm extends Pick<FeatureSizes, "stride"> {
  readonly norm: Norm;
  readonly activation: ActivationFunction;
}

/** [batch, channel, time] to more channels and less time. Sites: `ln.normalized` where it has a norm, `pre`, `post`. */
function featureLayer(
  x: Tensor,
  { conv: { weight, bias }, ln }: FeatureParams,
  { stride, norm, activation }: FeatureForm,
  tap: Tap,
): Tensor {
  const filtered = x.conv1d(weight, bias === undefined ? { stride } : { stride, bias });
  const pre = tap("pre", ln === undefined ? filtered : norm(filtered, ln, tap.in("ln")));
  return tap("post", activation(pre));
}

// the feature extractor's own, whatever the config says of the other norms
const epsilon = 1e-5;

/** Norms of features, [batch, channel, time], with gain and bias by channel. */
const FEATURE_NORMS: Readonly<Record<Wav2vec2Config["featureNorm"], Norm>> = {
  // every channel is a group of its own, so that each is normalised over time
  group: (x, params, tap = untapped) =>
    byChannel(tap("normalized", x.layerNorm(undefined, undefined, { epsilon })), params),
  layer: (x, params, tap = untapped) => {
    const frames = x.transpose([0, 2, 1]);
    const normed = (gain?: Tensor, bias?: Tensor): Tensor =>
      frames.layerNorm(gain, bias, { epsilon }).transpose([0, 2, 1]);
    const plain = normed();
    const normalized = tap("normalized", plain);
    return normalized === plain
      ? normed(params.weight, params.bias)
      : byChannel(normalized, params);
  },
};

function byChannel(x: Tensor, { weight, bias }: NormParams): Tensor {
  const scaled = x.mul(weight.unsqueeze(-1));
  return bias === undefined ? scaled : scaled.add(bias.unsqueeze(-1));
}

/**
 * What a convolution over frames makes of them, [batch, pos, dModel]; its kernel is centred, an even one reaches farther back.
 *
 * @source Salimans & Kingma 2016, arXiv:1602.07868, eq. (2): lengths and directions of kernels
 */
function positionEmbedding(
  x: Tensor,
  { length, direction, bias }: PositionParams,
  { positions: { kernel, groups }, featureActivation }: Wav2vec2Config,
): Tensor {
  const lengths = direction
    .square()
    .sum({ axis: [0, 1], keepDims: true })
    .sqrt();
  const weight = direction.mul(length.div(lengths));
  const before = Math.floor(kernel / 2);
  const mixed = x
    .transpose([0, 2, 1])
    .conv1d(weight, { bias, groups, padding: [[before, kernel - 1 - before]] });
  return activationFunction(featureActivation)(mixed).transpose([0, 2, 1]);
}

function wav2vec2Block(
  x: Tensor,
  p: BlockParams,
  { inputs, config }: { readonly inputs: AudioInputs; readonly config: Wav2vec2Config },
  tap: Tap,
): Tensor {
  const { nHeads, dHead } = config;
  const norm = layerNorm(config.epsilon);
  const activation = activationFunction(config.activation);
  const form = { nHeads, dHead, mask: inputs.mask };
  const layers = {
    ln1: (own: Tensor) => norm(own, p.ln1, tap.in("ln1")),
    attn: (own: Tensor) => attention(own, p.attn, form, tap.in("attn")),
    ln2: (own: Tensor) => norm(own, p.ln2, tap.in("ln2")),
    mlp: (own: Tensor) => mlp(own, p.mlp, activation, tap.in("mlp")),
  };
  return (config.normsFirst ? sequential : normalisedAfter)(x, layers, tap);
}

function layout(config: Wav2vec2Config): ParamEntry[] {
  const { nLayers, dModel, dMlp, dVocab, positions, normsFirst } = config;
  const square = [dModel, dModel] as const;
  const body = "wav2vec2";
  const conv = `${body}.encoder.pos_conv_embed.conv`;
  const kernels = `${conv}.parametrizations.weight`;
  const perGroup = dModel / positions.groups;
  return [
    ...config.features.flatMap((_, i) => featureEntries(config, i)),
    ...normEntries(
      "lnFeatures",
      `${body}.feature_projection.layer_norm`,
      channelsAfter(config, -1),
      true,
    ),
    ...linearEntries(
      "project",
      `${body}.feature_projection.projection`,
      [channelsAfter(config, -1), dModel],
      true,
    ),
    { path: "positions.length", name: `${kernels}.original0`, shape: [1, 1, positions.kernel] },
    {
      path: "positions.direction",
      name: `${kernels}.original1`,
      shape: [dModel, perGroup, positions.kernel],
    },
    { path: "positions.bias", name: `${conv}.bias`, shape: [dModel] },
    ...normEntries(normsFirst ? "lnFinal" : "lnEmbed", `${body}.encoder.layer_norm`, dModel, true),
    ...Array.from({ length: nLayers }, (_, i) => {
      const to = `blocks.${i}`;
      const from = `${body}.encoder.layers.${i}`;
      return [
        ...normEntries(`${to}.ln1`, `${from}.layer_norm`, dModel, true),
        ...(["q", "k", "v"] as const).flatMap((own) =>
          linearEntries(`${to}.attn.${own}`, `${from}.attention.${own}_proj`, square, true),
        ),
        ...linearEntries(`${to}.attn.o`, `${from}.attention.out_proj`, square, true),
        ...normEntries(`${to}.ln2`, `${from}.final_layer_norm`, dModel, true),
        ...linearEntries(
          `${to}.mlp.in`,
          `${from}.feed_forward.intermediate_dense`,
          [dModel, dMlp],
          true,
        ),
        ...linearEntries(
          `${to}.mlp.out`,
          `${from}.feed_forward.output_dense`,
          [dMlp, dModel],
          true,
        ),
      ];
    }).flat(),
    ...(dVocab === 0 ? [] : linearEntries("unembed", "lm_head", [dModel, dVocab], true)),
  ];
}

/** Channels that a convolution gives. */
function channelsAfter({ features }: Wav2vec2Config, layer: number): number {
  return features.at(layer)!.channels;
}

function featureEntries(config: Wav2vec2Config, i: number): ParamEntry[] {
  const { featureNorm, featuresHaveBias } = config;
  const { channels, kernel } = config.features[i]!;
  const before = i === 0 ? 1 : channelsAfter(config, i - 1);
  const to = `features.${i}`;
  const from = `wav2vec2.feature_extractor.conv_layers.${i}`;
  const hasNorm = featureNorm === "layer" || i === 0;
  return [
    { path: `${to}.conv.weight`, name: `${from}.conv.weight`, shape: [channels, before, kernel] },
    ...(featuresHaveBias
      ? [{ path: `${to}.conv.bias`, name: `${from}.conv.bias`, shape: [channels] }]
      : []),
    ...(hasNorm ? normEntries(`${to}.ln`, `${from}.layer_norm`, channels, true) : []),
  ];
}

const shared: SiteMeanings = {
  pos_embed: ["batch pos dModel", "what the convolution over frames adds"],
  "ln_embed.normalized": ["batch pos dModel", "the sum of both, before gain and bias"],
  "blocks.{i}.attn.q": ["batch pos head dHead", "queries"],
  "blocks.{i}.attn.k": ["batch pos head dHead", "keys"],
  "blocks.{i}.attn.v": ["batch pos head dHead", "values"],
  "blocks.{i}.mlp.pre": ["batch pos dMlp", "hidden units before the activation function"],
};

/** wav2vec 2.0, with a head that scores letters or none; codebooks, which serve pre-training, are left out. */
export const wav2vec2Family: AudioFamily<Wav2vec2Config> = {
  architectures: ["Wav2Vec2Model", "Wav2Vec2ForCTC", "Wav2Vec2ForPreTraining"],
  kind: "audio",
  config: wav2vec2Config,
  layout,
  forward: wav2vec2,
  optionalPrefix: "wav2vec2.",
  formerEnds: {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
  },
  unused: /^(?:wav2vec2\.masked_spec_embed$|lm_head\.|quantizer\.|project_(?:hid|q)\.)/,
  absent: {
    embed: "it hears samples; `projected` takes the place of an embedding",
    "attn.rot_q": "a convolution tells positions apart, and nothing is rotated",
    "attn.rot_k": "a convolution tells positions apart, and nothing is rotated",
    "mlp.gate": "its MLP has no gates",
    "ln_embed.normalized":
      "its blocks read a normalised stream, which is normalised once more at the end",
    "ln_final.normalized": "the norm of its last block is the last one",
    logits: "its architecture has no head",
  },
  meanings: ({ normsFirst }) => (normsFirst ? shared : { ...normalisedAfterMeanings, ...shared }),
};
