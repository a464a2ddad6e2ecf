// Masks of attention: what is added to scores so that nobody looks ahead, far back or at padding.

import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Added to a score so that its probability is 0; finite, so that a row of nothing else gives no NaN. */
export const NEVER = -1e30;

/**
 * The mask of causal attention over `pos` positions.
 *
 * @returns [1, 1, pos, pos]: 0 where the key is not later than the query, a large negative number elsewhere
 */
export function causalBias(pos: number): Tensor {
  return fromHost(causalBiasData(pos), { shape: [1, 1, pos, pos], dtype: "float32" }, "mask");
}

function causalBiasData(pos: number): Float32Array {
  const data = new Float32Array(pos * pos);
  for (let query = 0; query < pos; query++)
    data.fill(NEVER, query * pos + query + 1, (query + 1) * pos);
  return data;
}

/**
 * The mask of causal attention over rows of which some positions are padding.
 *
 * @param isReal - which positions of each row hold a token, [batch][pos]
 * @returns [batch, 1, pos, pos]
 */
export function paddedCausalBias(isReal: readonly (readonly boolean[])[]): Tensor {
  const pos = isReal[0]!.length;
  const data = new Float32Array(isReal.length * pos * pos);
  const causal = causalBiasData(pos);
  for (const [row, real] of isReal.entries()) {
    const part = data.subarray(row * pos * pos, (row + 1) * pos * pos);
    part.set(causal);
    for (let i = 0; i < part.length; i++) if (!real[i % pos]) part[i] = NEVER;
  }
  return fromHost(data, { shape: [isReal.length, 1, pos, pos], dtype: "float32" }, "mask");
}

/**
 * The mask of causal attention over rows in which several texts lie side by side: none sees another.
 *
 * @param segments - which text a position belongs to, int32, [batch, pos]
 * @returns [batch, 1, pos, pos]
 */
export function packedCausalBias(segments: Tensor): Tensor {
  return textBias(segments).add(causalBias(segments.shape[1]!));
}

/**
 * The mask of attention both ways over rows in which several texts lie side by side: none sees another.
 *
 * @param segments - which text a position belongs to, int32, [batch, pos]
 * @returns [batch, 1, pos, pos]
 */
export function textBias(segments: Tensor): Tensor {
  const queries = segments.unsqueeze(1).unsqueeze(-1);
  const keys = segments.unsqueeze(1).unsqueeze(1);
  return queries.equal(keys).where(0, NEVER);
}

/**
 * Hides keys that lie too far back.
 *
 * @param mask - what is added to scores, [batch or 1, 1, pos, keys]
 * @param positions - of the queries, int32, [batch or 1, pos]
 * @param keyPositions - int32, [batch or 1, keys]
 * @param window - how many positions a query sees, its own included
 * @returns [batch or 1, 1, pos, keys]
 */
export function slidingWindow(
  mask: Tensor,
  positions: Tensor,
  keyPositions: Tensor,
  window: number,
): Tensor {
  const queries = positions.unsqueeze(1).unsqueeze(-1);
  const keys = keyPositions.unsqueeze(1).unsqueeze(1);
  return queries.sub(keys).greaterEqual(window).where(NEVER, mask);
}

/**
 * How fast each head of ALiBi loses interest in what is far, a position: a geometric series from 2^(-8 / n) to 2^-8.
 *
 * @param nHeads - where it is no power of two, the heads beyond one take every other number of the series of twice as many
 * @returns [nHeads]
 * @source Press, Smith & Lewis 2022, arXiv:2108.12409, section 3
 */
export function alibiSlopes(nHeads: number): Float32Array {
  const power = 2 ** Math.floor(Math.log2(nHeads));
  return Float32Array.from({ length: nHeads }, (_, head) =>
    head < power
      ? 2 ** ((-8 * (head + 1)) / power)
      : 2 ** ((-4 * (2 * (head - power) + 1)) / power),
  );
}

/**
 * A mask with a penalty on distance, which differs by head.
 *
 * @param positions - int32, [batch or 1, pos], of the queries
 * @param keyPositions - int32, [batch or 1, keys]
 * @param mask - [batch or 1, 1, pos, keys]
 * @param slopes - penalty a position, [head]
 * @returns [batch or 1, head, pos, keys]: the mask plus slope * (key position - query position)
 * @source Press, Smith & Lewis 2022, arXiv:2108.12409, section 3
 */
export function alibiBias(
  { positions, keyPositions, mask }: Record<"positions" | "keyPositions" | "mask", Tensor>,
  slopes: Float32Array,
): Tensor {
  const queries = positions.unsqueeze(1).unsqueeze(-1);
  const keys = keyPositions.unsqueeze(1).unsqueeze(1);
  const perHead = fromHost(slopes, { shape: [1, slopes.length, 1, 1], dtype: "float32" });
  return keys.sub(queries).cast("float32").mul(perHead).add(mask);
}

/**
 * Hides padding from every query, in attention that looks both ways.
 *
 * @param isReal - which positions of each row hold a token, [batch][keys]
 * @returns [batch, 1, 1, keys]
 */
export function hiddenKeys(isReal: readonly (readonly boolean[])[]): Tensor {
  const data = Float32Array.from(isReal.flat(), (real) => (real ? 0 : NEVER));
  const shape = [isReal.length, 1, 1, isReal[0]!.length];
  return fromHost(data, { shape, dtype: "float32" }, "mask");
}

/**
 * Hides keys that lie far off on either side.
 *
 * @param positions - int32, [batch or 1, pos]
 * @param reach - how many positions a query sees on each side of its own
 * @param mask - what is added to scores beside this, [batch or 1, 1, pos or 1, pos]; default: nothing
 * @returns [batch or 1, 1, pos, pos]
 */
export function nearbyKeys(positions: Tensor, reach: number, mask?: Tensor): Tensor {
  const queries = positions.unsqueeze(1).unsqueeze(-1);
  const keys = positions.unsqueeze(1).unsqueeze(1);
  return queries
    .sub(keys)
    .abs()
    .greater(reach)
    .where(NEVER, mask ?? 0);
}
