// ResNet (He et al. 2015, arXiv:1512.03385): convolutions that add to the stream, normalised by the statistics of training.

import type { Tap } from "../network/tap.ts";
import type { VisionInputs } from "../network/vision-input.ts";
import type { ActivationFunction, LinearParams } from "../nn/layers.ts";
import { linear } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamEntry, VisionFamily } from "./family.ts";
import { activationFunction, linearEntries } from "./family.ts";
import type { ConvSizes, ResnetBlock, ResnetConfig } from "./resnet-config.ts";
import { resnetConfig } from "./resnet-config.ts";

/** A convolution and what it is normalised by. */
interface ConvParams {
  /** [to, from, kernel, kernel] */
  readonly weight: Tensor;
  /** Of the norm, each [to]. */
  readonly norm: Readonly<Record<"gain" | "bias" | "mean" | "variance", Tensor>>;
}

interface BlockParams {
  readonly convs: readonly ConvParams[];
  readonly shortcut?: ConvParams;
}

/** Parameters of ResNet. */
export interface ResnetParams {
  readonly stem: ConvParams;
  readonly stages: readonly { readonly blocks: readonly BlockParams[] }[];
  readonly classifier?: LinearParams;
}

// torch's, which no config says otherwise
const EPSILON = 1e-5;

/** Reads pixels into pooled features, [batch, channel], and names the scores of classes where there are any. */
function resnet(
  params: ResnetParams,
  { pixels }: VisionInputs,
  tap: Tap,
  config: ResnetConfig,
): Tensor {
  const activation = activationFunction(config.activation);
  const stem = tap.in("stem");
  const first = stem("post", activation(stem("pre", conv(pixels, params.stem, config.stem))));
  let x = tap("stem", first.maxPool({ kernel: 3, stride: 2, padding: 1 }));
  for (const [i, { blocks }] of params.stages.entries()) {
    for (const [j, block] of blocks.entries()) {
      const sizes = config.stages[i]![j]!;
      x = resnetBlock(x, block, { sizes, activation }, tap.in(`stages.${i}.blocks.${j}`));
    }
  }
  const pooled = tap("pool", x.mean({ axis: [2, 3] }));
  if (params.classifier !== undefined) tap("logits", linear(pooled, params.classifier));
  return pooled;
}

function resnetBlock(
  x: Tensor,
  p: BlockParams,
  { sizes, activation }: { readonly sizes: ResnetBlock; readonly activation: ActivationFunction },
  tap: Tap,
): Tensor {
  const before = tap("resid_pre", x);
  const last = p.convs.length - 1;
  let hidden = before;
  for (const [k, own] of p.convs.slice(0, last).entries()) {
    const at = tap.in(`conv${k + 1}`);
    hidden = at("post", activation(at("pre", conv(hidden, own, sizes.convs[k]!))));
  }
  const out = tap("conv_out", conv(hidden, p.convs[last]!, sizes.convs[last]!));
  const { shortcut } = sizes;
  const stream =
    shortcut === undefined ? before : tap("shortcut", conv(before, p.shortcut!, shortcut));
  return tap("resid_post", activation(tap("resid_mid", stream.add(out))));
}

/** A convolution and its norm, which is folded into kernels and bias. */
function conv(x: Tensor, { weight, norm }: ConvParams, { kernel, stride }: ConvSizes): Tensor {
  const gain = norm.gain.div(norm.variance.add(EPSILON).sqrt());
  return x.conv2d(weight.mul(gain.reshape([-1, 1, 1, 1])), {
    bias: norm.bias.sub(norm.mean.mul(gain)),
    stride,
    padding: Math.floor(kernel / 2),
  });
}

function convEntries(
  to: string,
  from: string,
  { from: input, to: output, kernel }: ConvSizes,
): ParamEntry[] {
  const statistics = {
    gain: "weight",
    bias: "bias",
    mean: "running_mean",
    variance: "running_var",
  };
  return [
    {
      path: `${to}.weight`,
      name: `${from}.convolution.weight`,
      shape: [output, input, kernel, kernel],
    },
    ...Object.entries(statistics).map(([own, name]) => ({
      path: `${to}.norm.${own}`,
      name: `${from}.normalization.${name}`,
      shape: [output],
    })),
  ];
}

function blockEntries(to: string, from: string, { convs, shortcut }: ResnetBlock): ParamEntry[] {
  return [
    ...convs.flatMap((sizes, k) => convEntries(`${to}.convs.${k}`, `${from}.layer.${k}`, sizes)),
    ...(shortcut === undefined ? [] : convEntries(`${to}.shortcut`, `${from}.shortcut`, shortcut)),
  ];
}

/** The family that config.json calls `ResNetModel`, or `ResNetForImageClassification`. */
export const resnetFamily: VisionFamily<ResnetConfig> = {
  architectures: ["ResNetModel", "ResNetForImageClassification"],
  kind: "vision",
  config: resnetConfig,
  layout: ({ stem, stages, dPool, labels }) => [
    ...convEntries("stem", "resnet.embedder.embedder", stem),
    ...stages.flatMap((blocks, i) =>
      blocks.flatMap((block, j) =>
        blockEntries(`stages.${i}.blocks.${j}`, `resnet.encoder.stages.${i}.layers.${j}`, block),
      ),
    ),
    ...(labels.length === 0
      ? []
      : linearEntries("classifier", "classifier.1", [dPool, labels.length], true)),
  ],
  optionalPrefix: "resnet.",
  forward: resnet,
  absent: {
    "attn.pattern": "it has no attention",
    pooler: "nothing follows the mean over positions: see pool",
    logits: "its architecture has no head",
  },
};
