// Running sums.

import type { ValueRef } from "../op.ts";
import { defineOp, f32, i32, sameDType } from "../op.ts";
import { apply, resolveAxis, sizeOf, Tensor } from "../tensor.ts";

/** Options of `cumsum`. */
export interface CumsumOptions {
  /** Axis to run along; negative counts from the end. Default -1. */
  axis?: number;
  /** Run from the end. Default false. */
  reverse?: boolean;
  /** Leave the element itself out of its sum, which then starts with 0. Default false. */
  exclusive?: boolean;
}

declare module "../tensor.ts" {
  interface Tensor {
    /** Running sum along an axis (default: the last). */
    cumsum(options?: CumsumOptions): Tensor;
  }
}

interface CumsumAttrs {
  readonly axis: number;
  readonly reverse: boolean;
  readonly exclusive: boolean;
}

const cumsumOp = defineOp<CumsumAttrs>({
  name: "cumsum",
  infer: ([x]) => [
    { shape: x!.shape, dtype: sameDType("cumsum", [x!], ["float32", "int32", "int64"]) },
  ],
  // each element went into the sums after it: dx = running sum of g from the other end
  grad: ({ cotangents: [g], attrs: { axis, reverse, exclusive } }) => [
    g!.cumsum({ axis, reverse: !reverse, exclusive }),
  ],
  lower: ({ emit, constant, inputs: [aval] }, [x], { axis, reverse, exclusive }) => {
    const { shape } = aval!;
    const attrs = { reverse: Number(reverse), exclusive: Number(exclusive) };
    const run = (from: ValueRef, at: number): ValueRef =>
      emit("CumSum", [from, constant(at, "int64")], attrs);
    const length = shape[axis]!;
    const isStrided = axis === shape.length - 1 && sizeOf(shape) > length;
    if (!isStrided) return [run(x!, axis)];
    // The kernel adds whole rows, so the last axis becomes the first for its time.
    const lines = emit("Reshape", [x!, constant([-1, length], "int64")]);
    const sums = run(emit("Transpose", [lines], { perm: [1, 0] }), 0);
    return [
      emit("Reshape", [emit("Transpose", [sums], { perm: [1, 0] }), constant(shape, "int64")]),
    ];
  },
  reference: ([x], { axis, reverse, exclusive }) => {
    const { shape, data } = x!;
    const step = sizeOf(shape.slice(axis + 1));
    const place = (i: number): number => Math.floor(i / step) % shape[axis]!;
    return [
      data.map((_, i) => {
        let sum = 0;
        for (let from = 0; from < shape[axis]!; from++) {
          const ahead = reverse ? from - place(i) : place(i) - from;
          if (ahead > 0 || (ahead === 0 && !exclusive)) sum += data[i + (from - place(i)) * step]!;
        }
        return sum;
      }),
    ];
  },
  sliceThrough: (axis, _inputs, _output, attrs) => (axis === attrs.axis ? undefined : [axis]),
  samples: [
    { inputs: [f32([2, 3, 4])], attrs: { axis: 2, reverse: false, exclusive: false } },
    { inputs: [f32([3, 4])], attrs: { axis: 0, reverse: true, exclusive: true } },
    { inputs: [f32([2, 3])], attrs: { axis: 1, reverse: true, exclusive: false } },
    {
      inputs: [i32([5], { low: -3, high: 3 })],
      attrs: { axis: 0, reverse: false, exclusive: true },
    },
  ],
});

/**
 * Running sum along an axis.
 *
 * @param x - float32 or an integer type, any shape
 * @returns the shape of `x`; element i is the sum of the elements up to i
 */
export function cumsum(x: Tensor, options: CumsumOptions = {}): Tensor {
  const { axis = -1, reverse = false, exclusive = false } = options;
  return apply(cumsumOp, [x], { axis: resolveAxis("cumsum", axis, x.rank), reverse, exclusive });
}

Tensor.prototype.cumsum = function method(this: Tensor, options): Tensor {
  return cumsum(this, options);
};
