// Ops that move elements and compute nothing: shapes, the order of axes, slices.

import { PatchClampError } from "../../core/errors.ts";
import { broadcastShapes, defineOp, f32, showShape } from "../op.ts";
import { apply, resolveAxis, sizeOf, Tensor } from "../tensor.ts";
import { moved, repeated } from "./_layout.ts";

declare module "../tensor.ts" {
  interface Tensor {
    /** The same elements in another shape; one size may be -1. */
    reshape(shape: readonly number[]): Tensor;
    /** Axes in another order; by default reversed. */
    transpose(order?: readonly number[]): Tensor;
    /** Repeats along axes of size 1 and new leading axes until the shape is reached. */
    broadcastTo(shape: readonly number[]): Tensor;
    /** The inverse of broadcasting for gradients: sums until `shape` is reached. */
    sumTo(shape: readonly number[]): Tensor;
    /** Part of one axis, as `start..end` (end excluded; negative counts from the end). */
    slice(options: SliceOptions): Tensor;
    /** Drops an axis of size 1. */
    squeeze(axis: number): Tensor;
    /** Adds an axis of size 1. */
    unsqueeze(axis: number): Tensor;
    /** Reverses an axis. */
    flip(axis: number): Tensor;
  }
}

interface ShapeAttrs {
  readonly shape: readonly number[];
}

const reshapeOp = defineOp<ShapeAttrs>({
  name: "reshape",
  isView: true,
  infer: ([x], { shape }) => [{ shape, dtype: x!.dtype }],
  grad: ({ inputs: [x], cotangents: [g] }) => [g!.reshape(x!.shape)],
  lower: (context, [x], { shape }) => [context.reshape(x!, context.inputs[0]!.shape, shape)],
  reference: ([x]) => [x!.data],
  samples: [
    { inputs: [f32([2, 3])], attrs: { shape: [3, 2] } },
    { inputs: [f32([1])], attrs: { shape: [] } },
  ],
});

/**
 * The same elements in another shape.
 *
 * @throws PatchClampError `SHAPE_MISMATCH` when the number of elements differs
 */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const known = sizeOf(shape.filter((size) => size !== -1));
  const sizes = shape.map((size) => (size === -1 ? x.size / known : size));
  const isWhole = sizes.every((size) => Number.isInteger(size) && size >= 0);
  if (!isWhole || sizeOf(sizes) !== x.size || shape.filter((size) => size === -1).length > 1) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "reshape",
      problem: `the ${x.size} elements of ${showShape(x.shape)} do not fill ${showShape(shape)}.`,
      fix: "give sizes whose product is the number of elements; one may be -1.",
    });
  }
  return sizes.join() === x.shape.join() ? x : apply(reshapeOp, [x], { shape: sizes });
}

Tensor.prototype.reshape = function method(this: Tensor, shape): Tensor {
  return reshape(this, shape);
};
Tensor.prototype.squeeze = function squeeze(this: Tensor, axis): Tensor {
  const at = resolveAxis("squeeze", axis, this.rank);
  if (this.shape[at] !== 1) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "squeeze",
      problem: `axis ${axis} of ${showShape(this.shape)} has size ${this.shape[at]}, not 1.`,
    });
  }
  return this.reshape(this.shape.toSpliced(at, 1));
};
Tensor.prototype.unsqueeze = function unsqueeze(this: Tensor, axis): Tensor {
  return this.reshape(this.shape.toSpliced(resolveAxis("unsqueeze", axis, this.rank + 1), 0, 1));
};

interface TransposeAttrs {
  readonly order: readonly number[];
}

