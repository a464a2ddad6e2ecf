// Products with large constant matrices, which exporters write as [in, out]: in the form that the runtime is fastest at.

import { fromSource, isLeaf } from "../../tensor/leaf.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { apply } from "../../tensor/tensor.ts";

/** Numbers from which on it pays to hold a matrix a second time. */
const LARGE = 65_536;
/** Rows and columns that are turned at a time, so that reading and writing stay near. */
const TILE = 32;

const turned = new WeakMap<Tensor, Tensor>();
const prepacked = new WeakSet<Tensor>();

/**
 * Has a constant copied into every graph that multiplies by it, where the processor reads it in the order it likes best: less time a run,
 * for the memory of the copies and a slower first run.
 */
export function prepackConstant(w: Tensor): void {
  prepacked.add(w);
}

/**
 * x W + b.
 *
 * @param x - [..., in]
 * @param w - [in, out]
 * @param bias - [out]; none by default
 * @returns undefined where the matrix is small, or no constant
 */
export function timesConstant(x: Tensor, w: Tensor, bias?: Tensor): Tensor | undefined {
  if (x.rank < 2 || x.size === 0 || x.dtype !== "float32") return undefined;
  const weights = turnedConstant(w);
  if (weights === undefined) return undefined;
  const product = x.linear(weights, bias);
  if (!prepacked.has(w)) return product;
  // a copy that the runtime arranges itself may lie either way, so that nothing need be turned
  const { op, inputs } = product.node;
  return apply(op, [x, w, ...inputs.slice(2)], { transposed: false, isBaked: true });
}

/**
 * A constant with its rows as columns, made when it is first needed: where weights are inputs of a graph, ONNX Runtime multiplies by
 * those 8 % faster at a hundred rows.
 *
 * @param w - [in, out]
 * @returns [out, in]; undefined where it is small, or no constant
 */
export function turnedConstant(w: Tensor): Tensor | undefined {
  const { value, shape, size, dtype } = w;
  if (size < LARGE || shape.length !== 2 || dtype !== "float32") return undefined;
  if (!isLeaf(w) || value === undefined) return undefined;
  const known = turned.get(w);
  if (known !== undefined) return known;
  const [rows, columns] = shape as readonly [number, number];
  const load = async (): Promise<Float32Array> => {
    // of what lies in a file, only the turned form is kept
    const data = await (value.data ?? value.readPart?.([0, size]) ?? value.read());
    return columnsAsRows(data as Float32Array, rows, columns);
  };
  const leaf = fromSource(
    async (range) => (range === undefined ? load() : (await load()).subarray(...range)),
    { shape: [columns, rows], dtype },
  );
  turned.set(w, leaf);
  return leaf;
}

function columnsAsRows(data: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let top = 0; top < rows; top += TILE) {
    const bottom = Math.min(rows, top + TILE);
    for (let left = 0; left < columns; left += TILE) {
      const right = Math.min(columns, left + TILE);
      for (let i = top; i < bottom; i++)
        for (let j = left; j < right; j++) result[j * rows + i] = data[i * columns + j]!;
    }
  }
  return result;
}
