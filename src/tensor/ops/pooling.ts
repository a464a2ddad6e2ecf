// Poolings over one or two spatial axes: x [batch, channels, ...space].

import { PatchClampError } from "../../core/errors.ts";
import type { NumberArray } from "../op.ts";
import { defineOp, f32, sameDType, showShape } from "../op.ts";
import type { Aval } from "../tensor.ts";
import { apply, sizeOf, Tensor } from "../tensor.ts";
import type { Geometry, Padding, PerAxis } from "./_windows.ts";
import {
  asFloat,
  eachTap,
  offsets,
  paddingPerAxis,
  padSpace,
  perAxis,
  shifted,
  windows,
} from "./_windows.ts";
import { convTransposeOp } from "./convolution.ts";
import { full } from "./creation.ts";

declare module "../tensor.ts" {
  interface Tensor {
    /** The largest value of each window of [batch, channels, ...space]. */
    maxPool(options: PoolOptions): Tensor;
    /** The mean of each window of [batch, channels, ...space]. */
    avgPool(options: PoolOptions): Tensor;
  }
}

/** How a pooling steps over the input. */
export interface PoolOptions {
  /** Size of the window. */
  kernel: PerAxis<number>;
  /** Input positions from one window to the next; default: the size of the window. */
  stride?: PerAxis<number>;
  /** Positions put around the input, fewer than the window has; default 0. */
  padding?: Padding;
}

interface PoolAttrs extends Geometry {
  readonly kernel: readonly number[];
}

// What max pooling puts around the input: nothing finite in float32 is smaller.
const LOWEST = -3.4028234663852886e38;

const maxPoolOp = defineOp<PoolAttrs>({
  name: "maxPool",
  infer: ([x], attrs) => [pooled("maxPool", x!, attrs)],
  // y = max of each window:  dx = g where x is the first largest of its window
  grad: ({ inputs: [x], outputs: [y], cotangents: [g], attrs }) => {
    const padded = padSpace(x!, attrs, LOWEST);
    let taken: Tensor | undefined;
    let dx: Tensor | undefined;
    for (const offset of offsets(attrs.kernel)) {
      const isMax = shifted(padded, offset, y!.shape.slice(2), attrs).equal(y!);
      const isFirst = taken === undefined ? isMax : isMax.and(taken.not());
      taken = taken === undefined ? isMax : taken.or(isMax);
      const part = spread(g!.mul(isFirst.cast("float32")), offset, padded.shape.slice(2), attrs);
      dx = dx === undefined ? part : dx.add(part);
    }
    return [cropSpace(dx!, x!.shape.slice(2), attrs)];
  },
  lower: ({ emit }, [x], attrs) => [emit("MaxPool", [x!], onnxWindow(attrs))],
  flops: (_, [y], { kernel }) => sizeOf(y!.shape) * sizeOf(kernel),
  reference: ([x], attrs) => poolReference(x!, attrs, -Infinity, Math.max),
  samples: [
    { inputs: [f32([2, 3, 7])], attrs: { kernel: [3], ...pool([2]) } }, // overlapping windows
    { inputs: [f32([1, 2, 5])], attrs: { kernel: [2], ...pool([2], [1], [1]) } },
    { inputs: [f32([1, 2, 4, 5])], attrs: { kernel: [2, 3], ...pool([2, 1], [0, 1], [0, 0]) } },
    { inputs: [f32([1, 1, 3, 1])], attrs: { kernel: [1, 1], ...pool([1, 1]) } },
    { inputs: [f32([1, 1, 4], { values: [1, 1, 1, 1] })], attrs: { kernel: [1], ...pool([2]) } }, // the stride skips inputs
  ],
  sliceThrough: (axis) => (axis < 2 ? [axis] : undefined),
});

/**
 * The largest value of each window.
 *
 * @param x - [batch, channels, length] or [batch, channels, height, width]
 * @returns [batch, channels, ...windows]; where values tie, the first of them gets the gradient
 * @throws PatchClampError `SHAPE_MISMATCH` when no window fits, `BAD_OPTION` for a size that is no such integer
 */
export function maxPool(x: Tensor, options: PoolOptions): Tensor {
  return apply(maxPoolOp, [x], poolAttrs("maxPool", x, options));
}

const avgPoolOp = defineOp<PoolAttrs>({
  name: "avgPool",
  infer: ([x], attrs) => [pooled("avgPool", x!, attrs)],
  // y = C(x, ones / n) on each channel by itself:  dx = T(g, ones / n)
  grad: ({ inputs: [x], cotangents: [g], attrs: { kernel, ...geometry } }) => {
    const [batch = 0, channels = 0, ...size] = x!.shape;
    const alone = g!.reshape([batch * channels, 1, ...g!.shape.slice(2)]);
    const mean = full([1, 1, ...kernel], 1 / sizeOf(kernel));
    return [
      apply(convTransposeOp, [alone, mean], { ...geometry, groups: 1, size }).reshape(x!.shape),
    ];
  },
  lower: ({ emit }, [x], attrs) => [
    emit("AveragePool", [x!], { ...onnxWindow(attrs), count_include_pad: 1 }),
  ],
  flops: (_, [y], { kernel }) => sizeOf(y!.shape) * sizeOf(kernel),
  reference: ([x], attrs) =>
    poolReference(x!, attrs, 0, (sum, value) => sum + value / sizeOf(attrs.kernel)),
  samples: [
    { inputs: [f32([2, 3, 7])], attrs: { kernel: [3], ...pool([2]) } },
    { inputs: [f32([1, 2, 5])], attrs: { kernel: [2], ...pool([2], [1], [1]) } },
    { inputs: [f32([1, 2, 4, 5])], attrs: { kernel: [2, 3], ...pool([1, 3], [1, 0], [0, 2]) } },
    { inputs: [f32([1, 1, 3, 1])], attrs: { kernel: [1, 1], ...pool([1, 1]) } },
  ],
  sliceThrough: (axis) => (axis < 2 ? [axis] : undefined),
});

