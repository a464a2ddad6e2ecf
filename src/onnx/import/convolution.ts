// Convolutions, and norms over neighbouring channels.

import { conv1d, conv2d, convTransposeOp } from "../../tensor/ops/convolution.ts";
import { apply, Tensor } from "../../tensor/tensor.ts";
import { activated } from "./fused.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";
import { pooling } from "./pooling.ts";
import { spanOf, windowsOf } from "./sliding.ts";

/** A bias for each channel of [batch, channels, ...space]. */
function biased(x: Tensor, bias: Tensor | undefined): Tensor {
  return bias === undefined
    ? x
    : x.add(bias.reshape([bias.size, ...x.shape.slice(2).map(() => 1)]));
}

/** Slides kernels [out, in / groups, ...size] over [batch, in, ...space]. */
function convolution(context: ImportContext): Tensor | readonly Tensor[] {
  const { input, inputs, int } = context;
  const [x, w, bias] = [input(0), input(1), inputs[2]];
  const [batch = 0, , ...space] = x.shape;
  const { stride, dilation, before, after, counts } = windowsOf(context, space, w.shape.slice(2));
  const isTraced = (space.length === 1 || space.length === 2) && x.dtype === "float32";
  const shape = [batch, w.shape[0]!, ...counts];
  if (!isTraced || [...before, ...after].some((size) => size < 0))
    return context.asItIs([{ shape, dtype: x.dtype }]);
  const padding = before.map((size, i) => [size, after[i]!] as const);
  const options = { stride, dilation, padding, groups: int("group", 1), ...(bias && { bias }) };
  return space.length === 1 ? conv1d(x, w, options) : conv2d(x, w, options);
}

/** The convolution of a fused node, what is added to it, and its activation. */
function fusedConvolution(context: ImportContext): Tensor | readonly Tensor[] {
  const y = convolution(context);
  // run as it stands, the node has done the rest too
  if (!(y instanceof Tensor)) return y;
  const added = context.inputs[3];
  const sum = added === undefined ? y : y.add(added);
  return activated(context, sum, context.floats("activation_params") ?? []);
}

/** Adds every number, times the kernel [in, out / groups, ...size], to the window it stands for. */
function transposed(context: ImportContext): Tensor | readonly Tensor[] {
  const { input, inputs, int } = context;
  const [x, w, bias] = [input(0), input(1), inputs[2]];
  const [batch = 0, , ...space] = x.shape;
  const groups = int("group", 1);
  const isMatched = w.rank === x.rank && x.shape[1] === w.shape[0] && w.shape[0]! % groups === 0;
  if (!isMatched || groups < 1)
    throw context.refuse(
      `takes [${x.shape.join(", ")}] and kernels of [${w.shape.join(", ")}] in ${groups} groups`,
    );
  const geometry = transposedGeometry(context, space, w.shape.slice(2));
  const { stride, dilation, before, after, size } = geometry;
  const channels = w.shape[1]! * groups;
  const far = [...stride, ...dilation, ...before, ...after].find((n) => Math.abs(n) > 2 ** 31);
  if (far !== undefined) throw context.refuse(`takes steps or cuts of ${far}`);
  const isTraced = (space.length === 1 || space.length === 2) && x.dtype === "float32";
  if (!isTraced) return context.asItIs([{ shape: [batch, channels, ...size], dtype: x.dtype }]);
  // what lies beyond the last window is 0: kernels are not asked for it
  const missing = after.map((end) => Math.max(0, -end));
  const attrs = {
    stride,
    dilation,
    before,
    after: after.map((end) => Math.max(0, end)),
    groups,
    size: size.map((length, i) => length - missing[i]!),
  };
  const y = missing.reduce(
    (t, count, i) => (count === 0 ? t : t.pad({ axis: i + 2, before: 0, after: count })),
    apply(convTransposeOp, [x, w], attrs),
  );
  return biased(y, bias);
}

interface TransposedGeometry {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly before: readonly number[];
  /** Cropped from the end; below 0, added to it. */
  readonly after: readonly number[];
  readonly size: readonly number[];
}

function transposedGeometry(
  { ints, text }: ImportContext,
  space: readonly number[],
  kernel: readonly number[],
): TransposedGeometry {
  const ones = space.map(() => 1);
  const [stride, dilation] = [ints("strides") ?? ones, ints("dilations") ?? ones];
  const extra = ints("output_padding") ?? space.map(() => 0);
  const mode = text("auto_pad", "NOTSET");
  const isSame = mode === "SAME_UPPER" || mode === "SAME_LOWER";
  const pads = mode === "VALID" ? undefined : ints("pads");
  const asked = ints("output_shape")?.slice(-space.length);
  const found = space.map((count, i) => {
    const whole = (count - 1) * stride[i]! + spanOf(kernel[i]!, dilation[i]!) + extra[i]!;
    // ONNX Runtime adds nothing to fill what the rule asks for
    const wanted = asked?.[i] ?? (isSame ? Math.min(whole, count * stride[i]!) : undefined);
    if (wanted === undefined) {
      const [before, end] = [pads?.[i] ?? 0, pads?.[i + space.length] ?? 0];
      return { before, after: end - extra[i]!, size: whole - before - end };
    }
    const total = Math.max(0, whole - wanted);
    const smaller = Math.floor(total / 2);
    const before = mode === "SAME_UPPER" ? smaller : total - smaller;
    return { before, after: whole - before - wanted - extra[i]!, size: wanted };
  });
  return {
    stride,
    dilation,
    before: found.map(({ before }) => before),
    after: found.map(({ after }) => after),
    size: found.map(({ size }) => size),
  };
}

/** A convolution whose kernels reach to places that are computed. */
function deformable(context: ImportContext): readonly Tensor[] {
  const [x, w] = [context.input(0), context.input(1)];
  const { counts } = windowsOf(context, x.shape.slice(2), w.shape.slice(2));
  return context.asItIs([{ shape: [x.shape[0]!, w.shape[0]!, ...counts], dtype: x.dtype }]);
}

/** Divides by a power of the squares in neighbouring channels. */
function channelNorm({ input, int, float }: ImportContext): Tensor {
  const [x, size] = [input(0), int("size", 1)];
  const count = x.shape[1]!;
  // neighbours that no channel has need not be looked for
  const before = Math.min(Math.floor((size - 1) / 2), count);
  const after = Math.min(Math.ceil((size - 1) / 2), count);
  const squares = x.square().pad({ axis: 1, before, after });
  const sums = Array.from({ length: before + 1 + after }, (_, i) =>
    squares.slice({ axis: 1, start: i, end: i + count }),
  ).reduce((a, b) => a.add(b));
  const base = sums.mul(float("alpha", 1e-4) / size).add(float("bias", 1));
  return x.div(base.log().mul(float("beta", 0.75)).exp());
}

export const convolutions: ImportHandlers = {
  Conv: convolution,
  "com.microsoft.FusedConv": fusedConvolution,
  ConvTranspose: transposed,
  DeformConv: deformable,
  LRN: channelNorm,
  ...pooling,
};