const transposeOp = defineOp<TransposeAttrs>({
  name: "transpose",
  infer: ([x], { order }) => [{ shape: order.map((axis) => x!.shape[axis]!), dtype: x!.dtype }],
  // the inverse permutation
  grad: ({ cotangents: [g], attrs: { order } }) => [
    g!.transpose(order.map((_, i) => order.indexOf(i))),
  ],
  lower: ({ emit }, [x], { order }) => [emit("Transpose", [x!], { perm: order })],
  sliceThrough: (axis, _inputs, _output, { order }) => [order[axis]!],
  reference: ([x], { order }) => [
    moved(
      x!,
      order.map((axis) => x!.shape[axis]!),
      (index) => order.map((_, axis) => index[order.indexOf(axis)]!),
    ),
  ],
  samples: [
    { inputs: [f32([2, 3])], attrs: { order: [1, 0] } },
    { inputs: [f32([2, 3, 4])], attrs: { order: [2, 0, 1] } },
  ],
});

/**
 * Axes in another order.
 *
 * @param order - for every axis of the result, the axis it comes from; default: reversed
 * @throws PatchClampError `BAD_OPTION` when `order` is not a permutation of the axes
 */
export function transpose(
  x: Tensor,
  order: readonly number[] = x.shape.map((_, i) => x.rank - 1 - i),
): Tensor {
  const axes = order.map((axis) => resolveAxis("transpose", axis, x.rank));
  if (axes.length !== x.rank || new Set(axes).size !== x.rank) {
    throw new PatchClampError("BAD_OPTION", {
      where: "transpose",
      problem: `${showShape(order)} is not an order of the ${x.rank} axes of ${showShape(x.shape)}.`,
    });
  }
  if (axes.every((axis, i) => axis === i)) return x;
  // what moves axes of size 1 alone moves no element
  const moving = axes.filter((axis) => x.shape[axis] !== 1);
  const staysPut = moving.every((axis, i) => i === 0 || axis > moving[i - 1]!);
  return staysPut
    ? x.reshape(axes.map((axis) => x.shape[axis]!))
    : apply(transposeOp, [x], { order: axes });
}

Tensor.prototype.transpose = function method(this: Tensor, order): Tensor {
  return transpose(this, order);
};

const broadcastOp = defineOp<ShapeAttrs>({
  name: "broadcastTo",
  infer: ([x], { shape }) => [{ shape, dtype: x!.dtype }],
  grad: ({ inputs: [x], cotangents: [g] }) => [g!.sumTo(x!.shape)],
  lower: ({ emit, constant }, [x], { shape }) => [
    emit("Expand", [x!, constant(shape, "int64", [shape.length])]),
  ],
  reference: ([x], { shape }) => [repeated(x!, shape)],
  samples: [
    { inputs: [f32([3, 1])], attrs: { shape: [2, 3, 4] } },
    { inputs: [f32([])], attrs: { shape: [2] } },
  ],
});

/**
 * Repeats a tensor until it has a shape.
 *
 * @throws PatchClampError `SHAPE_MISMATCH` when the tensor does not broadcast to exactly that shape
 */
export function broadcastTo(x: Tensor, shape: readonly number[]): Tensor {
  if (x.shape.join() === shape.join()) return x;
  if (broadcastShapes("broadcastTo", x.shape, shape).join() !== shape.join()) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "broadcastTo",
      problem: `${showShape(x.shape)} does not broadcast to ${showShape(shape)}.`,
    });
  }
  return apply(broadcastOp, [x], { shape });
}

Tensor.prototype.broadcastTo = function method(this: Tensor, shape): Tensor {
  return broadcastTo(this, shape);
};
Tensor.prototype.sumTo = function sumTo(this: Tensor, shape): Tensor {
  if (this.shape.join() === shape.join()) return this;
  const extra = this.rank - shape.length;
  const axis = this.shape.flatMap((size, i) =>
    i < extra || (shape[i - extra] === 1 && size !== 1) ? [i] : [],
  );
  return (axis.length === 0 ? this : this.sum({ axis, keepDims: true })).reshape(shape);
};

/** Options of `slice`. */
export interface SliceOptions {
  /** Which axis; negative counts from the end. */
  axis: number;
  /** First element; negative counts from the end. Default: the beginning (the end for a negative step). */
  start?: number;
  /** One past the last element; negative counts from the end. Default: to the end. */
  end?: number;
  /** Every how many elements; not 0. Default 1. */
  step?: number;
}

