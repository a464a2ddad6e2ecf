// Rounds weights to few bits, block by block. The layout is that of `dequantise` (`tensor/ops/quantised.ts`).

import type { PackedForm } from "../tensor/ops/quantised.ts";

/** Rows of numbers in few bits. */
export interface PackedRows {
  /** [rows, block, byte] */
  readonly packed: Uint8Array;
  /** [rows, block] */
  readonly scales: Float32Array;
}

/**
 * Rounds rows of numbers to the nearest steps of their block's scale.
 *
 * With eight bits the largest magnitude of a block is 127 steps, so that no error exceeds half a step. With four bits the
 * scale is the one of a few candidates whose squared error is least; the few numbers beyond their range take its end.
 *
 * @param data - [rows, columns], finite
 */
export function packRows(data: Float32Array, form: PackedForm): PackedRows {
  const { bits, blockSize, columns } = form;
  const rows = data.length / columns;
  const blocks = Math.ceil(columns / blockSize);
  const blob = (blockSize * bits) / 8;
  const zero = 2 ** (bits - 1);
  const packed = new Uint8Array(rows * blocks * blob).fill(bits === 8 ? zero : zero * 17);
  const scales = new Float32Array(rows * blocks);
  const write = bits === 8 ? writeBytes : writeHalves;
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const from = row * columns + block * blockSize;
      const end = Math.min(from + blockSize, (row + 1) * columns);
      const at = row * blocks + block;
      const scale = Math.fround(scaleOf(data, from, end, bits));
      scales[at] = scale;
      if (scale !== 0) write(data, { from, end, scale }, packed, at * blob);
    }
  }
  return { packed, scales };
}

/** Steps of four bits that the number of largest magnitude may be, which end at -8: more help by less than 1 % of the error. */
const CANDIDATES = [-8, -8.6, -7.3];

function scaleOf(data: Float32Array, from: number, end: number, bits: 4 | 8): number {
  let [most, magnitude] = [0, 0];
  for (let i = from; i < end; i++) {
    const own = Math.abs(data[i]!);
    if (own > magnitude) [most, magnitude] = [data[i]!, own];
  }
  if (bits === 8 || most === 0) return usable(magnitude / 127);
  let [best, least] = [usable(most / 7), Infinity];
  for (const steps of CANDIDATES) {
    const scale = usable(most / steps);
    if (scale === 0) continue;
    const error = squaredError(data, { from, end, scale }, least);
    if (error < least) [best, least] = [scale, error];
  }
  return best;
}

/** 0 for a scale so small that its inverse is no float32. */
function usable(scale: number): number {
  return Number.isFinite(Math.fround(1 / scale)) ? scale : 0;
}

/** The squared error of a block, or any number above `least` where it is larger than that. */
function squaredError(data: Float32Array, { from, end, scale }: Block, least: number): number {
  const inverse = 1 / scale;
  const most = least * inverse * inverse;
  let sum = 0;
  for (let i = from; i < end && sum <= most; i++) {
    const steps = data[i]! * inverse;
    const rest = steps - nibble(steps) + 8;
    sum += rest * rest;
  }
  return sum * scale * scale;
}

/** The nearest of -8..7, above the middle: 0..15. */
function nibble(steps: number): number {
  const code = (steps + 8.5) | 0;
  return code < 0 ? 0 : code > 15 ? 15 : code;
}

interface Block {
  readonly from: number;
  readonly end: number;
  readonly scale: number;
}

function writeBytes(data: Float32Array, block: Block, packed: Uint8Array, at: number): void {
  const { from, end, scale } = block;
  const inverse = 1 / scale;
  for (let i = from; i < end; i++) packed[at + i - from] = data[i]! * inverse + 128.5; // rounded, as bytes are cut
}

function writeHalves(data: Float32Array, block: Block, packed: Uint8Array, at: number): void {
  const { from, end, scale } = block;
  const inverse = 1 / scale;
  for (let i = from; i < end; i += 2) {
    const low = nibble(data[i]! * inverse);
    const high = i + 1 < end ? nibble(data[i + 1]! * inverse) : 8;
    packed[at + ((i - from) >> 1)] = low | (high << 4);
  }
}
