// What the indexing ops share.

import { PatchClampError } from "../../core/errors.ts";
import type { LowerContext, ValueRef } from "../op.ts";
import { sameDType, showShape } from "../op.ts";
import type { Aval, DType } from "../tensor.ts";
import { sizeOf } from "../tensor.ts";

/** Options of the indexing ops. */
export interface IndexOptions {
  /** The axis that is indexed; negative counts from the end. */
  axis?: number;
}

/** The indexed axis, in `0..rank-1`. */
export interface AxisAttrs {
  readonly axis: number;
}

/** Types that can be added up. */
export const SUMMABLE: readonly DType[] = ["float32", "int32", "int64"];

/** Refuses indices that are not integers. */
export function checkIndices(where: string, indices: Aval): void {
  sameDType(where, [indices], ["int32", "int64"]);
}

/** Refuses an input whose shape is not the one that the others call for. */
export function checkShape(
  where: string,
  what: string,
  { shape }: Aval,
  wanted: readonly number[],
): void {
  if (shape.length === wanted.length && shape.every((size, i) => size === wanted[i])) return;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where,
    problem: `the ${what} have shape ${showShape(shape)}, not ${showShape(wanted)}.`,
    facts: { shape, wanted },
  });
}

/** Sizes before an axis, of it, and after it. */
export function around(
  shape: readonly number[],
  axis: number,
): { outer: number; size: number; inner: number } {
  return {
    outer: sizeOf(shape.slice(0, axis)),
    size: shape[axis]!,
    inner: sizeOf(shape.slice(axis + 1)),
  };
}

/** ScatterND would be faster, but its additions race where an index occurs twice. */
export function emitScatter(
  { emit }: LowerContext,
  inputs: readonly ValueRef[],
  axis: number,
): ValueRef {
  return emit("ScatterElements", inputs, { axis, reduction: "add" });
}
