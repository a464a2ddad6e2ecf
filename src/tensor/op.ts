// Everything the system knows about one op stands in one record: shape rule, gradient rule, ONNX form and samples.
// To add an op, write a record in `ops/<group>.ts`; the sweep test (`test/op-sweep.test.ts`) finds it in the registry.

import { PatchClampError } from "../core/errors.ts";
import type { Graph } from "./graph.ts";
import type { Aval, DType, Tensor, TypedArray } from "./tensor.ts";

/** A value in the ONNX graph being written. */
export interface ValueRef {
  readonly onnxName: string;
}

/** An ONNX attribute value: integers are written as INT(S), other numbers must be wrapped by `float`. */
export type OnnxAttr =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] };

/** What a lowering rule may do. Implemented by `onnx/`. */
export interface LowerContext {
  /** Shapes and types of the op's inputs and outputs. */
  readonly inputs: readonly Aval[];
  readonly outputs: readonly Aval[];
  /** Whether anything reads output `i`; what nobody reads may be left out where that is cheaper. */
  readonly isRead: (i: number) => boolean;
  /** Where the graph will run: some kernels exist, or are fast, only on some devices. */
  readonly device: Device;
  /** Adds an ONNX node with one output; `null` inputs are optional inputs left out. Domain as in `com.microsoft.Gelu`. */
  readonly emit: (
    opType: string,
    inputs: readonly (ValueRef | null)[],
    attrs?: Readonly<Record<string, OnnxAttr>>,
  ) => ValueRef;
  /** Adds an ONNX node with several outputs. */
  readonly emitMany: (
    opType: string,
    inputs: readonly (ValueRef | null)[],
    attrs: Readonly<Record<string, OnnxAttr>>,
    outputs: number,
  ) => ValueRef[];
  /** Adds a loop: `inputs` and results are those of the body, stacked where they differ from step to step. */
  readonly scan: (body: Graph, inputs: readonly ValueRef[], form: ScanForm) => ValueRef[];
  /** The same elements in another shape; tells that both are one piece of memory. */
  readonly reshape: (x: ValueRef, from: readonly number[], to: readonly number[]) => ValueRef;
  /** A small constant; `shape` defaults to a vector for a list and a scalar for a number. */
  readonly constant: (
    values: number | readonly number[],
    dtype: DType | "uint32" | "float64",
    shape?: readonly number[],
  ) => ValueRef;
}

/** How a loop uses the inputs of its body: first what is carried from step to step, then slices, then what all steps share. */
export interface ScanForm {
  readonly carried: number;
  /** Inputs that are slices of a first axis; results beyond the carried ones are too. */
  readonly sliced: number;
  /** Whether the last slice is the first. */
  readonly isReverse: boolean;
}

/** Places a graph can run. */
export type Device = "cpu" | "cuda" | "wasm" | "webgpu";

/** What a gradient rule sees. */
export interface GradContext<A> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** Gradient with respect to each output, of the output's shape; `null` where nothing flows. */
  readonly cotangents: readonly (Tensor | null)[];
  readonly attrs: A;
  /**
   * Differentiates other traced tensors, one cotangent each, under the same rule set, with the `xs` as independent
   * variables even where one is computed from another: `null` where nothing depends on an `x`.
   */
  readonly pullback: (
    ys: readonly Tensor[],
    xs: readonly Tensor[],
    cotangents: readonly Tensor[],
  ) => (Tensor | null)[];
}

/** A gradient rule: one entry an input, `null` where nothing flows back. */
export type GradRule<A> = (context: GradContext<A>) => readonly (Tensor | null)[];

/** Said in place of a gradient rule. */
export interface NotDifferentiable<A = unknown> {
  readonly reason: string | ((attrs: A) => string);
}

/** One input of a sample: values are drawn uniformly from `low..high` (default -1..1; integers inclusive). */
export interface SampleInput extends Aval {
  readonly low?: number;
  readonly high?: number;
  /** Use exactly these values instead. */
  readonly values?: readonly number[];
}

/** One setting on which the sweep test runs an op. */
export interface Sample<A> {
  readonly inputs: readonly SampleInput[];
  readonly attrs: A;
}

