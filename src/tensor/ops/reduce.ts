// Ops that fold axes into one number: sums, means, extremes.

import { PatchClampError } from "../../core/errors.ts";
import type { LowerContext, Op, ValueRef } from "../op.ts";
import { i32 } from "../op.ts";
import { sizeOf, Tensor } from "../tensor.ts";
import type { ReduceAttrs, ReduceOptions, Reduction } from "./_reduction.ts";
import { emitReduce, kept, reduce, reduction, refuseEmpty, resolveAxes } from "./_reduction.ts";

export type { ReduceOptions } from "./_reduction.ts";

/** Options of `variance`. */
export interface VarianceOptions extends ReduceOptions {
  /** What is taken from the count in the divisor: 0 for the population, 1 for an unbiased estimate. Default 0. */
  correction?: number;
}

declare module "../tensor.ts" {
  interface Tensor {
    /** Sum over axes (default: all). */
    sum(options?: ReduceOptions): Tensor;
    /** Mean over axes (default: all). */
    mean(options?: ReduceOptions): Tensor;
    /** Largest value over axes (default: all). */
    max(options?: ReduceOptions): Tensor;
    /** Smallest value over axes (default: all). */
    min(options?: ReduceOptions): Tensor;
    /** Variance over axes (default: all), of the population by default. */
    var(options?: VarianceOptions): Tensor;
    /** log(sum(exp(x))) over axes (default: all), in nats, without overflow. */
    logSumExp(options?: ReduceOptions): Tensor;
  }
}

const sumOp = reduction({
  name: "sum",
  dtypes: ["float32", "int32", "int64"],
  // dx = g, repeated
  grad: ({ inputs: [x], cotangents: [g], attrs: { axes } }) => [
    kept(g!, x!, axes).broadcastTo(x!.shape),
  ],
  lower: emitReduce("ReduceSum"),
  fold: (values) => values.reduce((a, b) => a + b, 0),
  samples: [{ inputs: [i32([2, 3], { low: -3, high: 3 })], attrs: { axes: [0], keepDims: false } }],
});

/**
 * Sum over axes.
 *
 * @param x - float32 or an integer type, any shape; integers are much slower than floats
 * @returns the shape of `x` without the folded axes (with them at size 1 if `keepDims`)
 * @throws PatchClampError `BAD_OPTION` when an axis is not one of `x`'s or named twice
 */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce(sumOp, x, options);
}

const meanOp = reduction({
  name: "mean",
  dtypes: ["float32"],
  // dx = g / count, repeated
  grad: ({ inputs: [x], outputs: [y], cotangents: [g], attrs: { axes } }) => [
    kept(g!.mul(y!.size / x!.size), x!, axes).broadcastTo(x!.shape),
  ],
  lower: emitReduce("ReduceMean"),
  fold: (values) => values.reduce((a, b) => a + b, 0) / values.length,
});

/**
 * Mean over axes.
 *
 * @param x - float32, any shape
 * @throws PatchClampError `SHAPE_MISMATCH` when there is nothing to average
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  refuseEmpty("mean", x, options);
  return reduce(meanOp, x, options);
}

/** The mean of the squared distances from the mean; see `VarianceOptions` for the divisor. */
export function variance(x: Tensor, options: VarianceOptions = {}): Tensor {
  const { axis, keepDims = false, correction = 0 } = options;
  const axes = resolveAxes("var", x, axis);
  const count = sizeOf(axes.map((at) => x.shape[at]!));
  if (count <= correction) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "var",
      problem: `${count} values with a correction of ${correction} leave nothing to divide by.`,
      fix: "fold more values, or use a smaller correction.",
    });
  }
  const distance = x.sub(mean(x, { axis: axes, keepDims: true }));
  const population = mean(distance.square(), { axis: axes, keepDims });
  return correction === 0 ? population : population.mul(count / (count - correction));
}

function extreme(name: "max" | "min", onnx: string, fold: Reduction["fold"]): Op<ReduceAttrs> {
  return reduction({
    name,
    dtypes: ["float32", "int32", "int64"],
    // dx = g where x is the extreme, in equal parts where several elements are
    grad: ({ inputs: [x], outputs: [y], cotangents: [g], attrs: { axes } }) => {
      const hit = x!.equal(kept(y!, x!, axes)).cast("float32");
      return [hit.mul(kept(g!, x!, axes).div(hit.sum({ axis: axes, keepDims: true })))];
    },
    lower: (context, x, axes, keepDims) => emitExtreme(onnx, context, x, axes, keepDims),
    fold,
    samples: [
      { inputs: [i32([2, 3], { low: -9, high: 9 })], attrs: { axes: [1], keepDims: true } },
      { inputs: [i32([64, 2], { low: -99, high: 99 })], attrs: { axes: [0], keepDims: false } }, // in blocks
    ],
  });
}

