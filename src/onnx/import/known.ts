// Numbers that are known before a graph runs: shapes, axes, indices. They follow from constants by the ops' plain-loop references.

import { unreachable } from "../../core/errors.ts";
import type { NumberArray } from "../../tensor/op.ts";
import { fromHost, isLeaf } from "../../tensor/leaf.ts";
import type { Aval, Tensor, TypedArray } from "../../tensor/tensor.ts";

/** Elements above which nothing is folded: shapes and index lists are short, weights are not. */
const MOST = 4096;

const folded = new WeakMap<Tensor, readonly number[] | "unknown">();

/** The elements of a tensor where they follow from data on the host alone; undefined where they do not, or are many. */
export function knownNumbers(x: Tensor): readonly number[] | undefined {
  // from what comes first on, without calls in calls: the way back may be long
  const pending = [x];
  while (pending.length > 0) {
    const last = pending.at(-1)!;
    const missing = folded.has(last) ? undefined : firstMissing(last);
    if (missing === undefined) {
      pending.pop();
      if (!folded.has(last)) folded.set(last, fold(last) ?? "unknown");
    } else pending.push(missing);
  }
  return foundOf(x);
}

/** Says that the elements of a tensor are not to be computed before the graph runs. */
export function leaveUnknown(x: Tensor): void {
  folded.set(x, "unknown");
}

/** Whether a tensor has few enough elements to be computed before the graph runs. */
export function isShort({ size }: Tensor): boolean {
  return size <= MOST;
}

function foundOf(x: Tensor): readonly number[] | undefined {
  const found = folded.get(x);
  return found === "unknown" ? undefined : found;
}

/** The first input that must be folded before the tensor is; undefined where none is missing, or one is known to be unknown. */
function firstMissing(x: Tensor): Tensor | undefined {
  if (!isShort(x) || isLeaf(x) || x.value?.data !== undefined) return undefined;
  if (x.node.op.reference === undefined) return undefined;
  const next = x.node.inputs.find((input) => foundOf(input) === undefined);
  return next === undefined || folded.has(next) ? undefined : next;
}

function fold(x: Tensor): readonly number[] | undefined {
  if (!isShort(x)) return undefined;
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
    const own = foundOf(input);
    if (own === undefined) return undefined;
    given.push({ shape: input.shape, data: own });
  }
  const result = op.reference(given, attrs)[x.index];
  if (x.dtype === "float32") return result?.map(Math.fround);
  // what is divided by zero is left to the runtime
  return result?.every(Number.isFinite) === true
    ? Array.from(hostData(x, result.map(Math.trunc)) as ArrayLike<number | bigint>, Number)
    : undefined;
}

/** Numbers that are known as a tensor with data. */
export function knownTensor(numbers: readonly number[], aval: Aval): Tensor {
  return fromHost(hostData(aval, numbers), aval);
}

const LARGEST = 2n ** 63n - 1n;

/** The whole number of 64 bits that is nearest: the largest of them is none that a number can be. */
function int64(value: number): bigint {
  const whole = BigInt(value);
  return whole > LARGEST ? LARGEST : whole < -LARGEST ? -LARGEST - 1n : whole;
}

function hostData({ dtype }: Aval, numbers: readonly number[]): TypedArray {
  switch (dtype) {
    case "float32":
      return Float32Array.from(numbers);
    case "int64":
      return BigInt64Array.from(numbers, int64);
    case "int32":
      return Int32Array.from(numbers);
    case "int8":
      return Int8Array.from(numbers);
    case "float16":
    case "uint8":
    case "bool":
      return Uint8Array.from(numbers);
    default:
      return unreachable(dtype);
  }
}
