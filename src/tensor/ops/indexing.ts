// Reading entries of an axis by index, and adding to them.
//
// Indices are int32 (or int64). Negative ones count from the end. On the CPU and in WASM an index outside its axis
// fails the run; a GPU does not look.

import type { NumberArray, ValueRef } from "../op.ts";
import { bools, defineOp, f32, i32, sameDType } from "../op.ts";
import type { Aval } from "../tensor.ts";
import { apply, resolveAxis, sizeOf, Tensor } from "../tensor.ts";
import type { AxisAttrs, IndexOptions } from "./_indices.ts";
import { around, checkIndices, checkShape, emitScatter, SUMMABLE } from "./_indices.ts";

export type { IndexOptions } from "./_indices.ts";

declare module "../tensor.ts" {
  interface Tensor {
    /** Entries of an axis (default: the first) by index, as NumPy's `take`. */
    gather(indices: Tensor, options?: IndexOptions): Tensor;
    /** This tensor plus `updates` at entries of an axis (default: the first); the transpose of `gather`. */
    scatterAdd(indices: Tensor, updates: Tensor, options?: IndexOptions): Tensor;
  }
}

/** The shape of what `gather` reads: the axis replaced by the axes of the indices. */
function gatheredShape(x: Aval, indices: Aval, axis: number): number[] {
  return x.shape.toSpliced(axis, 1, ...indices.shape);
}

/**
 * Calls `visit` for every element that `gather` reads: its place in the result and in `x`.
 * Several results may read one place, which is what scatterAdd sums over.
 */
function gatherPlaces(
  x: readonly number[],
  axis: number,
  indices: NumberArray,
  visit: (from: number, into: number) => void,
): void {
  const { outer, size, inner } = around(x, axis);
  let into = 0;
  for (let o = 0; o < outer; o++) {
    for (const index of indices.data) {
      const row = o * size + (index < 0 ? index + size : index);
      for (let i = 0; i < inner; i++) visit(row * inner + i, into++);
    }
  }
}

const gatherOp = defineOp<AxisAttrs>({
  name: "gather",
  infer: ([x, indices], { axis }) => {
    checkIndices("gather", indices!);
    return [{ shape: gatheredShape(x!, indices!, axis), dtype: x!.dtype }];
  },
  // dx = g added up at the entries it was read from
  grad: ({ inputs: [x, indices], cotangents: [g], attrs: { axis } }) => [
    x!.zerosLike().scatterAdd(indices!, g!, { axis }),
    null,
  ],
  lower: (context, [x, indices], { axis }) => {
    const { emit, constant, inputs, outputs } = context;
    const { outer, size, inner } = around(inputs[0]!.shape, axis);
    const count = sizeOf(inputs[1]!.shape);
    // Single elements far apart are copied one by one; for many of them two transpositions are faster.
    if (inner > 1 || outer === 1 || count < size / 3)
      return [emit("Gather", [x!, indices!], { axis })];
    const columns = emit("Transpose", [emit("Reshape", [x!, constant([outer, size], "int64")])], {
      perm: [1, 0],
    });
    const flat = emit("Reshape", [indices!, constant([-1], "int64")]);
    const rows = emit("Transpose", [emit("Gather", [columns, flat], { axis: 0 })], {
      perm: [1, 0],
    });
    return [emit("Reshape", [rows, constant(outputs[0]!.shape, "int64")])];
  },
  reference: ([x, indices], { axis }) => {
    const y: number[] = [];
    gatherPlaces(x!.shape, axis, indices!, (from) => y.push(x!.data[from]!));
    return [y];
  },
  flops: () => 0,
  sliceThrough: (at, [, indices], _output, { axis }) => {
    if (at < axis) return [at, null];
    const rank = indices!.shape.length;
    return at < axis + rank ? [null, at - axis] : [at - rank + 1, null];
  },
  samples: [
    { inputs: [f32([5, 3]), i32([2, 4], { low: 0, high: 4 })], attrs: { axis: 0 } },
    { inputs: [f32([2, 3, 4]), i32([2], { values: [-1, 0] })], attrs: { axis: 1 } },
    { inputs: [f32([3, 4]), i32([2, 3], { low: 0, high: 3 })], attrs: { axis: 1 } },
    { inputs: [f32([3, 2]), i32([], { low: 0, high: 2 })], attrs: { axis: 0 } },
    { inputs: [bools([4]), i32([3], { low: 0, high: 3 })], attrs: { axis: 0 } },
  ],
});

