// Ops about the order of elements along one axis: which is largest, the k largest, sorted.

import { PatchClampError } from "../../core/errors.ts";
import type { LowerContext, NumberArray, Op, ValueRef } from "../op.ts";
import { defineOp, f32, i32, sameDType, showShape } from "../op.ts";
import type { DType } from "../tensor.ts";
import { apply, applyMany, resolveAxis, sizeOf, Tensor } from "../tensor.ts";
import { ONNX_TYPE } from "./cast.ts";
import { zeros } from "./creation.ts";

/** Options of `argmax` and `argmin`. */
export interface ArgOptions {
  /** Axis to search; negative counts from the end. Default -1. */
  axis?: number;
  /** Keep the searched axis with size 1. Default false. */
  keepDims?: boolean;
}

/** Options of `topK`. */
export interface TopKOptions {
  /** How many to keep, in `1..size of the axis`. */
  k: number;
  /** Axis to search; negative counts from the end. Default -1. */
  axis?: number;
  /** Keep the largest (default) or the smallest. */
  largest?: boolean;
}

/** Options of `sort`. */
export interface SortOptions {
  /** Axis to sort; negative counts from the end. Default -1. */
  axis?: number;
  /** From large to small. Default false. */
  descending?: boolean;
}

/** Values in order, and where they stood. */
export interface Ordered {
  readonly values: Tensor;
  /** Positions along the axis, int32. */
  readonly indices: Tensor;
}

declare module "../tensor.ts" {
  interface Tensor {
    /** Position of the largest value along an axis (default: the last), int32. */
    argmax(options?: ArgOptions): Tensor;
    /** Position of the smallest value along an axis (default: the last), int32. */
    argmin(options?: ArgOptions): Tensor;
    /** The `k` largest values along an axis, in order, and their positions. */
    topK(options: TopKOptions): Ordered;
    /** All values along an axis in order, and where they stood. */
    sort(options?: SortOptions): Ordered;
  }
}

const NUMBERS: readonly DType[] = ["float32", "int32", "int64"];

/** Runs `fn` over every line of an array along an axis, and puts the lines it returns back together. */
function alongAxis(
  { shape, data }: NumberArray,
  axis: number,
  fn: (line: number[]) => number[],
): number[] {
  const size = shape[axis]!;
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  const lines = Array.from({ length: outer * inner }, (_, i) => {
    const start = Math.floor(i / inner) * size * inner + (i % inner);
    return fn(Array.from({ length: size }, (_unused, j) => data[start + j * inner]!));
  });
  const length = lines[0]?.length ?? 0;
  return Array.from({ length: outer * length * inner }, (_, i) => {
    const block = Math.floor(i / (length * inner));
    return lines[block * inner + (i % inner)]![Math.floor(i / inner) % length]!;
  });
}

interface ArgAttrs {
  readonly axis: number;
  readonly keepDims: boolean;
}

function arg(
  name: "argmax" | "argmin",
  onnx: string,
  pick: (line: readonly number[]) => number,
): Op<ArgAttrs> {
  return defineOp<ArgAttrs>({
    name,
    infer: ([x], { axis, keepDims }) => {
      sameDType(name, [x!], ["float32", "int32"]);
      return [
        { shape: keepDims ? x!.shape.with(axis, 1) : x!.shape.toSpliced(axis, 1), dtype: "int32" },
      ];
    },
    grad: { reason: "a position jumps; it has no slope" },
    lower: ({ emit }, [x], { axis, keepDims }) => [
      emit("Cast", [emit(onnx, [x!], { axis, keepdims: Number(keepDims) })], {
        to: ONNX_TYPE.int32,
      }),
    ],
    reference: ([x], { axis }) => [alongAxis(x!, axis, (line) => [line.indexOf(pick(line))])],
    flops: ([x]) => sizeOf(x!.shape),
    samples: [
      { inputs: [f32([2, 3, 4])], attrs: { axis: 1, keepDims: false } },
      {
        inputs: [f32([2, 4], { values: [1, 7, 7, 1, 0, 0, 0, 0] })],
        attrs: { axis: 1, keepDims: true },
      }, // ties
      { inputs: [i32([5], { low: -9, high: 9 })], attrs: { axis: 0, keepDims: false } },
    ],
  });
}

const argmaxOp = arg("argmax", "ArgMax", (line) => Math.max(...line));
const argminOp = arg("argmin", "ArgMin", (line) => Math.min(...line));

/**
 * Position of the largest value along an axis; of equal ones the first. Fast on the last axis, slow on the first.
 *
 * @param x - float32 or int32, any shape
 * @returns int32, the shape of `x` without the axis (with it at size 1 if `keepDims`)
 */
export function argmax(x: Tensor, options: ArgOptions = {}): Tensor {
  return position(argmaxOp, x, options);
}

/** Position of the smallest value along an axis, else as `argmax`. */
export function argmin(x: Tensor, options: ArgOptions = {}): Tensor {
  return position(argminOp, x, options);
}

function position(
  op: Op<ArgAttrs>,
  x: Tensor,
  { axis = -1, keepDims = false }: ArgOptions,
): Tensor {
  const at = resolveAxis(op.name, axis, x.rank);
  if (x.shape[at] === 0) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: op.name,
      problem: `axis ${axis} of ${showShape(x.shape)} is empty, so there is no position to name.`,
    });
  }
  return apply(op, [x], { axis: at, keepDims });
}

