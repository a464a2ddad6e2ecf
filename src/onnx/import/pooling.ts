// Poolings: one number for every window.

import { conv1d, conv2d } from "../../tensor/ops/convolution.ts";
import { ones, zeros } from "../../tensor/ops/creation.ts";
import { avgPool, maxPool } from "../../tensor/ops/pooling.ts";
import type { DType, Tensor } from "../../tensor/tensor.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import type { ImportContext, ImportHandler, ImportHandlers } from "./handler.ts";
import { knownTensor } from "./known.ts";
import type { Windows } from "./sliding.ts";
import { reached, spanOf, windowsOf } from "./sliding.ts";

/** Whether traced poolings take the input. */
function isTraced(x: Tensor): boolean {
  return (x.rank === 3 || x.rank === 4) && x.dtype === "float32";
}

/** Drops what no window reaches, so that what is put at the end is never less than 0. */
function cropped(x: Tensor, after: readonly number[]): Tensor {
  return after.reduce(
    (y, size, i) => (size < 0 ? y.slice({ axis: i + 2, end: y.shape[i + 2]! + size }) : y),
    x,
  );
}

function paddingOf({ before }: Windows, after: readonly number[]): (readonly [number, number])[] {
  return before.map((size, i) => [size, Math.max(0, after[i]!)] as const);
}

function largest(context: ImportContext): Tensor | readonly Tensor[] {
  const x = context.input(0);
  const [batch = 0, channels = 0, ...space] = x.shape;
  const windows = windowsOf(context, space);
  const { kernel, stride, dilation, before, counts } = windows;
  const after = reached(windows, space);
  const shape = [batch, channels, ...counts];
  const isPlain =
    !context.hasOutput(1) &&
    dilation.every((step) => step === 1) &&
    [...before, ...after].every((size, i) => size < kernel[i % kernel.length]!);
  if (isPlain && isTraced(x))
    return maxPool(cropped(x, after), { kernel, stride, padding: paddingOf(windows, after) });
  const outputs = [{ shape, dtype: x.dtype }];
  const indices = { shape, dtype: "int64" as DType };
  return context.asItIs(context.hasOutput(1) ? [...outputs, indices] : outputs);
}

/** The sum over every window. */
function windowSums(x: Tensor, windows: Windows): Tensor {
  const { kernel, stride, dilation, before, counts } = windows;
  const [batch = 0, channels = 0, ...space] = x.shape;
  const after = reached(windows, space);
  const [inner, padding] = [cropped(x, after), paddingOf(windows, after)];
  const isPlain =
    dilation.every((step) => step === 1) &&
    [...before, ...after].every((size, i) => size < kernel[i % kernel.length]!);
  if (isPlain) return avgPool(inner, { kernel, stride, padding }).mul(sizeOf(kernel));
  const alone = inner.reshape([batch * channels, 1, ...inner.shape.slice(2)]);
  const slide = space.length === 1 ? conv1d : conv2d;
  const sums = slide(alone, ones([1, 1, ...kernel]), { stride, dilation, padding });
  return sums.reshape([batch, channels, ...counts]);
}

/** How many positions of each window lie in the input, or in that and what is put around it: [...counts]. */
function windowSizes(
  { kernel, stride, dilation, before, after, counts }: Windows,
  space: readonly number[],
  countsPadding: boolean,
): Tensor {
  const alongAxis = counts.map((count, i) => {
    const [low, high] = countsPadding ? [-before[i]!, space[i]! + after[i]!] : [0, space[i]!];
    return Array.from({ length: count }, (_, window) => {
      const start = window * stride[i]! - before[i]!;
      const first = Math.max(0, Math.ceil((low - start) / dilation[i]!));
      const end = Math.min(kernel[i]!, Math.ceil((high - start) / dilation[i]!));
      return Math.max(0, end - first);
    });
  });
  const sizes = alongAxis.reduce<number[]>(
    (all, own) => all.flatMap((a) => own.map((b) => a * b)),
    [1],
  );
  return knownTensor(sizes, { shape: counts, dtype: "float32" });
}

function average(context: ImportContext): Tensor | readonly Tensor[] {
  const x = context.input(0);
  const [batch = 0, channels = 0, ...space] = x.shape;
  const windows = windowsOf(context, space);
  if (!isTraced(x))
    return context.asItIs([{ shape: [batch, channels, ...windows.counts], dtype: x.dtype }]);
  const sizes = windowSizes(windows, space, context.int("count_include_pad", 0) === 1);
  return windowSums(x, windows).div(sizes);
}

/** The p-norm of every window. */
function norm(context: ImportContext): Tensor | readonly Tensor[] {
  const x = context.input(0);
  const [batch = 0, channels = 0, ...space] = x.shape;
  const windows = windowsOf(context, space);
  if (!isTraced(x))
    return context.asItIs([{ shape: [batch, channels, ...windows.counts], dtype: x.dtype }]);
  const p = context.int("p", 2);
  return rooted(windowSums(powered(x, p), windows), p);
}

const powered = (x: Tensor, p: number): Tensor =>
  p === 2 ? x.square() : p === 1 ? x.abs() : x.abs().pow(p);
const rooted = (x: Tensor, p: number): Tensor => (p === 2 ? x.sqrt() : p === 1 ? x : x.pow(1 / p));

/** One number for all of space. */
function overall(
  fold: (x: Tensor, axis: readonly number[], context: ImportContext) => Tensor,
): ImportHandler {
  return (context) => {
    const x = context.input(0);
    return fold(x, x.shape.map((_, i) => i).slice(2), context);
  };
}

/** The inverse of a pooling that kept its places: these count the positions of what was pooled, as far as the windows reach. */
function unpooled(context: ImportContext): Tensor {
  const [x, places] = [context.input(0), context.input(1)];
  const [batch = 0, channels = 0, ...space] = x.shape;
  const { ints } = context;
  const kernel = ints("kernel_shape") ?? [];
  const [strides, pads] = [ints("strides"), ints("pads")];
  const natural = space.map((count, i) => {
    const around = (pads?.[i] ?? 0) + (pads?.[i + space.length] ?? 0);
    return (count - 1) * (strides?.[i] ?? 1) + spanOf(kernel[i]!, 1) - around;
  });
  const whole = [batch, channels, ...natural];
  const flat = zeros([sizeOf(whole)], x.dtype).scatterAdd(
    places.reshape([x.size]),
    x.reshape([x.size]),
  );
  return (context.known(2) ?? whole).reduce<Tensor>(
    (y, size, axis) =>
      size > whole[axis]! ? y.pad({ axis, before: 0, after: size - whole[axis]! }) : y,
    flat.reshape(whole),
  );
}

export const pooling: ImportHandlers = {
  MaxPool: largest,
  AveragePool: average,
  LpPool: norm,
  MaxUnpool: unpooled,
  GlobalAveragePool: overall((x, axis) => x.mean({ axis, keepDims: true })),
  GlobalMaxPool: overall((x, axis) => x.max({ axis, keepDims: true })),
  GlobalLpPool: overall((x, axis, { int }) => {
    const p = int("p", 2);
    return rooted(powered(x, p).sum({ axis, keepDims: true }), p);
  }),
};
