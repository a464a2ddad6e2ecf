// Weights must be finite. A sum is finite only if all its terms are, and the engine adds on all cores.

import { PatchClampError } from "../core/errors.ts";
import { compile } from "../runtime/index.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { StoredTensor } from "./safetensors.ts";

/** Numbers that are added in one call; what is left over is looked at one by one. */
const BLOCK = 2 ** 18;

const sumOf = compile((x: Tensor): Tensor => x.sum());

/** Which numbers are looked at, and how an error names them. */
export interface Numbers {
  readonly tensor: Pick<StoredTensor, "name" | "file" | "shape">;
  /** In row-major order. */
  readonly data: Float32Array;
  /** Which element of the tensor they begin with. Default 0. */
  readonly first?: number;
}

/**
 * Refuses NaN and infinity.
 *
 * @param where - the public function reported in the error
 * @throws PatchClampError `BAD_FILE` with the first position that is not finite
 */
export async function checkFinite(
  where: string,
  { tensor, data, first = 0 }: Numbers,
): Promise<void> {
  let at = 0;
  for (; at + BLOCK <= data.length; at += BLOCK) {
    const block = data.subarray(at, at + BLOCK);
    const sum = await sumOf(fromHost(block, { shape: [BLOCK], dtype: "float32" }));
    // numbers near the largest one can add up to infinity, so only a look at each tells
    if (!Number.isFinite(await sum.item())) lookAtEach(where, tensor, block, first + at);
  }
  lookAtEach(where, tensor, data.subarray(at), first + at);
}

function lookAtEach(
  where: string,
  { name, file, shape }: Numbers["tensor"],
  data: Float32Array,
  first: number,
): void {
  // an exponent of all ones is infinity or NaN
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  for (let i = 0; i < bits.length; i++) {
    if ((bits[i]! & 0x7f800000) !== 0x7f800000) continue;
    const position = unravel(first + i, shape);
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `tensor "${name}" in ${file} is ${data[i]} at [${position.join(", ")}]; weights must be finite.`,
      fix: "use a checkpoint from before the training diverged, or one stored in a wider type.",
      facts: { tensor: name, file, position },
    });
  }
}

/** The indices of element `i` of a row-major array. */
function unravel(i: number, shape: readonly number[]): number[] {
  const position: number[] = [];
  for (const size of shape.toReversed()) {
    position.unshift(i % size);
    i = Math.floor(i / size);
  }
  return position;
}
