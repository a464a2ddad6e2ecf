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
