// Operators that bring numbers to a common scale.

import { full } from "../../tensor/ops/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { resolveAxis, sizeOf } from "../../tensor/tensor.ts";
import type { ImportContext, ImportHandler, ImportHandlers } from "./handler.ts";

/** A function of lines, along the axis that the node names; before operator set 13, of all that lies from that axis on as one line. */
function alongAxis(fn: (x: Tensor, axis: number) => Tensor): ImportHandler {
  return (context) => {
    const x = context.input(0);
    const isFlat = context.opset < 13;
    const given = context.int("axis", isFlat ? 1 : -1);
    const isEnd = isFlat && given === x.rank;
    const axis = isEnd ? given : resolveAxis(context.opType, given, x.rank);
    if (!isFlat) return fn(x, axis);
    const rows = sizeOf(x.shape.slice(0, axis));
    return fn(x.reshape([rows, sizeOf(x.shape.slice(axis))]), 1).reshape(x.shape);
  };
}

/** A one where a line has its first largest number, zeros elsewhere. */
function hardmax(x: Tensor, axis: number): Tensor {
  const rows = x.argmax({ axis }).oneHot(x.shape[axis]!);
  const order = x.shape.map((_, i) => (i < axis ? i : i - 1)).with(axis, x.rank - 1);
  return rows.transpose(order);
}

/** Everything from an axis on as one line. */
interface Lines {
  readonly x: Tensor;
  /** The mean over each line. */
  readonly mean: (y: Tensor) => Tensor;
  readonly axes: readonly number[];
}

function linesFrom(context: ImportContext, x: Tensor): Lines {
  const first = resolveAxis(context.opType, context.int("axis", -1), x.rank);
  const axes = x.shape.map((_, i) => i).slice(first);
  return { x, axes, mean: (y) => y.mean({ axis: axes, keepDims: true }) };
}

/** Mean 0 and variance 1 over every line, and what it was brought there by. */
function centred({ x, axes, mean }: Lines, params: NormParams): readonly Tensor[] {
  const { gain, bias, epsilon } = params;
  const size = sizeOf(axes.map((axis) => x.shape[axis]!));
  const flat = x.reshape([...x.shape.slice(0, axes[0]), size]);
  const isWhole = gain?.size === size && (bias === undefined || bias.size === size);
  const own = (t: Tensor | undefined): Tensor | undefined =>
    isWhole ? t?.reshape([size]) : undefined;
  const y = flat.layerNorm(own(gain), own(bias), { epsilon }).reshape(x.shape);
  const average = mean(x);
  const scale = mean(x.sub(average).square()).add(epsilon).rsqrt();
  return [isWhole ? y : weighted(y, params), average, scale];
}

/** Mean square 1 over every line, and what it was brought there by. */
function scaled({ x, axes, mean }: Lines, params: NormParams): readonly Tensor[] {
  const { gain, epsilon } = params;
  const size = sizeOf(axes.map((axis) => x.shape[axis]!));
  const flat = x.reshape([...x.shape.slice(0, axes[0]), size]);
  const isWhole = gain?.size === size;
  const y = flat.rmsNorm(isWhole ? gain.reshape([size]) : undefined, { epsilon }).reshape(x.shape);
  const scale = mean(x.square()).add(epsilon).rsqrt();
  return [isWhole ? y : weighted(y, params), scale];
}

interface NormParams {
  readonly gain: Tensor | undefined;
  readonly bias: Tensor | undefined;
  readonly epsilon: number;
}

function weighted(y: Tensor, { gain, bias }: NormParams): Tensor {
  const times = gain === undefined ? y : y.mul(gain);
  return bias === undefined ? times : times.add(bias);
}

function layerNorm(context: ImportContext): readonly Tensor[] {
  const { input, inputs, float } = context;
  const params = { gain: inputs[1], bias: inputs[2], epsilon: float("epsilon", 1e-5) };
  return centred(linesFrom(context, input(0)), params);
}

function rmsNorm(context: ImportContext): readonly Tensor[] {
  const { input, inputs, float } = context;
  const params = { gain: inputs[1], bias: undefined, epsilon: float("epsilon", 1e-5) };
  return scaled(linesFrom(context, input(0)), params);
}

/** The norm of a residual stream and what is added to it; the sum is the fourth output. */
function skipNorm(isCentred: boolean): ImportHandler {
  return (context) => {
    const { input, inputs, float, name } = context;
    const beta = isCentred ? inputs[3] : undefined;
    const bias = isCentred ? inputs[4] : inputs[3];
    const added = input(0).add(input(1));
    const sum = bias === undefined ? added : added.add(bias);
    // under a name of its own even where it is an output: what is done to that would not reach its norm
    const x = name("sum", sum);
    const params = { gain: input(2), bias: beta, epsilon: float("epsilon", 1e-12) };
    const lines = linesFrom(context, x);
    if (isCentred) return [...centred(lines, params), x];
    const [y, scale] = scaled(lines, params);
    return [y!, scale!, scale!, x];
  };
}