/** Everything the system knows about one op. */
export interface Op<A = object> {
  readonly name: string;
  /** Shape and dtype rule; throws `PatchClampError` for inputs it cannot take. */
  readonly infer: (inputs: readonly Aval[], attrs: A) => readonly Aval[];
  readonly grad: GradRule<A> | NotDifferentiable<A>;
  /** The op in ONNX (opset 21 and com.microsoft). */
  readonly lower: (
    context: LowerContext,
    inputs: readonly ValueRef[],
    attrs: A,
  ) => readonly ValueRef[];
  /** The op in plain loops, where that says more than the lowering: outputs as number arrays in row-major order. */
  readonly reference?: (inputs: readonly NumberArray[], attrs: A) => readonly (readonly number[])[];
  /** Whether the output is the memory of the first input, so that it takes none of its own. Default false. */
  readonly isView?: boolean;
  /** Whether it only widens stored numbers: it is then computed where it is needed, also when its value is known. Default false. */
  readonly isStored?: boolean;
  /**
   * Positions of inputs that go into the compiled graph, where they are leaves with data, because its kernel prepares
   * them once. Default: none.
   */
  readonly bakes?: (attrs: A) => readonly number[];
  /** Floating-point operations; default: one for every output element. */
  readonly flops?: (inputs: readonly Aval[], outputs: readonly Aval[], attrs: A) => number;
  /** Settings the sweep runs on: at least one, and one edge case where there is one. */
  readonly samples: readonly Sample<A>[];
  /**
   * For an op with one output that computes slices of some axis independently: the axis of each input that a slice
   * of `axis` of the output reads (`null`: the whole input). Lets `x.linear(w).slice(...)` compute the slice only.
   */
  readonly sliceThrough?: (
    axis: number,
    inputs: readonly Aval[],
    output: Aval,
    attrs: A,
  ) => readonly (number | null)[] | undefined;
}

/** A sample's input in the reference form. */
export interface NumberArray {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

const registry = new Map<string, Op>();

/**
 * Registers an op record and returns it. The registry is what the op sweep and rule sets walk; it is written at
 * module load only.
 */
export function defineOp<A extends object>(op: Op<A>): Op<A> {
  if (registry.has(op.name)) throw new Error(`two ops are called "${op.name}"`);
  registry.set(op.name, op as unknown as Op);
  return op;
}

/** All op records by name. */
export function allOps(): ReadonlyMap<string, Op> {
  return registry;
}

/** A float32 sample input. */
export function f32(
  shape: readonly number[],
  range: { low?: number; high?: number; values?: readonly number[] } = {},
): SampleInput {
  return { shape, dtype: "float32", ...range };
}

/** An int32 sample input; give its range. */
export function i32(
  shape: readonly number[],
  range: { low?: number; high?: number; values?: readonly number[] } = {},
): SampleInput {
  return { shape, dtype: "int32", ...range };
}

/** A bool sample input. */
export function bools(shape: readonly number[], values?: readonly number[]): SampleInput {
  return { shape, dtype: "bool", low: 0, high: 1, ...(values === undefined ? {} : { values }) };
}

/**
 * The shape that arrays of these shapes broadcast to (NumPy's rule).
 *
 * @throws PatchClampError `SHAPE_MISMATCH` naming the axis that does not fit
 */
export function broadcastShapes(
  where: string,
  ...shapes: readonly (readonly number[])[]
): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    let size = 1;
    for (const shape of shapes) {
      const own = shape[i - rank + shape.length] ?? 1;
      if (own === 1 || own === size) continue;
      if (size !== 1) {
        throw new PatchClampError("SHAPE_MISMATCH", {
          where,
          problem: `cannot broadcast ${shapes.map(showShape).join(" with ")}: axis ${i - rank} is ${size} and ${own}.`,
          fix: "make the sizes equal, or 1 where a value is to be repeated.",
          facts: { shapes },
        });
      }
      size = own;
    }
    return size;
  });
}

/** `[2, 3]` as the errors show it. */
export function showShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/**
 * Checks that all inputs of an op have one of the given dtypes, and the same one.
 *
 * @throws PatchClampError `DTYPE_MISMATCH` naming both types
 */
export function sameDType(
  where: string,
  inputs: readonly Aval[],
  allowed?: readonly DType[],
): DType {
  const dtype = inputs[0]!.dtype;
  const odd = inputs.find((input) => input.dtype !== dtype);
  if (odd !== undefined) {
    throw new PatchClampError("DTYPE_MISMATCH", {
      where,
      problem: `the inputs are ${inputs.map((input) => input.dtype).join(" and ")}, not of one type.`,
      fix: `cast one of them, as in x.cast("${dtype}").`,
    });
  }
  if (allowed !== undefined && !allowed.includes(dtype)) {
    throw new PatchClampError("DTYPE_MISMATCH", {
      where,
      problem: `cannot work on ${dtype}; it takes ${allowed.join(", ")}.`,
      fix: `cast the input, as in x.cast("${allowed[0]!}").`,
    });
  }
  return dtype;
}

/** The dtype of a host array made by default for plain numbers. */
export function dtypeOfArray(data: TypedArray): DType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Uint16Array) return "float16";
  if (data instanceof Int32Array) return "int32";
  if (data instanceof BigInt64Array) return "int64";
  return data instanceof Int8Array ? "int8" : "uint8";
}
