// Reads a tensor that is put together from stored pieces, such as the slice of a stack of experts or rows in another order,
// straight into one array of its final size.

import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import type { GgufTensor } from "./header.ts";

/** Stored bytes that are read and unpacked at once. */
const chunkBytes = 1 << 23;

/** A run of a stored tensor's numbers, and where they go. */
export interface Piece {
  readonly source: GgufTensor;
  /** The first number of the run. Default 0. */
  readonly start?: number;
  /** Length of the run. Default: to the end of the source. */
  readonly count?: number;
  /** How the run's rows lie in the result. Default: side by side from its beginning. */
  readonly rows?: Rows;
}

export interface Rows {
  /** Numbers in a row of the run. */
  readonly length: number;
  /** Place in the result of the first number of a row, by the row's number within the run. */
  readonly place: (row: number) => number;
  /** How far apart in the result the numbers of a row lie. Default 1. */
  readonly stride?: number;
}

/** Floating-point numbers to be read. */
export interface Assembly {
  /** How many numbers there are; the pieces fill them all. */
  readonly size: number;
  readonly pieces: readonly Piece[];
  /** What is done to each number. Default: nothing. */
  readonly map?: ((x: number) => number) | undefined;
}

/**
 * Reads and unpacks pieces in chunks, so that no more than the result and a chunk are in memory.
 *
 * Runs begin and end at blocks of their type, and rows of more than one number are whole blocks: the callers' tables see to it.
 *
 * @param path - of the GGUF file within `files`
 * @param chunk - stored bytes to read at once
 * @returns `size` numbers
 * @throws PatchClampError `DTYPE_MISMATCH` for a piece of an integer tensor
 */
export async function assembled(
  files: Files,
  path: string,
  { size, pieces, map }: Assembly,
  chunk: number = chunkBytes,
): Promise<Float32Array> {
  const result = new Float32Array(size);
  for (const piece of pieces) await readPiece(files, path, { piece, result, chunk });
  if (map !== undefined) for (let i = 0; i < size; i++) result[i] = map(result[i]!);
  return result;
}

interface Reading {
  readonly piece: Piece;
  readonly result: Float32Array;
  readonly chunk: number;
}

async function readPiece(
  files: Files,
  path: string,
  { piece, result, chunk }: Reading,
): Promise<void> {
  const { source, start = 0, count = source.size - start, rows } = piece;
  const { block, bytes: blockBytes, unpack } = source.type;
  if (unpack === undefined) {
    throw new PatchClampError("DTYPE_MISMATCH", {
      where: "openGguf",
      problem: `tensor "${source.name}" in ${path} is ${source.type.name}, not floating-point.`,
      facts: { path, tensor: source.name },
    });
  }
  const unit = Math.max(block, rows?.length ?? 1);
  const unitBytes = (unit / block) * blockBytes;
  const step = Math.max(1, Math.floor(chunk / unitBytes)) * unit;
  const scratch = rows === undefined ? result : new Float32Array(Math.min(step, count));
  const first = source.begin + (start / block) * blockBytes;
  for (let done = 0; done < count; done += step) {
    const numbers = Math.min(step, count - done);
    const begin = first + (done / block) * blockBytes;
    const bytes = await files.readRange(path, begin, begin + (numbers / block) * blockBytes);
    unpack(bytes, scratch, rows === undefined ? done : 0);
    if (rows !== undefined) scatter(scratch.subarray(0, numbers), done / rows.length, rows, result);
  }
}

/** Copies rows to their places; `firstRow` is the number of the first within its run. */
function scatter(
  numbers: Float32Array,
  firstRow: number,
  { length, place, stride = 1 }: Rows,
  result: Float32Array,
): void {
  for (let at = 0, row = firstRow; at < numbers.length; at += length, row++) {
    const to = place(row);
    if (stride === 1 && length > 1) result.set(numbers.subarray(at, at + length), to);
    else for (let i = 0; i < length; i++) result[to + i * stride] = numbers[at + i]!;
  }
}
