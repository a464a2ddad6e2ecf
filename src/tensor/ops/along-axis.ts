// Indexing where every line along an axis has its own indices, as in reading the logit of each position's token.

import { PatchClampError } from "../../core/errors.ts";
import type { NumberArray } from "../op.ts";
import { defineOp, f32, i32, sameDType, showShape } from "../op.ts";
import type { Aval } from "../tensor.ts";
import { apply, resolveAxis, sizeOf, Tensor } from "../tensor.ts";
import type { AxisAttrs, IndexOptions } from "./_indices.ts";
import { around, checkIndices, checkShape, emitScatter, SUMMABLE } from "./_indices.ts";

declare module "../tensor.ts" {
  interface Tensor {
    /** For every line along an axis (default: the last) its own entries, as NumPy's `take_along_axis`. */
    takeAlongAxis(indices: Tensor, options?: IndexOptions): Tensor;
    /** This tensor plus `updates` at every line's own entries; the transpose of `takeAlongAxis`. */
    scatterAddAlongAxis(indices: Tensor, updates: Tensor, options?: IndexOptions): Tensor;
  }
}

/** The shape of a line's own entries: that of `x`, with `axis` as long as the indices' axis. */
function alongShape(x: Aval, indices: Aval, axis: number): number[] {
  return x.shape.with(axis, indices.shape[axis] ?? 0);
}

/** Calls `visit` for every index of a line's own entries: its place among the indices and in `x`. */
function alongPlaces(
  x: readonly number[],
  axis: number,
  indices: NumberArray,
  visit: (from: number, into: number) => void,
): void {
  const { size, inner } = around(x, axis);
  const count = indices.shape[axis]!;
  for (const [into, index] of indices.data.entries()) {
    const outer = Math.floor(into / (count * inner));
    const row = outer * size + (index < 0 ? index + size : index);
    visit(row * inner + (into % inner), into);
  }
}

const takeAlongAxisOp = defineOp<AxisAttrs>({
  name: "takeAlongAxis",
  infer: ([x, indices], { axis }) => {
    checkIndices("takeAlongAxis", indices!);
    checkShape("takeAlongAxis", "indices", indices!, alongShape(x!, indices!, axis));
    return [{ shape: indices!.shape, dtype: x!.dtype }];
  },
  // dx = g added up at the entries it was read from
  grad: ({ inputs: [x, indices], cotangents: [g], attrs: { axis } }) => [
    x!.zerosLike().scatterAddAlongAxis(indices!, g!, { axis }),
    null,
  ],
  lower: ({ emit }, [x, indices], { axis }) => [emit("GatherElements", [x!, indices!], { axis })],
  reference: ([x, indices], { axis }) => {
    const y: number[] = [];
    alongPlaces(x!.shape, axis, indices!, (from) => y.push(x!.data[from]!));
    return [y];
  },
  flops: () => 0,
  sliceThrough: (at, _inputs, _output, { axis }) => (at === axis ? [null, at] : [at, at]),
  samples: [
    { inputs: [f32([3, 5]), i32([3, 2], { low: 0, high: 4 })], attrs: { axis: 1 } },
    { inputs: [f32([4, 1, 2]), i32([3, 1, 2], { low: -4, high: 3 })], attrs: { axis: 0 } },
  ],
});

/**
 * For every line along an axis its own entries: `y[a, k, b] = x[a, indices[a, k, b], b]`.
 *
 * @param x - any type
 * @param indices - int32 or int64 in -size..size-1, the rank of `x`; axes of size 1 broadcast, `axis` may have any size
 * @returns the shape of `x` with `axis` as long as that of the indices
 * @throws PatchClampError `SHAPE_MISMATCH` when the indices do not go with the shape of `x`
 * @throws PatchClampError `RUNTIME_FAILED` when the graph runs and an index is outside the axis
 */