/**
 * ReduceMax or ReduceMin. Over many leading rows the kernel walks columns of memory on one thread; folding blocks of
 * rows first is three times faster.
 */
function emitExtreme(
  onnx: string,
  { emit, constant, inputs: [x] }: LowerContext,
  ref: ValueRef,
  axes: readonly number[],
  keepDims: boolean,
): ValueRef {
  const keepdims = Number(keepDims);
  const [rows = 1, ...row] = x!.shape;
  const blocks = [64, 32, 16, 8].find((count) => rows >= 8 * count && rows % count === 0);
  const isLeading = axes.length === 1 && axes[0] === 0 && sizeOf(row) > 1;
  if (!isLeading || blocks === undefined)
    return emit(onnx, [ref, constant(axes, "int64")], { keepdims });
  const blocked = emit("Reshape", [ref, constant([blocks, rows / blocks, ...row], "int64")]);
  const perBlock = emit(onnx, [blocked, constant([1], "int64")], { keepdims: 0 });
  return emit(onnx, [perBlock, constant([0], "int64")], { keepdims });
}

const maxOp = extreme("max", "ReduceMax", (values) => Math.max(...values));
const minOp = extreme("min", "ReduceMin", (values) => Math.min(...values));

/**
 * Largest value over axes. Its gradient is shared equally by all elements that attain it.
 *
 * @param x - float32 or an integer type, any shape
 * @throws PatchClampError `SHAPE_MISMATCH` when there is nothing to choose from
 */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  refuseEmpty("max", x, options);
  return reduce(maxOp, x, options);
}

/** Smallest value over axes, else as `max`. */
export function min(x: Tensor, options: ReduceOptions = {}): Tensor {
  refuseEmpty("min", x, options);
  return reduce(minOp, x, options);
}

const LARGEST = 3.4028234663852886e38;

const logSumExpOp = reduction({
  name: "logSumExp",
  dtypes: ["float32"],
  // dx = g * exp(x - y); y is kept finite so that a row of -Infinity gets 0
  grad: ({ inputs: [x], outputs: [y], cotangents: [g], attrs: { axes } }) => [
    x!
      .sub(kept(y!, x!, axes).maximum(-LARGEST))
      .exp()
      .mul(kept(g!, x!, axes)),
  ],
  // m + log(sum(exp(x - m))) with m = max(x), kept finite so that Infinity - Infinity does not arise
  lower: ({ emit, constant }, x, axes, keepDims) => {
    const along = constant(axes, "int64");
    const largest = emit("ReduceMax", [x, along], { keepdims: 1 });
    const bounds = [constant(-LARGEST, "float32"), constant(LARGEST, "float32")];
    const top = emit("Clip", [largest, ...bounds]);
    const total = emit("ReduceSum", [emit("Exp", [emit("Sub", [x, top])]), along], { keepdims: 1 });
    const y = emit("Add", [emit("Log", [total]), top]);
    return keepDims ? y : emit("Squeeze", [y, along]);
  },
  fold: (values) => {
    const top = Math.max(...values);
    return Number.isFinite(top)
      ? top + Math.log(values.reduce((a, v) => a + Math.exp(v - top), 0))
      : top;
  },
});

/**
 * log(sum(exp(x))) over axes, in nats; finite wherever the answer is.
 *
 * @param x - float32, any shape
 * @throws PatchClampError `SHAPE_MISMATCH` when there is nothing to sum
 */
export function logSumExp(x: Tensor, options: ReduceOptions = {}): Tensor {
  refuseEmpty("logSumExp", x, options);
  return reduce(logSumExpOp, x, options);
}

const METHODS = { sum, mean, max, min, var: variance, logSumExp } as const;
for (const [name, reducer] of Object.entries(METHODS)) {
  Tensor.prototype[name as keyof typeof METHODS] = function method(
    this: Tensor,
    options?: VarianceOptions,
  ): Tensor {
    return reducer(this, options);
  };
}
