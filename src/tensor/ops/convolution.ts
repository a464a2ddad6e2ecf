// Convolutions over one or two spatial axes: x [batch, channels, ...space].
//
// A convolution C and its adjoint T are linear in both arguments, so the two records are each other's gradients and
// every order of derivative exists: d/dx <g, C(x, w)> = T(g, w) and d/dg <h, T(g, w)> = C(h, w), while both give the
// kernel the same gradient, the correlation of the shifted input with g.

import { PatchClampError } from "../../core/errors.ts";
import type { Op } from "../op.ts";
import { defineOp, f32, sameDType, showShape } from "../op.ts";
import { apply, sizeOf, Tensor } from "../tensor.ts";
import { bandedConvolution, isNarrow } from "./_banded-convolution.ts";
import type { ConvAttrs, ConvTransposeAttrs } from "./_conv-lowering.ts";
import { emitTransposed, onnxGeometry } from "./_conv-lowering.ts";
import type { Padding, PerAxis } from "./_windows.ts";
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

declare module "../tensor.ts" {
  interface Tensor {
    /** Slides kernels [out, in / groups, kernel] over sequences [batch, in, length]. */
    conv1d(w: Tensor, options?: ConvOptions): Tensor;
    /** Slides kernels [out, in / groups, height, width] over images [batch, in, height, width]. */
    conv2d(w: Tensor, options?: ConvOptions): Tensor;
  }
}

/** How a convolution steps over the input. */
export interface ConvOptions {
  /** Added to every output position, [out]. */
  bias?: Tensor;
  /** Input positions from one output to the next, an integer from 1; default 1. */
  stride?: PerAxis<number>;
  /** Zeros put around the input: for both ends, or `[before, after]`; default 0. Causal: `[[kernel - 1, 0]]`. */
  padding?: Padding;
  /** Input positions from one kernel element to the next, an integer from 1; default 1. */
  dilation?: PerAxis<number>;
  /** Channels are cut into this many groups which do not see each other; default 1. */
  groups?: number;
}

// Kernels with more elements than this get their gradient from one convolution instead of one product an element:
// beyond it the nodes cost more than the convolution's poorer memory order.
const MOST_SHIFTS = 64;

