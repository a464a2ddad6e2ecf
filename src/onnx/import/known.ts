// Numbers that are known before a graph runs: shapes, axes, indices. They follow from constants by the ops' plain-loop references.

import type { NumberArray } from "../../tensor/op.ts";
import { isLeaf } from "../../tensor/leaf.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** Elements above which nothing is folded: shapes and index lists are short, weights are not. */
const MOST = 4096;

const folded = new WeakMap<Tensor, readonly number[] | "unknown">();

/** The elements of a tensor where they follow from data on the host alone; undefined where they do not, or are many. */
export function knownNumbers(x: Tensor): readonly number[] | undefined {
  if (x.size > MOST) return undefined;
  let found = folded.get(x);
  if (found === undefined) {
    found = fold(x) ?? "unknown";
    folded.set(x, found);
  }
  return found === "unknown" ? undefined : found;
}

function fold(x: Tensor): readonly number[] | undefined {
  const data = x.value?.data;
  if (data !== undefined) {
    return x.dtype === "float16"
      ? undefined
      : Array.from(data as ArrayLike<number | bigint>, Number);
  }
  const { op, inputs, attrs } = x.node;
  if (isLeaf(x) || op.reference === undefined) return undefined;
  const given: NumberArray[] = [];
  for (const input of inputs) {
    const own = knownNumbers(input);
    if (own === undefined) return undefined;
    given.push({ shape: input.shape, data: own });
  }
  const result = op.reference(given, attrs)[x.index];
  return x.dtype === "float32" ? result?.map(Math.fround) : result?.map(Math.trunc);
}
