// How one parameter lies inside a tensor of a checkpoint: beside others, by turns with others, in a stack, transposed.

import type { ParamEntry } from "../architectures/family.ts";
import { sizeOf } from "../tensor/tensor.ts";

/** The tree's layout of everything that shares the file's tensor. */
function wholeShape({ shape, stack, part, turn }: ParamEntry): number[] {
  const rows = part?.total ?? shape[0]! * (turn?.of ?? 1);
  const one = shape.length === 0 ? [] : shape.with(0, rows);
  return stack === undefined ? one : [stack.of, ...one];
}

/** The shape of the file's tensor. */
export function storedShape(entry: ParamEntry): number[] {
  const whole = wholeShape(entry);
  if (entry.isTransposed !== true) return whole;
  return entry.stack === undefined
    ? whole.toReversed()
    : [whole[0]!, ...whole.slice(1).toReversed()];
}

/** Where a parameter lies among the elements of the file's tensor, when it lies there in one piece and in its own order. */
export function rangeOf(entry: ParamEntry): [start: number, end: number] | undefined {
  const { shape, stack, part, turn } = entry;
  if (turn !== undefined || isMatrixTransposed(entry)) return undefined;
  const size = sizeOf(shape);
  const whole = sizeOf(wholeShape(entry));
  const start =
    ((stack?.index ?? 0) * whole) / (stack?.of ?? 1) +
    ((part?.start ?? 0) * size) / (shape[0] ?? 1);
  return [start, start + size];
}

/** Where an element of the tree's parameter lies among those of the file's tensor. */
export function storedPlace(entry: ParamEntry, element: number): number {
  const { shape, stack, part, turn } = entry;
  const rows = shape[0] ?? 1;
  const rowSize = sizeOf(shape) / rows;
  const whole = sizeOf(wholeShape(entry)) / (stack?.of ?? 1);
  const [row, column] = [Math.floor(element / rowSize), element % rowSize];
  const block = rows / (turn?.groups ?? 1);
  const at =
    turn === undefined
      ? (part?.start ?? 0) + row
      : (Math.floor(row / block) * turn.of + turn.index) * block + (row % block);
  const place = isMatrixTransposed(entry) ? column * (whole / rowSize) + at : at * rowSize + column;
  return (stack?.index ?? 0) * whole + place;
}

/** One parameter from the numbers of the file's tensor; where it lies there in one piece, a view of them. */
export function unpacked(data: Float32Array, entry: ParamEntry): Float32Array {
  const { shape, part, turn } = entry;
  const size = sizeOf(shape);
  const rowSize = size / (shape[0] ?? 1);
  const start = part?.start ?? 0;
  const end = start + (shape[0] ?? 1) * (turn?.of ?? 1);
  const own = inTreeOrder(data, entry, [start, end], rowSize);
  if (turn === undefined) return own;
  const taken = new Float32Array(size);
  const block = size / turn.groups;
  for (let group = 0; group < turn.groups; group++) {
    const from = (group * turn.of + turn.index) * block;
    taken.set(own.subarray(from, from + block), group * block);
  }
  return taken;
}

/** Writes one parameter to its place among the numbers of the file's tensor: the inverse of `unpacked`. */
export function pack(own: Float32Array, entry: ParamEntry, data: Float32Array): void {
  const { shape, part, turn } = entry;
  const target = stacked(data, entry);
  const rows = shape[0] ?? 1;
  const rowSize = own.length / rows;
  const total = target.length / rowSize;
  const block = turn === undefined ? rows : rows / turn.groups;
  for (let row = 0; row < rows; row++) {
    const group = Math.floor(row / block);
    const at =
      turn === undefined
        ? (part?.start ?? 0) + row
        : (group * turn.of + turn.index) * block + (row % block);
    if (isMatrixTransposed(entry)) {
      for (let i = 0; i < rowSize; i++) target[i * total + at] = own[row * rowSize + i]!;
    } else {
      target.set(own.subarray(row * rowSize, (row + 1) * rowSize), at * rowSize);
    }
  }
}

/** The part of the file's numbers that belongs to the entry's place in the stack. */
function stacked(data: Float32Array, { stack }: ParamEntry): Float32Array {
  if (stack === undefined) return data;
  const size = data.length / stack.of;
  return data.subarray(stack.index * size, (stack.index + 1) * size);
}

/** Rows `start` to `end` of the tree's layout. */
function inTreeOrder(
  data: Float32Array,
  entry: ParamEntry,
  [start, end]: readonly [number, number],
  rowSize: number,
): Float32Array {
  const own = stacked(data, entry);
  if (!isMatrixTransposed(entry)) return own.subarray(start * rowSize, end * rowSize);
  return transposed(own, [rowSize, own.length / rowSize], [start, end]);
}

/** A vector is its own transpose. */
function isMatrixTransposed({ isTransposed = false, shape }: ParamEntry): boolean {
  return isTransposed && shape.length === 2;
}

/** Columns `start` to `end` of [rows, columns], as rows; in blocks that fit the cache. */
function transposed(
  data: Float32Array,
  [rows, columns]: readonly [number, number],
  [start, end]: readonly [number, number],
): Float32Array {
  const result = new Float32Array(rows * (end - start));
  const block = 32;
  for (let i0 = 0; i0 < rows; i0 += block) {
    for (let j0 = start; j0 < end; j0 += block) {
      const iEnd = Math.min(i0 + block, rows);
      const jEnd = Math.min(j0 + block, end);
      for (let i = i0; i < iEnd; i++)
        for (let j = j0; j < jEnd; j++) result[(j - start) * rows + i] = data[i * columns + j]!;
    }
  }
  return result;
}
