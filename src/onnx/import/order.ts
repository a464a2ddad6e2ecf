// Operators about the order of elements, and those that say which elements there are.

import { zeros } from "../../tensor/ops/creation.ts";
import { resolveAxis, sizeOf } from "../../tensor/tensor.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";
import { integers } from "./shapes.ts";

function largest(context: ImportContext): readonly Tensor[] {
  const { opType, opset, input, int } = context;
  const x = input(0);
  const axis = resolveAxis(opType, int("axis", -1), x.rank);
  const k = opset < 10 ? int("k", 1) : (context.known(1)?.[0] ?? 1);
  if (k === 0) {
    const shape = x.shape.with(axis, 0);
    return [zeros(shape, x.dtype), zeros(shape, "int64")];
  }
  const isHeld = x.dtype === "float32" || x.dtype === "int32" || x.dtype === "int64";
  const numbers = isHeld ? x : x.cast("int32");
  const { values, indices } = numbers.topK({ k, axis, largest: int("largest", 1) === 1 });
  return [values.cast(x.dtype), indices.cast("int64")];
}

/** Where the largest or the smallest is: of equals the first, or by an attribute the last. */
function extreme(name: "argmax" | "argmin"): (context: ImportContext) => Tensor {
  return ({ opType, input, int }) => {
    const given = input(0);
    const isHeld = given.dtype === "float32" || given.dtype === "int32";
    const x = isHeld ? given : given.cast(given.dtype === "int64" ? "float32" : "int32");
    const axis = resolveAxis(opType, int("axis", 0), x.rank);
    const options = { axis, keepDims: int("keepdims", 1) === 1 };
    if (int("select_last_index", 0) === 0) return x[name](options).cast("int64");
    const fromEnd = x.flip(axis)[name](options).cast("int64");
    return fromEnd.neg().add(x.shape[axis]! - 1);
  };
}

function runningSum({ input, known, int }: ImportContext): Tensor {
  const x = input(0);
  const axis = known(1)?.[0] ?? 0;
  return x.cumsum({ axis, reverse: int("reverse", 0) === 1, exclusive: int("exclusive", 0) === 1 });
}

/** Every step multiplies by what lies twice as far back as in the step before it. */
function runningProduct({ opType, input, known, int }: ImportContext): Tensor {
  const x = input(0);
  const axis = resolveAxis(opType, known(1)?.[0] ?? 0, x.rank);
  const size = x.shape[axis]!;
  const later = (y: Tensor, by: number): Tensor =>
    y.pad({ axis, before: by, after: 0, value: 1 }).slice({ axis, start: 0, end: size });
  const isReverse = int("reverse", 0) === 1;
  let product = isReverse ? x.flip(axis) : x;
  if (int("exclusive", 0) === 1) product = later(product, 1);
  for (let by = 1; by < size; by *= 2) product = product.mul(later(product, by));
  return isReverse ? product.flip(axis) : product;
}

/** Where elements are not zero, [rank, count]: as many as there are. */
function nonZero(context: ImportContext): Tensor {
  const x = context.input(0);
  const places = [...context.known(0)!.entries()].flatMap(([i, value]) => (value === 0 ? [] : [i]));
  const strides = x.shape.map((_, axis) => sizeOf(x.shape.slice(axis + 1)));
  const indices = strides.flatMap((stride, axis) =>
    places.map((place) => Math.floor(place / stride) % x.shape[axis]!),
  );
  return integers(indices, [x.rank, places.length]);
}

function compressed({ input, known, int, refuse }: ImportContext): Tensor {
  const axis = int("axis", undefined);
  const x = axis === undefined ? input(0).reshape([-1]) : input(0);
  const condition = known(1);
  if (condition === undefined) throw refuse("lacks its condition");
  const kept = [...condition.entries()].flatMap(([i, isKept]) => (isKept === 0 ? [] : [i]));
  return x.gather(integers(kept), { axis: axis ?? 0 });
}

/** Slices of an axis that occur, each once; with their first places, the place of each among them, and counts. */
function unique(context: ImportContext): readonly Tensor[] {
  const { opType, input, int } = context;
  const along = int("axis", undefined);
  const x = along === undefined ? input(0).reshape([-1]) : input(0);
  const axis = resolveAxis(opType, along ?? 0, x.rank);
  const rows = rowsOf(context.known(0)!, x.shape, axis);
  const first = new Map<string, number>();
  for (const [i, row] of rows.entries()) if (!first.has(row.join())) first.set(row.join(), i);
  const places = [...first.values()];
  if (int("sorted", 1) === 1) places.sort((a, b) => inOrder(rows[a]!, rows[b]!));
  const rank = new Map(places.map((place, i) => [rows[place]!.join(), i]));
  const inverse = rows.map((row) => rank.get(row.join())!);
  const counts = places.map((_, i) => inverse.filter((own) => own === i).length);
  return [
    x.gather(integers(places), { axis }),
    integers(places),
    integers(inverse),
    integers(counts),
  ];
}

/** The numbers of every slice of an axis. */
function rowsOf(numbers: readonly number[], shape: readonly number[], axis: number): number[][] {
  const [size, inner] = [shape[axis]!, sizeOf(shape.slice(axis + 1))];
  const rows = Array.from({ length: size }, () => [] as number[]);
  for (const [i, value] of numbers.entries()) rows[Math.floor(i / inner) % size]!.push(value);
  return rows;
}

function inOrder(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}

export const order: ImportHandlers = {
  TopK: largest,
  ArgMax: extreme("argmax"),
  ArgMin: extreme("argmin"),
  CumSum: runningSum,
  CumProd: runningProduct,
  NonZero: nonZero,
  Compress: compressed,
  Unique: unique,
};