/** Word, position and segment embeddings, their sum normalised. */
function embedLayerNorm(context: ImportContext): readonly Tensor[] {
  const { input, inputs, float } = context;
  const [ids, segments, words, positions] = [input(0), inputs[1], input(2), input(3)];
  const [segmentTable, gain, bias, mask, places] = [
    inputs[4],
    input(5),
    input(6),
    inputs[7],
    inputs[8],
  ];
  const [batch, pos] = ids.shape as [number, number];
  const at =
    places === undefined
      ? positions.slice({ axis: 0, end: pos }).unsqueeze(0)
      : positions.gather(places);
  const placed = words.gather(ids).add(at);
  const sum =
    segmentTable === undefined || segments === undefined
      ? placed
      : placed.add(segmentTable.gather(segments));
  const [y] = centred(
    { x: sum, axes: [2], mean: (t) => t.mean({ axis: [2], keepDims: true }) },
    { gain, bias, epsilon: float("epsilon", 1e-12) },
  );
  const lengths =
    mask === undefined ? full([batch], 0, "int32") : mask.cast("int32").sum({ axis: 1 });
  return [y!, lengths, sum];
}

/** A number for each channel, [channels], beside [batch, channels, ...space]. */
function perChannel(t: Tensor, rank: number): Tensor {
  return t.reshape([t.size, ...Array.from({ length: rank - 2 }, () => 1)]);
}

/** Mean 0 and variance 1 over the channels of a group and all of space. */
function groupNorm(context: ImportContext): Tensor {
  const { input, int, float, opset } = context;
  const [x, gain, bias] = [input(0), input(1), input(2)];
  const groups = int("num_groups", 1);
  const [batch, channels] = x.shape as [number, number];
  const y = x.reshape([batch, groups, x.size / (batch * groups)]).layerNorm(undefined, undefined, {
    epsilon: float("epsilon", 1e-5),
  });
  // before version 21 there is a weight for each group, since then one for each channel
  const isPerGroup = opset < 21 && gain.size === groups;
  const own = (t: Tensor): Tensor => (isPerGroup ? t.reshape([groups, 1]) : perChannel(t, x.rank));
  const lines = isPerGroup ? y : y.reshape(x.shape);
  if (!isPerGroup && gain.size !== channels)
    throw context.refuse(`has ${gain.size} weights for ${channels} channels`);
  return lines.mul(own(gain)).add(own(bias)).reshape(x.shape);
}

function instanceNorm({ input, float }: ImportContext): Tensor {
  const x = input(0);
  const [batch, channels] = x.shape as [number, number];
  const lines = x.reshape([batch, channels, x.size / (batch * channels)]);
  const y = lines.layerNorm(undefined, undefined, { epsilon: float("epsilon", 1e-5) });
  return y
    .reshape(x.shape)
    .mul(perChannel(input(1), x.rank))
    .add(perChannel(input(2), x.rank));
}

/** By the statistics in the file, or in training by those of the batch, with which the former are then moved. */
function batchNorm(context: ImportContext): readonly Tensor[] {
  const { input, int, float, opset } = context;
  const [x, gain, bias, mean, variance] = [input(0), input(1), input(2), input(3), input(4)];
  const epsilon = float("epsilon", 1e-5);
  const isTraining = opset >= 14 ? int("training_mode", 0) === 1 : context.hasOutput(1);
  if (opset < 14 && isTraining)
    throw context.refuse("trains, in a form older than operator set 14");
  const normed = (m: Tensor, v: Tensor): Tensor => {
    const scale = gain.mul(v.add(epsilon).rsqrt());
    return x.mul(perChannel(scale, x.rank)).add(perChannel(bias.sub(m.mul(scale)), x.rank));
  };
  if (!isTraining) return [normed(mean, variance)];
  const axis = x.shape.map((_, i) => i).filter((i) => i !== 1);
  const [ownMean, ownVariance] = [x.mean({ axis }), x.var({ axis })];
  const momentum = float("momentum", 0.9);
  const moved = (old: Tensor, own: Tensor): Tensor => old.mul(momentum).add(own.mul(1 - momentum));
  return [normed(ownMean, ownVariance), moved(mean, ownMean), moved(variance, ownVariance)];
}

// the smallest that float32 holds in full precision: lines of zeros stay zeros
const TINY = 1.1754943508222875e-38;

function lpNorm({ input, int }: ImportContext): Tensor {
  const [x, axis, p] = [input(0), int("axis", -1), int("p", 2)];
  const size =
    p === 1
      ? x.abs().sum({ axis, keepDims: true })
      : x.square().sum({ axis, keepDims: true }).sqrt();
  return x.div(size.maximum(TINY));
}

function meanVarianceNorm({ input, ints }: ImportContext): Tensor {
  const [x, axis] = [input(0), ints("axes") ?? [0, 2, 3]];
  const distance = x.sub(x.mean({ axis, keepDims: true }));
  const deviation = distance.square().mean({ axis, keepDims: true }).sqrt();
  return distance.div(deviation.add(1e-9));
}

export const normalise: ImportHandlers = {
  Softmax: alongAxis((x, axis) => x.softmax({ axis })),
  LogSoftmax: alongAxis((x, axis) => x.logSoftmax({ axis })),
  Hardmax: alongAxis(hardmax),
  LayerNormalization: layerNorm,
  RMSNormalization: rmsNorm,
  SimplifiedLayerNormalization: rmsNorm,
  "com.microsoft.SimplifiedLayerNormalization": rmsNorm,
  "com.microsoft.SkipLayerNormalization": skipNorm(true),
  "com.microsoft.SkipSimplifiedLayerNormalization": skipNorm(false),
  "com.microsoft.EmbedLayerNormalization": embedLayerNorm,
  GroupNormalization: groupNorm,
  InstanceNormalization: instanceNorm,
  BatchNormalization: batchNorm,
  LpNormalization: lpNorm,
  MeanVarianceNormalization: meanVarianceNorm,
};