export function takeAlongAxis(x: Tensor, indices: Tensor, options: IndexOptions = {}): Tensor {
  const { axis = -1 } = options;
  const at = resolveAxis("takeAlongAxis", axis, x.rank);
  return apply(takeAlongAxisOp, [x, spread("takeAlongAxis", x, indices, at)], { axis: at });
}

/** Indices with their axes of size 1 repeated as often as `x` needs. */
function spread(where: string, x: Tensor, indices: Tensor, axis: number): Tensor {
  const shape = alongShape(x, indices, axis);
  const fits =
    indices.rank === x.rank && indices.shape.every((size, i) => size === 1 || size === shape[i]);
  if (fits) return indices.broadcastTo(shape);
  throw new PatchClampError("SHAPE_MISMATCH", {
    where,
    problem: `indices of shape ${showShape(indices.shape)} do not go with axis ${axis} of ${showShape(x.shape)}.`,
    fix: `give them ${x.rank} axes, all but axis ${axis} of the tensor's sizes or 1.`,
    facts: { x: x.shape, indices: indices.shape, axis },
  });
}

Tensor.prototype.takeAlongAxis = function method(this: Tensor, indices, options): Tensor {
  return takeAlongAxis(this, indices, options);
};

const scatterAddAlongAxisOp = defineOp<AxisAttrs>({
  name: "scatterAddAlongAxis",
  infer: ([x, indices, updates], { axis }) => {
    checkIndices("scatterAddAlongAxis", indices!);
    checkShape("scatterAddAlongAxis", "indices", indices!, alongShape(x!, indices!, axis));
    checkShape("scatterAddAlongAxis", "updates", updates!, indices!.shape);
    return [{ shape: x!.shape, dtype: sameDType("scatterAddAlongAxis", [x!, updates!], SUMMABLE) }];
  },
  // dx = g, dupdates = g at the entries they were added to
  grad: ({ inputs: [, indices], cotangents: [g], attrs: { axis } }) => [
    g!,
    null,
    g!.takeAlongAxis(indices!, { axis }),
  ],
  lower: (context, [x, indices, updates], { axis }) => [
    emitScatter(context, [x!, indices!, updates!], axis),
  ],
  reference: ([x, indices, updates], { axis }) => {
    const y = [...x!.data];
    alongPlaces(x!.shape, axis, indices!, (from, into) => (y[from]! += updates!.data[into]!));
    return [y];
  },
  flops: ([, , updates]) => sizeOf(updates!.shape),
  samples: [
    { inputs: [f32([2, 3]), i32([2, 4], { low: 0, high: 2 }), f32([2, 4])], attrs: { axis: 1 } },
    { inputs: [f32([3, 1]), i32([2, 1], { values: [-1, 2] }), f32([2, 1])], attrs: { axis: 0 } },
  ],
});

/**
 * Adds `updates` to every line's own entries: `y[a, indices[a, k, b], b] += updates[a, k, b]`.
 *
 * @param x - float32 or an integer type
 * @param indices - int32 or int64 in -size..size-1, the shape of `x` but for `axis`; axes of size 1 broadcast
 * @param updates - the shape of the broadcast indices
 * @returns shape of `x`
 * @throws PatchClampError `SHAPE_MISMATCH` when the shapes do not go together
 * @throws PatchClampError `RUNTIME_FAILED` when the graph runs and an index is outside the axis
 */
export function scatterAddAlongAxis(
  x: Tensor,
  indices: Tensor,
  updates: Tensor,
  options: IndexOptions = {},
): Tensor {
  const { axis = -1 } = options;
  const at = resolveAxis("scatterAddAlongAxis", axis, x.rank);
  return apply(scatterAddAlongAxisOp, [x, spread("scatterAddAlongAxis", x, indices, at), updates], {
    axis: at,
  });
}

Tensor.prototype.scatterAddAlongAxis = function method(
  this: Tensor,
  indices,
  updates,
  options,
): Tensor {
  return scatterAddAlongAxis(this, indices, updates, options);
};
