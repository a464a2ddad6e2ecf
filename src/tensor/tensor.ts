// A Tensor is a name for a value that some graph will compute: an op, its inputs, and a concrete shape. Making one
// computes nothing. `evaluate`, `compile` and the reading methods run the graph (`evaluate.ts`).
//
// Methods such as `x.softmax()` are declared and attached where their op lives (`ops/`).

import { PatchClampError } from "../core/errors.ts";
import type { Op } from "./op.ts";

/** Element types. float16 is a storage type: cast to float32 to compute. */
export type DType = "float32" | "float16" | "int32" | "int64" | "bool" | "uint8" | "int8";

/** Host arrays: float16 as raw bits in Uint16Array, bool as 0/1 in Uint8Array. */
export type TypedArray =
  | Float32Array
  | Uint16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Int8Array;

/** Shape and element type. Shapes are concrete. */
export interface Aval {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** The computed content of a tensor: on the host, or held by a device. */
export interface Value extends Aval {
  /** Host data, when the value lives there. Never written to after it was made. */
  readonly data: TypedArray | undefined;
  /** Brings the content to the host. */
  readonly read: () => Promise<TypedArray>;
  /** The elements from the first up to and without the second, where fewer than all can be fetched. */
  readonly readPart?: (range: readonly [start: number, end: number]) => Promise<TypedArray>;
  /** Frees device memory, if any is held. */
  readonly dispose: () => void;
}

/** One application of an op in a traced graph. */
export interface Node {
  /** Grows with time, so inputs always have smaller ids than their users. */
  readonly id: number;
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly attrs: object;
  readonly outputs: readonly Tensor[];
  /** The site or name this node computes, for errors and printed graphs. */
  label: string | undefined;
  /** Where the user's code made it, or asked for the gradients that made it. */
  readonly origin: Error | undefined;
  /** True for what `gradients` made. */
  readonly isBackward: boolean;
}

const ARRAYS = {
  float32: Float32Array,
  float16: Uint16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
} as const;

/** All element types. */
export const DTYPES = Object.keys(ARRAYS) as readonly DType[];

/** A zeroed host array for `count` elements of a dtype. */
export function hostArray(dtype: DType, count: number): TypedArray {
  return new ARRAYS[dtype](count);
}

/** Whether `data` is the kind of array that holds `dtype` on the host. */
export function holds(dtype: DType, data: TypedArray): boolean {
  return data instanceof ARRAYS[dtype];
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

const BYTES = { float32: 4, float16: 2, int32: 4, int64: 8, bool: 1, uint8: 1, int8: 1 } as const;

/** Bytes that a value of this shape and type takes. */
export function bytesOf({ shape, dtype }: Aval): number {
  return sizeOf(shape) * BYTES[dtype];
}

/** An immutable, lazily computed array. Make one with `tensor`, `zeros`, `randn` ... or from another. */
export class Tensor implements Aval {
  /** What computes it. */
  readonly node: Node;
  /** Which of the node's outputs it is. */
  readonly index: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** The computed content, once there is one; graphs built later start from it. */
  value: Value | undefined = undefined;

  constructor(node: Node, index: number, { shape, dtype }: Aval) {
    this.node = node;
    this.index = index;
    this.shape = shape;
    this.dtype = dtype;
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Names the node that computes this tensor, for errors and printed graphs; returns the tensor. */
  named(label: string): this {
    this.node.label ??= label;
    return this;
  }

  /**
   * Gives up the memory of the computed value, on the host and on a device; arrays read from it must not be used any
   * more. A tensor that was computed lazily is computed again when it is read.
   */
  [Symbol.dispose](): void {
    this.value?.dispose();
    this.value = undefined;
  }

  toString(): string {
    return `Tensor ${this.dtype}[${this.shape.join(", ")}] from ${this.node.label ?? this.node.op.name}`;
  }
}

let nextId = 1;
/** While gradients are traced: where they were asked for. */
let backward: Error | undefined;

/** Runs `fn` so that every node it makes counts as made for the backward pass. */
export function asBackward<T>(fn: () => T): T {
  const before = backward;
  backward ??= new Error("gradients");
  try {
    return fn();
  } finally {
    backward = before;
  }
}

/** The id that the next node will get: nodes made after this call have this id or a larger one. */
export function nodeClock(): number {
  return nextId;
}

/**
 * Applies an op: infers the outputs and records one node.
 *
 * @returns the outputs, in the op's order
 */
export function applyMany<A extends object>(
  op: Op<A>,
  inputs: readonly Tensor[],
  attrs: A,
): readonly Tensor[] {
  const avals = op.infer(inputs, attrs);
  const outputs: Tensor[] = [];
  const node: Node = {
    id: nextId++,
    op: op as unknown as Op,
    inputs,
    attrs,
    outputs,
    label: undefined,
    // A leaf cannot fail. And its stack would keep the callers alive, with the results of the call before this one: a
    // training run would hold on to every step.
    origin: inputs.length === 0 ? undefined : (backward ?? new Error(op.name)),
    isBackward: backward !== undefined,
  };
  for (const [i, aval] of avals.entries()) outputs.push(new Tensor(node, i, aval));
  return outputs;
}

/** Applies the op of a node to other inputs; the name and the user's line stay those of the node. */
export function reapply(node: Node, inputs: readonly Tensor[]): readonly Tensor[] {
  const outputs = applyMany(node.op, inputs, node.attrs);
  const { label, origin } = node;
  if (outputs[0] !== undefined) Object.assign(outputs[0].node, { label, origin });
  return outputs;
}

/** Applies an op that has one output. */
export function apply<A extends object>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
  return applyMany(op, inputs, attrs)[0]!;
}

/**
 * Turns a negative axis into its positive form.
 *
 * @throws PatchClampError `BAD_OPTION` when the axis is not one of the tensor's
 */
export function resolveAxis(where: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `axis ${axis} is not an axis of a tensor of rank ${rank}.`,
      fix:
        rank === 0
          ? "give a tensor with at least one axis."
          : `use an integer in ${-rank}..${rank - 1}.`,
      facts: { axis, rank },
    });
  }
  return axis < 0 ? axis + rank : axis;
}
