import { packedParts } from "../tensor/ops/quantised.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The tensors that hold a weight: itself, or what it is computed from when it is used. */
export function storedParts(weight: Tensor): readonly Tensor[] {
  const { op, inputs } = weight.node;
  const isHalf = op.name === "cast" && inputs[0]!.dtype === "float16";
  return isHalf || packedParts(weight) !== undefined ? inputs : [weight];
}
