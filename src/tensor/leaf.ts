// Leaves: where graphs start. A leaf holds data, or stands for an argument of a compiled function.

import { PatchClampError } from "../core/errors.ts";
import { defineOp } from "./op.ts";
import type { Aval, Tensor, TypedArray, Value } from "./tensor.ts";
import { apply } from "./tensor.ts";

/** What a leaf knows of itself. */
export interface LeafAttrs extends Aval {
  readonly name?: string;
}

const leafOp = defineOp<LeafAttrs>({
  name: "leaf",
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  grad: () => [],
  lower: () => {
    throw new Error("a leaf is a graph input and is never lowered");
  },
  samples: [],
});

/** Whether the tensor is a leaf (it may still be a placeholder without data). */
export function isLeaf(tensor: Tensor): boolean {
  return tensor.node.op.name === leafOp.name;
}

/** A leaf without data: an argument of a function being traced. */
export function placeholder(aval: Aval, name?: string): Tensor {
  return apply(leafOp, [], {
    shape: aval.shape,
    dtype: aval.dtype,
    ...(name === undefined ? {} : { name }),
  });
}

/** A leaf that holds a value, which may be on the host or on a device. */
export function fromValue(value: Value, name?: string): Tensor {
  const leaf = placeholder(value, name);
  leaf.value = value;
  return leaf;
}

/** A leaf around a host array, which is used as it is: do not write to it afterwards. */
export function fromHost(data: TypedArray, aval: Aval, name?: string): Tensor {
  return fromValue(hostValue(data, aval), name);
}

/**
 * A leaf whose numbers are fetched when a graph or a reader first needs them, and kept from then on.
 *
 * @param load - called once for all, and again after it failed; with a range, for the elements from the first up to and without
 * the second, which are not kept
 */
export function fromSource(
  load: (range?: readonly [start: number, end: number]) => Promise<TypedArray>,
  aval: Aval,
  name?: string,
): Tensor {
  let data: TypedArray | undefined;
  let loading: Promise<TypedArray> | undefined;
  const fetched = async (): Promise<TypedArray> => {
    data = await load();
    return data;
  };
  const read = (): Promise<TypedArray> => {
    loading ??= fetched().finally(() => {
      loading = undefined;
    });
    return loading;
  };
  const value: Value = {
    shape: aval.shape,
    dtype: aval.dtype,
    get data() {
      return data;
    },
    read: async () => data ?? read(),
    readPart: async (range) => data?.subarray(...range) ?? load(range),
    dispose: () => undefined,
  };
  return fromValue(value, name);
}

/** A value that lives on the host. */
export function hostValue(data: TypedArray, { shape, dtype }: Aval): Value {
  return { shape, dtype, data, read: async () => data, dispose: () => undefined };
}

/** The value of a tensor that has been computed; anything else is a mistake of the caller. */
export function valueOf(where: string, tensor: Tensor): Value {
  if (tensor.value === undefined) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: `${tensor.toString()} has no value: it is an argument of a function that is being traced.`,
      fix: "return it from the traced function and read the result of the call.",
    });
  }
  return tensor.value;
}
