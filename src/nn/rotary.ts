// Rotary positions (Su et al. 2021, arXiv:2104.09864): queries and keys are turned by angles that grow with the position, so
// that their products depend on distances only.

import { concat } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { fromHost } from "../tensor/leaf.ts";

/** Cosines and sines of rotary positions: each [batch or 1, pos, 1, pairs]. */
export interface Rotary {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/**
 * Angles for rotary positions.
 *
 * @param positions - int32, [batch or 1, pos]
 * @param frequencies - radians a position for every pair of the head that turns, [pairs]
 * @param gain - what cosines and sines are multiplied by, as some scalings for long texts do. Default 1.
 * @source Su et al. 2021, arXiv:2104.09864, eq. (15)
 */
export function rotaryAngles(
  positions: Tensor,
  frequencies: Float32Array | Tensor,
  gain = 1,
): Rotary {
  const [batch, pos] = positions.shape as [number, number];
  const rates =
    frequencies instanceof Float32Array
      ? fromHost(frequencies, { shape: [frequencies.length], dtype: "float32" })
      : frequencies;
  const angles = positions.cast("float32").reshape([batch, pos, 1, 1]).mul(rates);
  const scaled = (x: Tensor): Tensor => (gain === 1 ? x : x.mul(gain));
  return { cos: scaled(angles.cos()), sin: scaled(angles.sin()) };
}

/**
 * Turns pairs (i, i + n) of the first 2 n numbers of every head by their position's angle, and leaves the rest.
 *
 * @param x - [batch, pos, head, dHead]
 * @param rotary - the angles of n pairs
 */
export function rotate(x: Tensor, { cos, sin }: Rotary): Tensor {
  // angles of another layout, as of [batch, head, pos, dHead], have no kernel of their own
  if (cos.shape[1] === x.shape[1] && cos.shape[2] === 1) return x.turn(cos, sin);
  const pairs = cos.shape.at(-1)!;
  const rest = x.shape.at(-1)! - 2 * pairs;
  const sizes = rest === 0 ? [pairs, pairs] : [pairs, pairs, rest];
  const [first, second, ...still] = x.split({ axis: -1, sizes }) as [Tensor, Tensor, ...Tensor[]];
  const turned = [first.mul(cos).sub(second.mul(sin)), second.mul(cos).add(first.mul(sin))];
  return concat([...turned, ...still], { axis: -1 });
}
