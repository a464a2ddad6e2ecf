// ConvNeXt (Liu et al. 2022, arXiv:2201.03545): a convolutional network in the form of a transformer, in which a convolution of every
// channel by itself takes the place of attention.

import type { Tap } from "../network/tap.ts";
import type { VisionInputs } from "../network/vision-input.ts";
import type { ActivationFunction, LinearParams, MlpParams, NormParams } from "../nn/layers.ts";
import { layerNorm, linear, mlp } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ConvNextConfig } from "./convnext-config.ts";
import { convNextConfig } from "./convnext-config.ts";
import type { ParamEntry, VisionFamily } from "./family.ts";
import { activationFunction, linearEntries, normEntries } from "./family.ts";

interface BlockParams {
  /** [channel, 1, 7, 7] */
  readonly dwconv: LinearParams;
  readonly ln: NormParams;
  readonly mlp: MlpParams;
  /** Gain of what the block writes, [channel]. */
  readonly scale?: Tensor;
}

interface StageParams {
  /** What halves the stream before the first block: a norm and a convolution. */
  readonly down?: { readonly ln: NormParams; readonly conv: LinearParams };
  readonly blocks: readonly BlockParams[];
}

/** Parameters of ConvNeXt. Linear weights are [out, in]. */
export interface ConvNextParams {
  readonly stem: { readonly conv: LinearParams; readonly ln: NormParams };
  readonly stages: readonly StageParams[];
  readonly lnFinal: NormParams;
  readonly classifier?: LinearParams;
}

// the last norm has one of its own
const norm = layerNorm(1e-6);
const KERNEL = 7;

/** Reads pixels into pooled features, [batch, channel], and names the scores of classes where there are any. */
function convNext(
  params: ConvNextParams,
  { pixels }: VisionInputs,
  tap: Tap,
  config: ConvNextConfig,
): Tensor {
  const activation = activationFunction(config.activation);
  const { height, width } = config.patch;
  const { stem } = params;
  const own = tap.in("stem");
  const cut = own("conv", convolved(pixels, stem.conv, [height, width]));
  let x = tap("stem", streamOf(norm(rowsOf(cut), stem.ln, own.in("ln"))));
  for (const [i, { down, blocks }] of params.stages.entries()) {
    const at = tap.in(`stages.${i}`);
    if (down !== undefined) {
      const normed = norm(rowsOf(x), down.ln, at.in("down").in("ln"));
      x = convolved(streamOf(normed), down.conv, [2, 2]);
    }
    for (const [j, block] of blocks.entries()) {
      x = convNextBlock(x, block, activation, at.in(`blocks.${j}`));
    }
  }
  const mean = tap("pool", x.mean({ axis: [2, 3] }));
  const last = layerNorm(config.epsilon)(mean, params.lnFinal, tap.in("ln_final"));
  const pooled = tap("pooler", last);
  if (params.classifier !== undefined) tap("logits", linear(pooled, params.classifier));
  return pooled;
}

function convNextBlock(
  x: Tensor,
  p: BlockParams,
  activation: ActivationFunction,
  tap: Tap,
): Tensor {
  const before = tap("resid_pre", x);
  const groups = before.shape[1]!;
  const spatial = { bias: p.dwconv.bias!, groups, padding: Math.floor(KERNEL / 2) };
  const mixed = tap("dwconv", before.conv2d(p.dwconv.weight, spatial));
  const hidden = mlp(norm(rowsOf(mixed), p.ln, tap.in("ln")), p.mlp, activation, tap.in("mlp"));
  const scaled = p.scale === undefined ? hidden : tap("mlp.raw_out", hidden).mul(p.scale);
  return tap("resid_post", before.add(tap("mlp_out", streamOf(scaled))));
}

/** A convolution whose windows lie side by side. */
function convolved(x: Tensor, { weight, bias }: LinearParams, stride: readonly number[]): Tensor {
  return x.conv2d(weight, { bias: bias!, stride });
}

/** [batch, channel, height, width] to [batch, height, width, channel]. */
function rowsOf(x: Tensor): Tensor {
  return x.transpose([0, 2, 3, 1]);
}

/** [batch, height, width, channel] to [batch, channel, height, width]. */
function streamOf(x: Tensor): Tensor {
  return x.transpose([0, 3, 1, 2]);
}

function convEntries(path: string, name: string, shape: readonly number[]): ParamEntry[] {
  return [
    { path: `${path}.weight`, name: `${name}.weight`, shape },
    { path: `${path}.bias`, name: `${name}.bias`, shape: [shape[0]!] },
  ];
}

function blockEntries(to: string, from: string, size: number, hasScale: boolean): ParamEntry[] {
  return [
    ...convEntries(`${to}.dwconv`, `${from}.dwconv`, [size, 1, KERNEL, KERNEL]),
    ...normEntries(`${to}.ln`, `${from}.layernorm`, size, true),
    ...linearEntries(`${to}.mlp.in`, `${from}.pwconv1`, [size, 4 * size], true),
    ...linearEntries(`${to}.mlp.out`, `${from}.pwconv2`, [4 * size, size], true),
    ...(hasScale
      ? [{ path: `${to}.scale`, name: `${from}.layer_scale_parameter`, shape: [size] }]
      : []),
  ];
}

function layout(config: ConvNextConfig): ParamEntry[] {
  const { channels, patch, stages, hasScale, labels } = config;
  const first = stages[0]!.channels;
  const last = stages.at(-1)!.channels;
  const stem = [first, channels, patch.height, patch.width];
  return [
    ...convEntries("stem.conv", "convnext.embeddings.patch_embeddings", stem),
    ...normEntries("stem.ln", "convnext.embeddings.layernorm", first, true),
    ...stages.flatMap(({ channels: size, depth }, i) => {
      const to = `stages.${i}`;
      const from = `convnext.encoder.stages.${i}`;
      const before = stages[i - 1]?.channels;
      return [
        ...(before === undefined
          ? []
          : [
              ...normEntries(`${to}.down.ln`, `${from}.downsampling_layer.0`, before, true),
              ...convEntries(`${to}.down.conv`, `${from}.downsampling_layer.1`, [
                size,
                before,
                2,
                2,
              ]),
            ]),
        ...Array.from({ length: depth }, (_, j) =>
          blockEntries(`${to}.blocks.${j}`, `${from}.layers.${j}`, size, hasScale),
        ).flat(),
      ];
    }),
    ...normEntries("lnFinal", "convnext.layernorm", last, true),
    ...(labels.length === 0
      ? []
      : linearEntries("classifier", "classifier", [last, labels.length], true)),
  ];
}

/** The family that config.json calls `ConvNextModel`, or `ConvNextForImageClassification`. */
export const convNextFamily: VisionFamily<ConvNextConfig> = {
  architectures: ["ConvNextModel", "ConvNextForImageClassification"],
  kind: "vision",
  config: convNextConfig,
  layout,
  optionalPrefix: "convnext.",
  forward: convNext,
  meanings: {
    "ln_final.normalized": ["batch channel", "mean over positions, before gain and bias"],
  },
  absent: {
    "attn.pattern": "it has no attention: a convolution takes its place, see dwconv",
    logits: "its architecture has no head",
  },
};