const convOp: Op<ConvAttrs> = defineOp<ConvAttrs>({
  name: "conv",
  infer: ([x, w, b], attrs) => {
    const where = `conv${x!.shape.length - 2}d`;
    sameDType(where, b === undefined ? [x!, w!] : [x!, w!, b], ["float32"]);
    const [out = 0, perGroup = 0, ...kernel] = w!.shape;
    const channels = x!.shape[1]!;
    if (perGroup * attrs.groups !== channels || out % attrs.groups !== 0) {
      throw new PatchClampError("SHAPE_MISMATCH", {
        where,
        problem: `the input has ${channels} channels, the kernel ${showShape(w!.shape)} in ${attrs.groups} group(s) takes ${perGroup * attrs.groups} and gives ${out}.`,
        fix: "kernels are [out, in / groups, ...size], and groups divides both in and out.",
        facts: { x: x!.shape, w: w!.shape, groups: attrs.groups },
      });
    }
    if (b !== undefined && (b.shape.length !== 1 || b.shape[0] !== out)) {
      throw new PatchClampError("SHAPE_MISMATCH", {
        where,
        problem: `the bias is ${showShape(b.shape)}, not [${out}] as the kernel gives ${out} channels.`,
      });
    }
    return [
      {
        shape: [x!.shape[0]!, out, ...windows(where, x!.shape.slice(2), kernel, attrs)],
        dtype: "float32",
      },
    ];
  },
  // y = C(x, w) + b:  dx = T(g, w),  dw[o] = sum over batch and space of g * x shifted by o,  db = sum g
  grad: ({ inputs: [x, w, b], cotangents: [g], attrs }) => [
    apply(convTransposeOp, [g!, w!], { ...attrs, size: x!.shape.slice(2) }),
    kernelGradient(x!, g!, w!.shape, attrs),
    ...(b === undefined ? [] : [g!.sum({ axis: [0, ...spatialAxes(g!)] })]),
  ],
  lower: ({ emit }, [x, w, b], attrs) => [
    emit("Conv", b === undefined ? [x!, w!] : [x!, w!, b], onnxGeometry(attrs)),
  ],
  flops: ([, w], [y]) => 2 * sizeOf(y!.shape) * sizeOf(w!.shape.slice(1)),
  reference: ([x, w, b], attrs) => {
    const shape = convOp.infer([x!, w!].map(asFloat), attrs)[0]!.shape;
    const plane = sizeOf(shape.slice(2));
    const y = Array.from(
      { length: sizeOf(shape) },
      (_, i) => b?.data[Math.floor(i / plane) % shape[1]!] ?? 0,
    );
    eachTap(x!.shape, w!.shape, shape, attrs, (i, k, o) => (y[o]! += x!.data[i]! * w!.data[k]!));
    return [y];
  },
  samples: [
    {
      inputs: [f32([2, 3, 6]), f32([4, 3, 3]), f32([4])],
      attrs: geometry1({ before: [1], after: [1] }),
    },
    {
      inputs: [f32([1, 2, 5]), f32([2, 1, 3]), f32([2])],
      attrs: geometry1({ before: [2], groups: 2 }),
    }, // causal, depthwise
    { inputs: [f32([1, 2, 8]), f32([3, 2, 2])], attrs: geometry1({ stride: [3], dilation: [2] }) }, // the last input is never read
    { inputs: [f32([1, 1, 70]), f32([2, 1, 66])], attrs: geometry1({}) }, // gradient of a long kernel by convolution
    {
      inputs: [f32([2, 4, 67]), f32([2, 2, 65])],
      attrs: geometry1({ stride: [2], after: [3], groups: 2 }),
    },
    {
      inputs: [f32([1, 2, 4, 5]), f32([2, 2, 3, 3]), f32([2])],
      attrs: geometry2({ before: [1, 1], after: [1, 1] }),
    },
    {
      inputs: [f32([2, 4, 4, 5]), f32([6, 2, 2, 1])],
      attrs: geometry2({ stride: [2, 3], before: [0, 1], groups: 2 }),
    },
    { inputs: [f32([1, 2, 3, 1]), f32([2, 2, 1, 1])], attrs: geometry2({}) },
    {
      inputs: [f32([1, 1, 2, 2]), f32([1, 1, 1, 1])],
      attrs: geometry2({ before: [2, 1], after: [1, 2] }),
    }, // windows of padding only
  ],
  sliceThrough: (axis, inputs, _output, { groups }) => {
    const rest = inputs.slice(2);
    if (axis === 0) return [0, null, ...rest.map(() => null)];
    return axis === 1 && groups === 1 ? [null, 0, ...rest.map(() => 0)] : undefined;
  },
});

/**
 * Slides kernels over sequences (a cross-correlation, as in every deep-learning library).
 *
 * @param x - [batch, in, length]
 * @param w - [out, in / groups, kernel]
 * @returns [batch, out, windows]
 * @throws PatchClampError `SHAPE_MISMATCH` when channels or sizes do not fit, `BAD_OPTION` for a stride, padding,
 *   dilation or groups that is no such integer
 */
export function conv1d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  return convolve("conv1d", 1, x, w, options);
}

/**
 * Slides kernels over images (a cross-correlation, as in every deep-learning library).
 *
 * @param x - [batch, in, height, width]
 * @param w - [out, in / groups, kernelHeight, kernelWidth]
 * @returns [batch, out, windowsDown, windowsAcross]
 * @throws PatchClampError as {@link conv1d}
 */
export function conv2d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  return convolve("conv2d", 2, x, w, options);
}