/**
 * The mean of each window; padding counts as zeros.
 *
 * @param x - [batch, channels, length] or [batch, channels, height, width]
 * @returns [batch, channels, ...windows]
 * @throws PatchClampError as {@link maxPool}
 */
export function avgPool(x: Tensor, options: PoolOptions): Tensor {
  return apply(avgPoolOp, [x], poolAttrs("avgPool", x, options));
}

Tensor.prototype.maxPool = function maxPoolMethod(this: Tensor, options) {
  return maxPool(this, options);
};
Tensor.prototype.avgPool = function avgPoolMethod(this: Tensor, options) {
  return avgPool(this, options);
};

function poolAttrs(where: string, x: Tensor, options: PoolOptions): PoolAttrs {
  const { kernel: kernelOption, stride = kernelOption, padding = 0 } = options;
  const rank = x.rank - 2;
  if (rank !== 1 && rank !== 2) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where,
      problem: `expected [batch, channels, length] or [batch, channels, height, width], got ${showShape(x.shape)}.`,
    });
  }
  const kernel = perAxis(where, "kernel", kernelOption, rank, 1);
  const { before, after } = paddingPerAxis(where, padding, rank);
  const most = [...before, ...after].find((size, i) => size >= kernel[i % rank]!);
  if (most !== undefined) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `a padding of ${most} makes windows of padding only, as the kernel is ${showShape(kernel)}.`,
      fix: "pad with less than the size of the window.",
    });
  }
  return {
    kernel,
    stride: perAxis(where, "stride", stride, rank, 1),
    before,
    after,
    dilation: kernel.map(() => 1),
  };
}

function pooled(where: string, x: Aval, attrs: PoolAttrs): Aval {
  sameDType(where, [x], ["float32"]);
  const [batch = 0, channels = 0, ...space] = x.shape;
  return {
    shape: [batch, channels, ...windows(where, space, attrs.kernel, attrs)],
    dtype: "float32",
  };
}

function cropSpace(x: Tensor, space: readonly number[], { before }: Geometry): Tensor {
  return space.reduce<Tensor>((y, size, i) => {
    return y.shape[i + 2] === size
      ? y
      : y.slice({ axis: i + 2, start: before[i]!, end: before[i]! + size });
  }, x);
}

/** The adjoint of `shifted`: puts the values of each window back at `offset` of it, zeros elsewhere. */
function spread(
  x: Tensor,
  offset: readonly number[],
  space: readonly number[],
  geometry: Geometry,
): Tensor {
  return space.reduce<Tensor>((y, size, i) => {
    const axis = i + 2;
    const step = geometry.stride[i]!;
    const before = offset[i]! * geometry.dilation[i]!;
    const length = (y.shape[axis]! - 1) * step + 1;
    const sparse =
      step === 1 ? y : insertZeros(y, axis, step - 1).slice({ axis, start: 0, end: length });
    return sparse.pad({ axis, before, after: size - before - length });
  }, x);
}

/** Puts `count` zeros after every element along an axis. */
function insertZeros(x: Tensor, axis: number, count: number): Tensor {
  const shape = x.shape.map((size, i) => (i === axis ? size * (count + 1) : size));
  return x
    .unsqueeze(axis + 1)
    .pad({ axis: axis + 1, before: 0, after: count })
    .reshape(shape);
}

function onnxWindow({
  kernel,
  stride,
  before,
  after,
}: PoolAttrs): Record<string, readonly number[]> {
  return { kernel_shape: kernel, strides: stride, pads: [...before, ...after] };
}

function poolReference(
  x: NumberArray,
  attrs: PoolAttrs,
  start: number,
  join: (so: number, value: number) => number,
): number[][] {
  const { shape } = pooled("pool", asFloat(x), attrs);
  const channels = shape[1]!;
  const y = Array.from({ length: sizeOf(shape) }, () => start);
  const alone = { ...attrs, groups: channels };
  eachTap(
    x.shape,
    [channels, 1, ...attrs.kernel],
    shape,
    alone,
    (i, _, o) => (y[o] = join(y[o]!, x.data[i]!)),
  );
  return [y];
}

function pool(
  stride: readonly number[],
  before = stride.map(() => 0),
  after = stride.map(() => 0),
): Geometry {
  return { stride, before, after, dilation: stride.map(() => 1) };
}