interface SliceAttrs {
  readonly axis: number;
  readonly start: number;
  readonly count: number;
  readonly step: number;
}

const sliceOp = defineOp<SliceAttrs>({
  name: "slice",
  infer: ([x], { axis, count }) => [{ shape: x!.shape.with(axis, count), dtype: x!.dtype }],
  // zeros everywhere else
  grad: ({ inputs: [x], cotangents: [g], attrs: { axis, start, count, step } }) => {
    if (count === 0) return [x!.zerosLike()];
    const ordered = step < 0 ? g!.flip(axis) : g!;
    const first = step < 0 ? start + (count - 1) * step : start;
    const spread = spreadOut(ordered, axis, Math.abs(step));
    return [
      spread.pad({ axis, before: first, after: x!.shape[axis]! - first - spread.shape[axis]! }),
    ];
  },
  lower: ({ emit, constant }, [x], { axis, start, count, step }) => {
    const end = start + count * step;
    const last = end < 0 ? -(2 ** 31) : end; // ONNX counts negative ends from the back; this one means "before 0"
    const bounds = [start, last, axis, step].map((value) => constant([value], "int64"));
    return [emit("Slice", [x!, ...bounds])];
  },
  sliceThrough: (axis, _inputs, _output, attrs) => (axis === attrs.axis ? undefined : [axis]),
  reference: ([x], { axis, start, count, step }) => [
    moved(x!, x!.shape.with(axis, count), (index) => index.with(axis, start + index[axis]! * step)),
  ],
  samples: [
    { inputs: [f32([5, 2])], attrs: { axis: 0, start: 1, count: 3, step: 1 } },
    { inputs: [f32([2, 5])], attrs: { axis: 1, start: 4, count: 3, step: -2 } },
    { inputs: [f32([2, 6])], attrs: { axis: 1, start: 1, count: 2, step: 3 } },
  ],
});

/** Puts `step - 1` zeros between neighbours along an axis. */
function spreadOut(x: Tensor, axis: number, step: number): Tensor {
  if (step === 1) return x;
  const count = x.shape[axis]!;
  const apart = x.unsqueeze(axis + 1).pad({ axis: axis + 1, before: 0, after: step - 1 });
  return apart
    .reshape(x.shape.with(axis, count * step))
    .slice({ axis, end: count * step - (step - 1) });
}

/**
 * Part of one axis.
 *
 * @throws PatchClampError `BAD_OPTION` when the step is 0 or a bound is not whole or lies outside the axis
 */
export function slice(x: Tensor, options: SliceOptions): Tensor {
  const { axis, step = 1 } = options;
  const at = resolveAxis("slice", axis, x.rank);
  const size = x.shape[at]!;
  const { start = step > 0 ? 0 : size - 1, end } = options;
  const from = start < 0 ? start + size : start;
  const edge = step > 0 ? size : -1;
  const to = end === undefined ? edge : end < 0 ? end + size : end;
  const [last, lowest] = step > 0 ? [size, 0] : [size - 1, -1];
  const isOutside = from < 0 || from > last || to < lowest || to > size;
  if (![from, to, step].every(Number.isInteger) || step === 0 || isOutside) {
    throw new PatchClampError("BAD_OPTION", {
      where: "slice",
      problem: `${start}..${end ?? ""} in steps of ${step} is not inside axis ${axis} of ${showShape(x.shape)}.`,
      fix: `use whole bounds in ${-size}..${size} and a step other than 0.`,
    });
  }
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (count === size && step === 1) return x;
  return apply(sliceOp, [x], { axis: at, start: from, count, step });
}

Tensor.prototype.slice = function method(this: Tensor, options): Tensor {
  return slice(this, options);
};
Tensor.prototype.flip = function flip(this: Tensor, axis): Tensor {
  return this.slice({ axis, step: -1 });
};
