// What llama.cpp's converter does to tensors besides renaming them, undone: each function says how a stored tensor becomes the
// one that transformers saves.

import { PatchClampError } from "../../core/errors.ts";
import type { GgufTensor } from "./header.ts";
import type { Piece, Rows } from "./pieces.ts";

/** A tensor as transformers saves it, made of stored ones. */
export interface Arrangement {
  readonly shape: readonly number[];
  readonly pieces: readonly Piece[];
  readonly map?: (x: number) => number;
}

/** Sizes of the network that arrangements depend on. */
export interface Sizes {
  readonly nHeads: number;
  /** Key-value heads. */
  readonly nKvHeads: number;
}

export type Undo = (source: GgufTensor, sizes: Sizes) => Arrangement;

/** The tensor as it is. */
export function same(source: GgufTensor): Arrangement {
  return { shape: source.shape, pieces: [{ source }] };
}

/**
 * The rows of rotary projections: llama.cpp turns neighbouring rows of a head, transformers row i with row i + dHead / 2.
 *
 * @param kind - which heads the tensor has
 */
export function rotaryRows(kind: "query" | "key"): Undo {
  return (source, { nHeads, nKvHeads }) => {
    const heads = kind === "query" ? nHeads : nKvHeads;
    const dHead = 2 * part(source, 2 * heads);
    return reordered(source, (row) => {
      const within = row % dHead;
      return row - within + (within >> 1) + (within % 2) * (dHead / 2);
    });
  };
}

/** Rows stored as all queries, all keys, all values; saved head by head, three parts each. */
export function partsByHead(source: GgufTensor, { nHeads }: Sizes): Arrangement {
  const dHead = part(source, 3 * nHeads);
  const rows = dHead * nHeads;
  return reordered(source, (row) => {
    const head = Math.floor((row % rows) / dHead);
    return (head * 3 + Math.floor(row / rows)) * dHead + (row % dHead);
  });
}

/** [out, in] stored, [in, out] saved, as GPT-2's `Conv1D` does. */
export function transposed(source: GgufTensor): Arrangement {
  const [out, into] = axes(source, 2) as [number, number];
  return { shape: [into, out], pieces: [{ source, rows: columns(into, out) }] };
}

/** Gemma's norms multiply by 1 + weight; the converter stored the sum. */
export function lessOne(source: GgufTensor): Arrangement {
  return { ...same(source), map: (x) => x - 1 };
}

/** Mamba's A = -exp(A_log) is stored; shape [heads, 1] is a vector. */
export function logOfMinus(source: GgufTensor): Arrangement {
  return { ...withoutOnes(source), map: (x) => Math.log(-x) };
}

/** The same numbers without axes of size 1 at the end. */
export function withoutOnes(source: GgufTensor): Arrangement {
  const [first = 1, ...rest] = source.shape;
  return { ...same(source), shape: rest.every((size) => size === 1) ? [first] : source.shape };
}

/** All numbers in one axis. */
export function flat(source: GgufTensor): Arrangement {
  return { ...same(source), shape: [source.size] };
}

/** A matrix of one row; older files have it as a vector. */
export function row(source: GgufTensor): Arrangement {
  return { ...same(source), shape: [1, source.size] };
}

/** Convolution kernels, [channel, width]; saved with an axis of size 1 between. */
export function kernels(source: GgufTensor): Arrangement {
  const [channels, width] = axes(source, 2) as [number, number];
  return { ...same(source), shape: [channels, 1, width] };
}

/** One of the tensors stacked along the first axis. */
export function sliced(source: GgufTensor, index: number): Arrangement {
  const shape = source.shape.slice(1);
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, pieces: [{ source, start: index * count, count }] };
}

/** One of several equal parts of a tensor's rows. */
export function rowsOf(source: GgufTensor, index: number, parts: number): Arrangement {
  const rows = part(source, parts);
  const count = source.size / parts;
  return {
    shape: source.shape.with(0, rows),
    pieces: [{ source, start: index * count, count }],
  };
}

