// Plain-loop references of ops that move elements about.

import type { NumberArray } from "../op.ts";
import { sizeOf } from "../tensor.ts";

/**
 * The elements of a result each of which is one of its source's, in row-major order.
 *
 * @param shape - of the result
 * @param from - index in the source of the element at an index of the result, axis by axis
 */
export function moved(
  source: NumberArray,
  shape: readonly number[],
  from: (index: readonly number[]) => readonly number[],
): number[] {
  return Array.from({ length: sizeOf(shape) }, (_, flat) => {
    let left = flat;
    const index = shape.map((_size, axis) => {
      const inner = sizeOf(shape.slice(axis + 1));
      const at = Math.floor(left / inner);
      left -= at * inner;
      return at;
    });
    const at = from(index).reduce((sum, i, axis) => sum * source.shape[axis]! + i, 0);
    return source.data[at]!;
  });
}

/** The elements of an array repeated along axes of size 1 and new leading axes, until it has a shape. */
export function repeated(source: NumberArray, shape: readonly number[]): number[] {
  const missing = shape.length - source.shape.length;
  return moved(source, shape, (index) =>
    source.shape.map((size, axis) => (size === 1 ? 0 : index[axis + missing]!)),
  );
}
