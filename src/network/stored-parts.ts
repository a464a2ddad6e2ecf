// How weights are stored, which may be otherwise than they are used.

import type { Tree } from "../core/tree.ts";
import { leaves } from "../core/tree.ts";
import { prepackedPart } from "../tensor/ops/matmul.ts";
import { packedParts } from "../tensor/ops/quantised.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The tensors that hold a weight: itself, or what it is computed from when it is used. */
export function storedParts(weight: Tensor): readonly Tensor[] {
  const { op, inputs } = weight.node;
  const isHalf = op.name === "cast" && inputs[0]!.dtype === "float16";
  return isHalf || packedParts(weight) !== undefined || prepackedPart(weight) !== undefined
    ? inputs
    : [weight];
}

/** What is stored by its path among the parameters; the parts of a weight are numbered. */
export function storedNames(params: Tree<Tensor>): ReadonlyMap<Tensor, string> {
  const names = new Map<Tensor, string>();
  for (const [path, weight] of leaves<Tensor>(params)) {
    const parts = storedParts(weight);
    for (const [i, part] of parts.entries())
      if (!names.has(part)) names.set(part, parts.length === 1 ? path : `${path}.${i}`);
  }
  return names;
}

/** Whether any weight is stored in four or eight bits. */
export function isQuantised(params: Tree<Tensor>): boolean {
  return leaves<Tensor>(params).some(([, weight]) => packedParts(weight) !== undefined);
}

/** Whether any weight is copied into every compiled graph that multiplies by it. */
export function isBaked(params: Tree<Tensor>): boolean {
  const isOwn = ([, weight]: readonly [string, Tensor]): boolean =>
    packedParts(weight) !== undefined || prepackedPart(weight) !== undefined;
  return leaves<Tensor>(params).some(isOwn);
}