/**
 * DeepSeek's up-projection of compressed keys and values, which llama.cpp stores in two: keys transposed, [head, rank, dKey], and
 * values, [head, dValue, rank].
 *
 * @returns [head (dKey dValue), rank]
 */
export function keysAndValues(keys: GgufTensor, values: GgufTensor): Arrangement {
  const [heads, rank, dKey] = axes(keys, 3) as [number, number, number];
  const dValue = axes(values, 3)[1]!;
  agree(values, [heads, dValue, rank]);
  const perHead = dKey + dValue;
  const keyRows: Rows = {
    length: dKey,
    place: (row) => Math.floor(row / rank) * perHead * rank + (row % rank),
    stride: rank,
  };
  const valueRows: Rows = {
    length: rank,
    place: (row) => (Math.floor(row / dValue) * perHead + dKey + (row % dValue)) * rank,
  };
  return {
    shape: [heads * perHead, rank],
    pieces: [
      { source: keys, rows: keyRows },
      { source: values, rows: valueRows },
    ],
  };
}

/**
 * Experts' gates and inputs, stored apart as [expert, dMlp, dModel]; gpt-oss saves them by turns, [expert, dModel, 2 dMlp].
 *
 * Biases are [expert, dMlp] and [expert, 2 dMlp].
 */
export function byTurns(gate: GgufTensor, up: GgufTensor): Arrangement {
  const [experts, dMlp, dModel = 1] = axes(gate, 3, 2) as [number, number, number?];
  agree(up, gate.shape);
  const rows = (turn: number): Rows => ({
    length: dModel,
    place: (row) => Math.floor(row / dMlp) * dModel * 2 * dMlp + 2 * (row % dMlp) + turn,
    stride: 2 * dMlp,
  });
  return {
    shape: gate.shape.length === 2 ? [experts, 2 * dMlp] : [experts, dModel, 2 * dMlp],
    pieces: [
      { source: gate, rows: rows(0) },
      { source: up, rows: rows(1) },
    ],
  };
}

/** [expert, out, in] stored, [expert, in, out] saved. */
export function transposedStack(source: GgufTensor): Arrangement {
  const [experts, out, into] = axes(source, 3) as [number, number, number];
  const inner = columns(into, out);
  const rows: Rows = {
    ...inner,
    place: (row) => Math.floor(row / out) * out * into + inner.place(row % out),
  };
  return { shape: [experts, into, out], pieces: [{ source, rows }] };
}

/** Rows of `length` numbers that become columns of a matrix with `total` of them. */
function columns(length: number, total: number): Rows {
  return { length, place: (row) => row, stride: total };
}

/** Rows in another order; a vector's rows are its numbers. */
function reordered(source: GgufTensor, order: (row: number) => number): Arrangement {
  const length = source.size / part(source, 1);
  return {
    shape: source.shape,
    pieces: [{ source, rows: { length, place: (row) => order(row) * length } }],
  };
}

/** The rows of a tensor divided by a number that must go into them. */
function part(source: GgufTensor, parts: number): number {
  const rows = source.shape[0] ?? 0;
  if (rows > 0 && rows % parts === 0) return rows / parts;
  throw wrongShape(source, `a number of rows that is a multiple of ${parts}`);
}

/** The shape of a tensor that must have a number of axes. */
function axes(source: GgufTensor, ...counts: readonly number[]): readonly number[] {
  if (counts.includes(source.shape.length)) return source.shape;
  throw wrongShape(source, `${counts.join(" or ")} axes`);
}

function agree(source: GgufTensor, shape: readonly number[]): void {
  if (source.shape.join() !== shape.join()) throw wrongShape(source, `[${shape.join(", ")}]`);
}

function wrongShape({ name, shape }: GgufTensor, expected: string): PatchClampError {
  return new PatchClampError("BAD_FILE", {
    where: "openGguf",
    problem: `tensor "${name}" has shape [${shape.join(", ")}]; expected ${expected}.`,
    facts: { tensor: name, shape },
  });
}
