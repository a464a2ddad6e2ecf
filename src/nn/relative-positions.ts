// Position biases of attention that are learned, one a head for each bucket of distances.

import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** How distances are sorted into buckets. */
export interface BucketForm {
  /** At least 4. */
  readonly nBuckets: number;
  /** All distances from here on share a bucket; more than half of the buckets. */
  readonly maxDistance: number;
  /** Whether keys after the query have buckets of their own, half of all; else they share the bucket of distance 0. */
  readonly looksBothWays: boolean;
}

/**
 * The bucket of a key's place relative to a query's: half of the buckets on a side hold one distance each, the others grow with
 * the logarithm of the distance.
 *
 * @param offset - key position - query position
 * @returns 0..nBuckets - 1
 * @source Raffel et al. 2020, arXiv:1910.10683, section 2.1
 */
export function bucketOf(offset: number, form: BucketForm): number {
  const { nBuckets, maxDistance, looksBothWays } = form;
  const side = looksBothWays ? Math.floor(nBuckets / 2) : nBuckets;
  const first = looksBothWays && offset > 0 ? side : 0;
  const distance = looksBothWays ? Math.abs(offset) : Math.max(0, -offset);
  const exact = Math.floor(side / 2);
  if (distance < exact) return first + distance;
  // networks were trained with float32 here, which decides where a logarithm is nearly whole
  const { fround, log } = Math;
  const share = fround(fround(log(fround(distance / exact))) / fround(log(maxDistance / exact)));
  return first + Math.min(exact + Math.trunc(fround(share * (side - exact))), side - 1);
}

/** Positions of queries and keys, and what is added to scores beside the bias. */
export interface BiasedScores {
  /** int32, [batch or 1, pos], of the queries */
  readonly positions: Tensor;
  /** int32, [batch or 1, keys] */
  readonly keyPositions: Tensor;
  /** [batch or 1, 1, pos or 1, keys]; default: nothing */
  readonly mask?: Tensor | undefined;
}

/**
 * What is added to attention scores: a bias by head and bucket of distance, and the mask.
 *
 * @param table - learned biases, [nBuckets, head]
 * @returns [batch or 1, head, pos, keys]
 * @source Raffel et al. 2020, arXiv:1910.10683, section 2.1
 */
export function bucketBias(
  { positions, keyPositions, mask }: BiasedScores,
  table: Tensor,
  form: BucketForm,
): Tensor {
  const reach = form.maxDistance;
  const buckets = Int32Array.from({ length: 2 * reach + 1 }, (_, i) => bucketOf(i - reach, form));
  const byOffset = table.gather(fromHost(buckets, { shape: [buckets.length], dtype: "int32" }));
  const offsets = keyPositions.unsqueeze(1).sub(positions.unsqueeze(-1));
  const bias = byOffset
    .gather(offsets.clip({ min: -reach, max: reach }).add(reach))
    .transpose([0, 3, 1, 2]);
  return mask === undefined ? bias : bias.add(mask);
}