interface TopKAttrs {
  readonly k: number;
  readonly axis: number;
  readonly largest: boolean;
}

const topKOp = defineOp<TopKAttrs>({
  name: "topK",
  infer: ([x], { k, axis }) => {
    const dtype = sameDType("topK", [x!], NUMBERS);
    const shape = x!.shape.with(axis, k);
    return [
      { shape, dtype },
      { shape, dtype: "int32" },
    ];
  },
  // dx = g at the positions that were taken
  grad: ({ inputs: [x], outputs: [, indices], cotangents: [g], attrs: { axis } }) => [
    g === null ? null : x!.zerosLike().scatterAddAlongAxis(indices!, g!, { axis }),
  ],
  lower: (context, [x], { k, axis, largest }) => {
    const { emit, emitMany, constant, inputs } = context;
    const last = inputs[0]!.shape.length - 1;
    const attrs = { axis: last, largest: Number(largest), sorted: 1 };
    const [values, indices] = emitMany(
      "TopK",
      [swapAxes(context, x!, axis, last), constant([k], "int64")],
      attrs,
      2,
    );
    const positions = emit("Cast", [indices!], { to: ONNX_TYPE.int32 });
    return [swapAxes(context, values!, axis, last), swapAxes(context, positions, axis, last)];
  },
  reference: ([x], { k, axis, largest }) => {
    const ranked = (line: number[]): number[] =>
      line
        .map((_, i) => i)
        .toSorted((i, j) => (largest ? line[j]! - line[i]! : line[i]! - line[j]!) || i - j);
    return [
      alongAxis(x!, axis, (line) =>
        ranked(line)
          .slice(0, k)
          .map((i) => line[i]!),
      ),
      alongAxis(x!, axis, (line) => ranked(line).slice(0, k)),
    ];
  },
  flops: ([x]) => sizeOf(x!.shape),
  samples: [
    { inputs: [f32([3, 7])], attrs: { k: 2, axis: 1, largest: true } },
    { inputs: [f32([2, 5, 3])], attrs: { k: 5, axis: 1, largest: false } },
    { inputs: [i32([1, 4], { low: 0, high: 9 })], attrs: { k: 1, axis: 0, largest: true } },
  ],
});

/** The kernels are fast on the last axis only; transposing there and back is cheaper than letting them stride. */
function swapAxes({ emit, inputs }: LowerContext, x: ValueRef, a: number, b: number): ValueRef {
  if (a === b) return x;
  const perm = inputs[0]!.shape.map((_, i) => (i === a ? b : i === b ? a : i));
  return emit("Transpose", [x], { perm });
}

/**
 * The `k` largest (or smallest) values along an axis, in order; of equal ones the first comes first.
 *
 * The cost grows with `k`: of 2048, taking 8 is four times as long as taking 1, and 64 thirty times.
 *
 * @param x - float32 or an integer type, any shape
 * @returns values (differentiable) and int32 positions, both the shape of `x` with the axis at size `k`
 * @throws PatchClampError `BAD_OPTION` when `k` is not a whole number in `1..size of the axis`
 */
export function topK(x: Tensor, options: TopKOptions): Ordered {
  const { k, axis = -1, largest = true } = options;
  const at = resolveAxis("topK", axis, x.rank);
  if (!Number.isInteger(k) || k < 1 || k > x.shape[at]!) {
    throw new PatchClampError("BAD_OPTION", {
      where: "topK",
      problem: `cannot take ${k} of the ${x.shape[at]} values along axis ${axis} of ${showShape(x.shape)}.`,
      fix: `use a whole k in 1..${x.shape[at]}.`,
      facts: { k, shape: x.shape },
    });
  }
  // the kernel fails on nothing, and takes the process with it
  if (x.size === 0) {
    const shape = x.shape.with(at, k);
    return { values: zeros(shape, x.dtype), indices: zeros(shape, "int32") };
  }
  const [values, indices] = applyMany(topKOp, [x], { k, axis: at, largest });
  return { values: values!, indices: indices! };
}

/**
 * All values along an axis in order. It is `topK` of everything, which is slow for long axes (50 ns a value at 2048);
 * use `topK` where fewer will do.
 *
 * @param x - float32 or an integer type, any shape
 * @returns values (differentiable) and the int32 positions they came from, both of the shape of `x`
 */
export function sort(x: Tensor, options: SortOptions = {}): Ordered {
  const { axis = -1, descending = false } = options;
  const at = resolveAxis("sort", axis, x.rank);
  return topK(x, { k: x.shape[at]!, axis: at, largest: descending });
}

Tensor.prototype.argmax = function method(this: Tensor, options): Tensor {
  return argmax(this, options);
};
Tensor.prototype.argmin = function method(this: Tensor, options): Tensor {
  return argmin(this, options);
};
Tensor.prototype.topK = function method(this: Tensor, options): Ordered {
  return topK(this, options);
};
Tensor.prototype.sort = function method(this: Tensor, options): Ordered {
  return sort(this, options);
};