/**
 * Entries of an axis by index: `y[a, i, j, b] = x[a, indices[i, j], b]`. With `axis` 0 it looks up embeddings.
 *
 * @param x - any type, shape [...before, size, ...after]
 * @param indices - int32 or int64 in -size..size-1, any shape
 * @returns shape [...before, ...indices.shape, ...after]
 * @throws PatchClampError `DTYPE_MISMATCH` when the indices are not integers
 * @throws PatchClampError `RUNTIME_FAILED` when the graph runs and an index is outside the axis
 */
export function gather(x: Tensor, indices: Tensor, options: IndexOptions = {}): Tensor {
  const { axis = 0 } = options;
  return apply(gatherOp, [x, indices], { axis: resolveAxis("gather", axis, x.rank) });
}

Tensor.prototype.gather = function method(this: Tensor, indices, options): Tensor {
  return gather(this, indices, options);
};

const scatterAddOp = defineOp<AxisAttrs>({
  name: "scatterAdd",
  infer: ([x, indices, updates], { axis }) => {
    checkIndices("scatterAdd", indices!);
    const dtype = sameDType("scatterAdd", [x!, updates!], SUMMABLE);
    checkShape("scatterAdd", "updates", updates!, gatheredShape(x!, indices!, axis));
    return [{ shape: x!.shape, dtype }];
  },
  // dx = g, dupdates = g at the entries they were added to
  grad: ({ inputs: [, indices], cotangents: [g], attrs: { axis } }) => [
    g!,
    null,
    g!.gather(indices!, { axis }),
  ],
  lower: (context, [x, indices, updates], { axis }) => {
    const { emit, constant, inputs } = context;
    const { outer, size, inner } = around(inputs[0]!.shape, axis);
    const count = sizeOf(inputs[1]!.shape);
    const to = (ref: ValueRef, shape: readonly number[]): ValueRef =>
      emit("Reshape", [ref, constant(shape, "int64")]);
    const everywhere = constant([outer, count, inner], "int64");
    const index = emit("Expand", [to(indices!, [1, count, 1]), everywhere]);
    const sums = emitScatter(
      context,
      [to(x!, [outer, size, inner]), index, to(updates!, [outer, count, inner])],
      1,
    );
    return [to(sums, inputs[0]!.shape)];
  },
  reference: ([x, indices, updates], { axis }) => {
    const y = [...x!.data];
    gatherPlaces(x!.shape, axis, indices!, (from, into) => (y[from]! += updates!.data[into]!));
    return [y];
  },
  flops: ([, , updates]) => sizeOf(updates!.shape),
  samples: [
    { inputs: [f32([3, 2]), i32([2, 4], { low: 0, high: 2 }), f32([2, 4, 2])], attrs: { axis: 0 } },
    { inputs: [f32([2, 4]), i32([3], { values: [1, -1, 1] }), f32([2, 3])], attrs: { axis: 1 } },
    { inputs: [f32([3]), i32([], { low: 0, high: 2 }), f32([])], attrs: { axis: 0 } },
  ],
});

/**
 * Adds `updates` to entries of an axis: `y[a, indices[i, j], b] += updates[a, i, j, b]`, once for every index, so
 * entries named twice get both.
 *
 * @param x - float32 or an integer type, shape [...before, size, ...after]
 * @param indices - int32 or int64 in -size..size-1, any shape
 * @param updates - shape [...before, ...indices.shape, ...after]
 * @returns shape of `x`
 * @throws PatchClampError `SHAPE_MISMATCH` when the updates have another shape
 * @throws PatchClampError `RUNTIME_FAILED` when the graph runs and an index is outside the axis
 */
export function scatterAdd(
  x: Tensor,
  indices: Tensor,
  updates: Tensor,
  options: IndexOptions = {},
): Tensor {
  const { axis = 0 } = options;
  return apply(scatterAddOp, [x, indices, updates], {
    axis: resolveAxis("scatterAdd", axis, x.rank),
  });
}

Tensor.prototype.scatterAdd = function method(this: Tensor, indices, updates, options): Tensor {
  return scatterAdd(this, indices, updates, options);
};