function convolve(where: string, rank: number, x: Tensor, w: Tensor, options: ConvOptions): Tensor {
  const { bias, stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  if (x.rank !== rank + 2 || w.rank !== rank + 2) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where,
      problem: `expected an input and a kernel of rank ${rank + 2}, got ${showShape(x.shape)} and ${showShape(w.shape)}.`,
      fix: "inputs are [batch, in, ...space] and kernels [out, in / groups, ...size].",
    });
  }
  const attrs = {
    stride: perAxis(where, "stride", stride, rank, 1),
    ...paddingPerAxis(where, padding, rank),
    dilation: perAxis(where, "dilation", dilation, rank, 1),
    groups: perAxis(where, "groups", groups, 1, 1)[0]!,
  };
  if (tiles(x, w, attrs)) return patchProduct(x, w, bias, attrs);
  const fits = bias === undefined || (bias.rank === 1 && bias.shape[0] === w.shape[0]);
  if (fits && isNarrow(x, w, attrs)) {
    const y = bandedConvolution(x, w, attrs);
    return bias === undefined ? y : y.add(bias.reshape([1, -1, 1, 1]));
  }
  return apply(convOp, bias === undefined ? [x, w] : [x, w, bias], attrs);
}

/** Whether the windows lie side by side, so that the convolution is one matrix product (a ViT's patch embedding). */
function tiles(
  x: Tensor,
  w: Tensor,
  { stride, before, after, dilation, groups }: ConvAttrs,
): boolean {
  const kernel = w.shape.slice(2);
  return (
    groups === 1 &&
    x.shape[1] === w.shape[1] &&
    kernel.some((size) => size > 1) &&
    kernel.every((size, i) => {
      const padded = before[i]! + after[i]! > 0;
      return size === stride[i] && dilation[i] === 1 && !padded && x.shape[i + 2]! >= size;
    })
  );
}

/** A convolution of windows that lie side by side: patches [batch, windows, in * kernel] times the kernel, transposed. */
function patchProduct(
  x: Tensor,
  w: Tensor,
  bias: Tensor | undefined,
  { stride }: ConvAttrs,
): Tensor {
  const [batch = 0, channels = 0, ...space] = x.shape;
  const counts = space.map((size, i) => Math.floor(size / stride[i]!));
  let used = x;
  for (const [i, count] of counts.entries()) {
    if (count * stride[i]! < space[i]!)
      used = used.slice({ axis: i + 2, start: 0, end: count * stride[i]! });
  }
  // [batch, in, n0, k0, n1, k1] -> [batch, n0, n1, in, k0, k1]
  const split = [batch, channels, ...counts.flatMap((count, i) => [count, stride[i]!])];
  const order = [0, ...counts.map((_, i) => 2 * i + 2), 1, ...counts.map((_, i) => 2 * i + 3)];
  const patches = used
    .reshape(split)
    .transpose(order)
    .reshape([batch, sizeOf(counts), -1]);
  const y = patches.linear(w.reshape([w.shape[0]!, -1]), bias);
  return y.transpose([0, 2, 1]).reshape([batch, w.shape[0]!, ...counts]);
}

/** The adjoint of `convOp`: adds each value of `y`, times the kernel, to the window it came from. */
export const convTransposeOp: Op<ConvTransposeAttrs> = defineOp<ConvTransposeAttrs>({
  name: "convTranspose",
  infer: ([y, w], { size, groups }) => [
    { shape: [y!.shape[0]!, w!.shape[1]! * groups, ...size], dtype: "float32" },
  ],
  // x = T(y, w):  dy = C(g, w),  dw as for C, with g in the place of its input
  grad: ({ inputs: [y, w], cotangents: [g], attrs: { size: _size, ...attrs } }) => [
    apply(convOp, [g!, w!], attrs),
    kernelGradient(g!, y!, w!.shape, attrs),
  ],
  lower: (ctx, [y, w], attrs) => [emitTransposed(ctx, y!, w!, attrs)],
  flops: ([y, w]) => 2 * sizeOf(y!.shape) * sizeOf(w!.shape.slice(1)),
  reference: ([y, w], attrs) => {
    const shape = convTransposeOp.infer([y!, w!].map(asFloat), attrs)[0]!.shape;
    const x = Array.from({ length: sizeOf(shape) }, () => 0);
    eachTap(shape, w!.shape, y!.shape, attrs, (i, k, o) => (x[i]! += y!.data[o]! * w!.data[k]!));
    return [x];
  },
  samples: [
    {
      inputs: [f32([2, 4, 6]), f32([4, 3, 3])],
      attrs: { ...geometry1({ before: [1], after: [1] }), size: [6] },
    },
    {
      inputs: [f32([1, 2, 7]), f32([2, 2, 1])],
      attrs: { ...geometry1({ before: [2], after: [1] }), size: [4] },
    }, // crops
    {
      inputs: [f32([1, 4, 2, 2]), f32([4, 1, 2, 3])],
      attrs: { ...geometry2({ stride: [2, 3], groups: 2 }), size: [5, 7] },
    },
    {
      inputs: [f32([1, 4, 3, 2]), f32([4, 3, 2, 2])],
      attrs: { ...geometry2({ dilation: [2, 1], groups: 2 }), size: [5, 3] },
    },
  ],
});

