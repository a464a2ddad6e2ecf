// Softmax and its logarithm.

import type { LowerContext, NumberArray, ValueRef } from "../op.ts";
import { defineOp, f32, sameDType } from "../op.ts";
import { apply, resolveAxis, sizeOf, Tensor } from "../tensor.ts";

/** Options of `softmax` and `logSoftmax`. */
export interface SoftmaxOptions {
  /** Axis to normalise over; negative counts from the end. Default -1. */
  axis?: number;
}

declare module "../tensor.ts" {
  interface Tensor {
    /** exp(x) / sum(exp(x)) along an axis (default: the last). */
    softmax(options?: SoftmaxOptions): Tensor;
    /** log(softmax(x)) along an axis (default: the last), in nats. */
    logSoftmax(options?: SoftmaxOptions): Tensor;
  }
}

interface SoftmaxAttrs {
  readonly axis: number;
}

/** exp(x - max) and its sum, written out: the kernels are five times slower on an axis that is not the last. */
function emitExps(
  { emit, constant }: LowerContext,
  x: ValueRef,
  axis: number,
): { shifted: ValueRef; exps: ValueRef; total: ValueRef } {
  const along = constant([axis], "int64");
  const shifted = emit("Sub", [x, emit("ReduceMax", [x, along], { keepdims: 1 })]);
  const exps = emit("Exp", [shifted]);
  return { shifted, exps, total: emit("ReduceSum", [exps, along], { keepdims: 1 }) };
}

/** exp(x) / sum(exp(x)) along an axis, in plain loops. */
function softmaxOf({ shape, data }: NumberArray, axis: number): number[] {
  const inner = sizeOf(shape.slice(axis + 1));
  const size = shape[axis]!;
  return data.map((value, i) => {
    const start = i - (Math.floor(i / inner) % size) * inner;
    const line = Array.from({ length: size }, (_, j) => data[start + j * inner]!);
    return 1 / line.reduce((sum, other) => sum + Math.exp(other - value), 0);
  });
}

const SOFTMAX_SAMPLES = [
  { inputs: [f32([2, 3])], attrs: { axis: 1 } },
  { inputs: [f32([3, 2, 2])], attrs: { axis: 0 } },
  { inputs: [f32([2, 1, 4])], attrs: { axis: 1 } }, // an axis of size 1: all ones, zero gradient
  { inputs: [f32([3])], attrs: { axis: 0 } },
] as const;

const softmaxOp = defineOp<SoftmaxAttrs>({
  name: "softmax",
  infer: ([x]) => [{ shape: x!.shape, dtype: sameDType("softmax", [x!], ["float32"]) }],
  // dx = y * (g - sum(g * y))
  grad: ({ outputs: [y], cotangents: [g], attrs: { axis } }) => [
    y!.mul(g!.sub(weightedSum(y!, g!, axis))),
  ],
  lower: (context, [x], { axis }) => {
    if (axis === context.inputs[0]!.shape.length - 1)
      return [context.emit("Softmax", [x!], { axis })];
    const { exps, total } = emitExps(context, x!, axis);
    return [context.emit("Div", [exps, total])];
  },
  reference: ([x], { axis }) => [softmaxOf(x!, axis)],
  flops: ([x]) => 5 * sizeOf(x!.shape),
  sliceThrough: (axis, _inputs, _output, attrs) => (axis === attrs.axis ? undefined : [axis]),
  samples: SOFTMAX_SAMPLES,
});

/**
 * The sum of y * g along an axis, kept at size 1.
 *
 * In attention y is the pattern and g = a bᵀ comes out of the product y b. The sum is then that of a * (y b) as well,
 * which has the size of a head instead of one number for every pair of positions, and y b is in the graph already.
 */
function weightedSum(y: Tensor, g: Tensor, axis: number): Tensor {
  const { op, inputs, attrs } = g.node;
  const [a, b] = inputs;
  const isProduct =
    op.name === "matmul" && axis === y.rank - 1 && b!.shape.at(-1)! < y.shape[axis]!;
  if (isProduct && JSON.stringify(attrs) === TIMES_TRANSPOSED) {
    return a!.mul(y.matmul(b!)).sum({ axis: -1, keepDims: true });
  }
  return y.mul(g).sum({ axis, keepDims: true });
}

const TIMES_TRANSPOSED = JSON.stringify({ transposeA: false, transposeB: true });

/**
 * Exponentiates and normalises so that the values along one axis sum to 1.
 *
 * @param x - logits in nats, float32, any shape; a line of nothing but -Infinity gives NaN
 * @returns probabilities in 0..1, same shape as `x`
 * @throws PatchClampError `BAD_OPTION` when `axis` is outside the rank of `x`
 */
export function softmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  const { axis = -1 } = options;
  return apply(softmaxOp, [x], { axis: resolveAxis("softmax", axis, x.rank) });
}

Tensor.prototype.softmax = function method(this: Tensor, options): Tensor {
  return softmax(this, options);
};

const logSoftmaxOp = defineOp<SoftmaxAttrs>({
  name: "logSoftmax",
  infer: ([x]) => [{ shape: x!.shape, dtype: sameDType("logSoftmax", [x!], ["float32"]) }],
  // dx = g - exp(y) * sum(g)
  grad: ({ outputs: [y], cotangents: [g], attrs: { axis } }) => [
    g!.sub(y!.exp().mul(g!.sum({ axis, keepDims: true }))),
  ],
  lower: (context, [x], { axis }) => {
    const { emit, inputs, device } = context;
    const isLast = axis === inputs[0]!.shape.length - 1;
    if (isLast && device !== "webgpu") return [emit("LogSoftmax", [x!], { axis })];
    const { shifted, total } = emitExps(context, x!, axis);
    return [emit("Sub", [shifted, emit("Log", [total])])];
  },
  reference: ([x], { axis }) => {
    const y = softmaxOf(x!, axis).map(Math.log);
    return y.every(Number.isFinite) ? [y] : [];
  },
  flops: ([x]) => 5 * sizeOf(x!.shape),
  sliceThrough: (axis, _inputs, _output, attrs) => (axis === attrs.axis ? undefined : [axis]),
  samples: SOFTMAX_SAMPLES,
});

/**
 * The logarithm of `softmax`, in nats, without its underflow.
 *
 * @param x - logits in nats, float32, any shape
 * @returns log probabilities, same shape as `x`
 * @throws PatchClampError `BAD_OPTION` when `axis` is outside the rank of `x`
 */
export function logSoftmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  const { axis = -1 } = options;
  return apply(logSoftmaxOp, [x], { axis: resolveAxis("logSoftmax", axis, x.rank) });
}

Tensor.prototype.logSoftmax = function method(this: Tensor, options): Tensor {
  return logSoftmax(this, options);
};
