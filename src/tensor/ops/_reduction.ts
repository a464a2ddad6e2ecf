// What all reductions share: axes, shapes, the plain-loop form.

import { PatchClampError } from "../../core/errors.ts";
import type { LowerContext, NumberArray, Op, Sample, ValueRef } from "../op.ts";
import { defineOp, f32, sameDType, showShape } from "../op.ts";
import type { Aval, DType, Tensor } from "../tensor.ts";
import { apply, resolveAxis, sizeOf } from "../tensor.ts";

/** Options of the reductions. */
export interface ReduceOptions {
  /** Axis or axes to fold; negative counts from the end. Default: all. */
  axis?: number | readonly number[];
  /** Keep the folded axes with size 1. Default false. */
  keepDims?: boolean;
}

/** What a reduction folds. */
export interface ReduceAttrs {
  /** Axes to fold: ascending, in `0..rank-1`, at least one. */
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** What all reductions share; each adds how it is written in ONNX and differentiated. */
export interface Reduction {
  readonly name: string;
  readonly dtypes: readonly DType[];
  readonly grad: Op<ReduceAttrs>["grad"];
  readonly lower: (
    context: LowerContext,
    x: ValueRef,
    axes: readonly number[],
    keepDims: boolean,
  ) => ValueRef;
  /** The fold in plain loops: the numbers that land in one place, in order. */
  readonly fold: (values: readonly number[]) => number;
  readonly samples?: readonly Sample<ReduceAttrs>[];
}

/** Registers a reduction. */
export function reduction({
  name,
  dtypes,
  grad,
  lower,
  fold,
  samples = [],
}: Reduction): Op<ReduceAttrs> {
  return defineOp<ReduceAttrs>({
    name,
    infer: ([x], attrs) => [
      { shape: foldedShape(x!, attrs), dtype: sameDType(name, [x!], dtypes) },
    ],
    grad,
    lower: (context, [x], { axes, keepDims }) => [lower(context, x!, axes, keepDims)],
    reference: ([x], { axes }) => [groups(x!, axes).map(fold)],
    flops: ([x]) => sizeOf(x!.shape),
    sliceThrough: (axis, [x], _output, { axes, keepDims }) => {
      const kept = x!.shape.flatMap((_, i) => (axes.includes(i) ? [] : [i]));
      const from = keepDims ? axis : kept[axis]!;
      return axes.includes(from) ? undefined : [from];
    },
    samples: [
      { inputs: [f32([2, 3, 4])], attrs: { axes: [1], keepDims: false } },
      { inputs: [f32([2, 3, 4])], attrs: { axes: [0, 2], keepDims: true } },
      { inputs: [f32([3, 1])], attrs: { axes: [1], keepDims: false } },
      { inputs: [f32([5])], attrs: { axes: [0], keepDims: false } },
      ...samples,
    ],
  });
}

function foldedShape({ shape }: Aval, { axes, keepDims }: ReduceAttrs): number[] {
  return shape.flatMap((size, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [size]));
}

/** The elements that each element of the result folds. */
function groups({ shape, data }: NumberArray, axes: readonly number[]): number[][] {
  const found = Array.from(
    { length: sizeOf(foldedShape({ shape, dtype: "float32" }, { axes, keepDims: true })) },
    () => [] as number[],
  );
  for (const [place, value] of data.entries()) {
    let rest = place;
    let into = 0;
    let stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis]!;
      if (!axes.includes(axis)) {
        into += (rest % size) * stride;
        stride *= size;
      }
      rest = Math.floor(rest / size);
    }
    found[into]!.push(value);
  }
  return found;
}

/** A reduction that is one ONNX op. */
export function emitReduce(onnx: string): Reduction["lower"] {
  return ({ emit, constant }, x, axes, keepDims) =>
    emit(onnx, [x, constant(axes, "int64")], { keepdims: Number(keepDims) });
}

/** A result, or its gradient, with the folded axes put back at size 1. */
export function kept(y: Tensor, x: Aval, axes: readonly number[]): Tensor {
  return y.reshape(foldedShape(x, { axes, keepDims: true }));
}

/** Resolves the options; a reduction over no axes is the tensor itself. */
export function reduce(
  op: Op<ReduceAttrs>,
  x: Tensor,
  { axis, keepDims = false }: ReduceOptions,
): Tensor {
  const axes = resolveAxes(op.name, x, axis);
  return axes.length === 0 ? x : apply(op, [x], { axes, keepDims });
}

/** The axes to fold, ascending. */
export function resolveAxes(where: string, x: Tensor, axis: ReduceOptions["axis"]): number[] {
  if (axis === undefined) return x.shape.map((_, i) => i);
  const given = typeof axis === "number" ? [axis] : axis;
  const axes = given.map((one) => resolveAxis(where, one, x.rank)).toSorted((a, b) => a - b);
  if (new Set(axes).size === axes.length) return axes;
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: `the axes ${showShape(given)} of a tensor of rank ${x.rank} name one axis twice.`,
    fix: "name each axis once.",
  });
}

/** Refuses to fold nothing, for reductions that nothing has no answer to. */
export function refuseEmpty(where: string, x: Tensor, { axis }: ReduceOptions): void {
  if (resolveAxes(where, x, axis).every((at) => x.shape[at] !== 0)) return;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where,
    problem: `${showShape(x.shape)} has no elements along the axes to fold, and nothing has no ${where}.`,
    fix: "leave the axis out, or give a tensor with elements.",
  });
}