/** The gradient of a kernel: for each of its elements, the products of `g` with the input which that element met. */
function kernelGradient(x: Tensor, g: Tensor, shape: readonly number[], attrs: ConvAttrs): Tensor {
  const [out = 0, perGroup = 0, ...kernel] = shape;
  if (sizeOf(kernel) > MOST_SHIFTS) return kernelGradientByConvolution(x, g, shape, attrs);
  const { groups } = attrs;
  const [batch = 0, , ...counts] = g.shape;
  const padded = padSpace(x, attrs, 0);
  const depthwise = perGroup === 1 && out === groups;
  const grouped = (t: Tensor): Tensor => t.reshape([batch, groups, -1, sizeOf(counts)]);
  const elements = offsets(kernel).map((offset) => {
    const met = shifted(padded, offset, counts, attrs);
    const element = depthwise
      ? met.mul(g).sum({ axis: [0, ...spatialAxes(g)] })
      : grouped(g).matmul(grouped(met), { transposeB: true }).sum({ axis: 0 });
    return element.reshape([out, perGroup, 1]);
  });
  return elements[0]!.concatWith(elements.slice(1), 2).reshape(shape);
}

/** The same by one convolution in which batch and channels change places, stride and dilation too. */
function kernelGradientByConvolution(
  x: Tensor,
  g: Tensor,
  shape: readonly number[],
  attrs: ConvAttrs,
): Tensor {
  const [batch = 0, , ...space] = x.shape;
  const [out = 0, perGroup = 0, ...kernel] = shape;
  const tail = space.map((_, i) => i + 3);
  const swapped = x
    .reshape([batch, attrs.groups, perGroup, ...space])
    .transpose([2, 1, 0, ...tail])
    .reshape([perGroup, attrs.groups * batch, ...space]);
  const { stride: dilation, dilation: stride } = attrs;
  let dw = apply(convOp, [swapped, g.transpose([1, 0, ...spatialAxes(g)])], {
    ...attrs,
    stride,
    dilation,
  });
  for (const [i, size] of kernel.entries()) dw = dw.slice({ axis: i + 2, start: 0, end: size });
  return dw.transpose([1, 0, ...spatialAxes(g)]).reshape([out, perGroup, ...kernel]);
}

Tensor.prototype.conv1d = function conv1dMethod(this: Tensor, w, options) {
  return conv1d(this, w, options);
};
Tensor.prototype.conv2d = function conv2dMethod(this: Tensor, w, options) {
  return conv2d(this, w, options);
};

function spatialAxes(x: Tensor): number[] {
  return x.shape.slice(2).map((_, i) => i + 2);
}

function geometry1(part: Partial<ConvAttrs>): ConvAttrs {
  return { stride: [1], before: [0], after: [0], dilation: [1], groups: 1, ...part };
}

function geometry2(part: Partial<ConvAttrs>): ConvAttrs {
  return { stride: [1, 1], before: [0, 0], after: [0, 0], dilation: [1, 1], groups: 1, ...part };
}
