// One ONNX node on its own: what ONNX Runtime makes of it, and what the import does.

import * as fc from "fast-check";
import * as ort from "onnxruntime-node";
import { expect } from "vitest";

import { importHandlers } from "../src/onnx/import/index.ts";
import { runModel } from "../src/onnx/import/run.ts";
import type { NameValue } from "../src/onnx/import/run.ts";
import { readModel } from "../src/onnx/model.ts";
import type { PortForm } from "../src/onnx/proto.ts";
import { encodeModel } from "../src/onnx/proto.ts";
import type { DType, Tensor, TypedArray } from "../src/runtime/index.ts";
import { evaluate, gradients } from "../src/runtime/index.ts";
import { Rng } from "../src/core/rng.ts";
import type { OnnxAttr } from "../src/tensor/op.ts";
import { ONNX_TYPE } from "../src/tensor/ops/cast.ts";
import { fromHost } from "../src/tensor/leaf.ts";
import { hostArray, sizeOf } from "../src/tensor/tensor.ts";

/** What goes into a node. */
export interface NodeInput {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: TypedArray;
}

/** A node and what goes in; undefined is an input left out. */
export interface NodeForm {
  /** With its domain, as in `com.microsoft.Gelu`. */
  readonly opType: string;
  readonly opset?: number;
  /** Undefined is an attribute left out. */
  readonly attrs?: Readonly<Record<string, OnnxAttr | undefined>>;
  readonly inputs: readonly (NodeInput | undefined)[];
  /** Which outputs are named; default: the first alone. */
  readonly outputs?: readonly boolean[];
  /** How many of the named outputs are compared: what the engine leaves unwritten cannot be. Default: all. */
  readonly compared?: number;
}

/** An input of given numbers. */
export function input(
  shape: readonly number[],
  values: readonly number[],
  dtype: DType = "float32",
): NodeInput {
  const data = hostArray(dtype, sizeOf(shape));
  if (data instanceof BigInt64Array) data.set(values.map(BigInt));
  else data.set(values);
  return { shape, dtype, data };
}

/** Drawn numbers: normal ones, or whole ones of `low` up to and without `high`. */
export function drawn(
  rng: Rng,
  shape: readonly number[],
  whole?: { readonly dtype: DType; readonly low: number; readonly high: number },
): NodeInput {
  const { dtype = "float32", low = 0, high = 0 } = whole ?? {};
  const next = (): number => (whole ? low + rng.below(high - low) : rng.normal());
  return input(shape, Array.from({ length: sizeOf(shape) }, next), dtype);
}

/** The node as a model. Its outputs are declared as the import makes them. */
function modelOf(form: NodeForm, made: readonly Tensor[]): Uint8Array {
  const { opType, opset = 21, attrs = {}, inputs, outputs = [true] } = form;
  const dot = opType.lastIndexOf(".");
  const port = (name: string, { shape, dtype }: { shape: readonly number[]; dtype: DType }) =>
    ({ name, shape, onnxType: ONNX_TYPE[dtype] }) satisfies PortForm;
  const names = outputs.map((isNamed, i) => (isNamed ? `y${i}` : ""));
  const named = names.filter((name) => name !== "");
  return encodeModel({
    opsets: { "": opset, "com.microsoft": 1 },
    nodes: [
      {
        name: "node",
        opType: opType.slice(dot + 1),
        domain: opType.slice(0, Math.max(dot, 0)),
        inputs: inputs.map((x, i) => (x === undefined ? "" : `x${i}`)),
        outputs: names,
        attrs: Object.fromEntries(
          Object.entries(attrs).flatMap(([key, value]) =>
            value === undefined ? [] : [[key, value] as const],
          ),
        ),
      },
    ],
    initializers: [],
    inputs: inputs.flatMap((x, i) => (x === undefined ? [] : [port(`x${i}`, x)])),
    outputs: named.map((name, i) => port(name, made[i] ?? { shape: [], dtype: "float32" })),
  });
}

/** What the import makes of the node, as traced tensors; `given` in place of inputs. */
export function traced(
  form: NodeForm,
  given: ReadonlyMap<number, Tensor> = new Map(),
  tap: NameValue = (_, x) => x,
): readonly Tensor[] {
  const model = readModel("importGraph", modelOf(form, []));
  const values = new Map<string, Tensor>();
  for (const [i, x] of form.inputs.entries())
    if (x !== undefined) values.set(`x${i}`, given.get(i) ?? fromHost(x.data, x));
  return runModel(model, values, { where: "importGraph", handlers: importHandlers, tap });
}

/** What ONNX Runtime makes of the node, and what the import does. */
export interface BothWays {
  readonly engine: readonly { shape: readonly number[]; numbers: readonly number[] }[];
  readonly ours: readonly { shape: readonly number[]; numbers: readonly number[] }[];
}

/** Runs the node by ONNX Runtime and by the import. */
export async function bothWays(form: NodeForm): Promise<BothWays> {
  const made = await evaluate(traced(form));
  const session = await ort.InferenceSession.create(modelOf(form, made), {
    graphOptimizationLevel: "disabled",
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
  });
  try {
    const feeds = Object.fromEntries(
      form.inputs.flatMap((x, i) =>
        x === undefined ? [] : [[`x${i}`, new ort.Tensor(x.dtype, x.data as never, x.shape)]],
      ),
    ) as Record<string, ort.Tensor>;
    const results = await session.run(feeds);
    return {
      engine: session.outputNames.slice(0, form.compared).map((name) => ({
        shape: results[name]!.dims,
        numbers: Array.from(results[name]!.data as ArrayLike<number | bigint>, Number),
      })),
      ours: await Promise.all(
        made.map(async (x) => ({ shape: x.shape, numbers: Array.from(await x.numbers()) })),
      ),
    };
  } finally {
    await session.release();
  }
}

/**
 * The largest difference of the two ways, as a part of the larger of 1 and the largest number; a sentence where they differ in
 * shape or in which numbers are finite.
 */
export function difference({ engine, ours }: BothWays): number | string {
  let largest = 0;
  for (const [i, want] of engine.entries()) {
    const got = ours[i];
    if (got?.shape.join() !== want.shape.join())
      return `output ${i} is [${got?.shape.join()}], not [${want.shape.join()}]`;
    const scale = want.numbers.reduce(
      (a, v) => (Number.isFinite(v) ? Math.max(a, Math.abs(v)) : a),
      1,
    );
    for (const [k, value] of want.numbers.entries()) {
      const own = got.numbers[k]!;
      if (Object.is(own, value) || own === value) continue;
      if (!Number.isFinite(own - value)) return `output ${i} has ${own} at ${k}, not ${value}`;
      largest = Math.max(largest, Math.abs(own - value) / scale);
    }
  }
  return largest;
}

/** Draws what a case is made of. */
export interface Draw {
  /** A whole number from `low` to `high`, both included. */
  readonly whole: (low: number, high: number) => number;
  /** One of several. */
  readonly one: <T>(...of: readonly T[]) => T;
  readonly flag: () => boolean;
  /** Normal numbers. */
  readonly normals: (...shape: readonly number[]) => NodeInput;
  /** Whole numbers of `low` up to and without `high`. */
  readonly wholes: (shape: readonly number[], low: number, high: number, dtype: DType) => NodeInput;
}

/** Options of `expectAgreement`. */
export interface AgreementOptions {
  /** Cases drawn. Default 24. */
  readonly runs?: number;
  /** Largest difference, as a part of the largest number or 1. Default 1e-5: sums of few float32 numbers in another order. */
  readonly tolerance?: number;
}

/** Expects that the import makes of drawn nodes what ONNX Runtime makes of them. */
export async function expectAgreement(
  make: (draw: Draw) => NodeForm,
  { runs = 24, tolerance = 1e-5 }: AgreementOptions = {},
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.gen(), async (g) => {
      const rng = new Rng(g(fc.nat));
      const form = make({
        whole: (min, max) => g(fc.integer, { min, max }),
        one: (...of) => of[g(fc.nat, { max: of.length - 1 })]!,
        flag: () => g(fc.boolean),
        normals: (...shape) => drawn(rng, shape),
        wholes: (shape, low, high, dtype) => drawn(rng, shape, { dtype, low, high }),
      });
      const found = difference(await bothWays(form));
      const isClose = typeof found === "number" && found <= tolerance;
      const told = isClose
        ? "agrees"
        : `${found} with ${JSON.stringify(form.attrs)} on ${form.inputs.map((x) => x && `${x.dtype}[${x.shape.join()}]`).join(" ")}`;
      expect(told).toBe("agrees");
    }),
    { seed: 5, numRuns: runs },
  );
}

/**
 * Expects that gradients of the sum of squares of the first output are its central differences, along a drawn direction of every
 * real input.
 */
export async function expectGradients(form: NodeForm): Promise<void> {
  const leaves = form.inputs.map((x) => x && fromHost(x.data, x));
  const lossWith = (i: number, x: Tensor): Tensor => {
    const given = leaves.with(i, x).flatMap((leaf, at) => (leaf ? [[at, leaf] as const] : []));
    return traced(form, new Map(given))[0]!.square().sum();
  };
  for (const [i, leaf] of leaves.entries()) {
    if (leaf?.dtype !== "float32") continue;
    const { data } = drawn(new Rng(100 + i), leaf.shape);
    const direction = fromHost(data, leaf);
    const at = (by: number): Tensor => lossWith(i, leaf.add(direction.mul(by)));
    const [dx] = gradients(lossWith(i, leaf), [leaf]);
    const slope = at(STEP)
      .sub(at(-STEP))
      .div(2 * STEP);
    const found = await evaluate([slope, dx!.mul(direction).sum()]);
    const [want, got] = await Promise.all(found.map((x) => x.item()));
    // float32 losses near 10 have six digits, of which the step leaves four; what the step itself adds is of its square
    expect(Math.abs(got! - want!), `input ${i}`).toBeLessThan(5e-3 * Math.max(1, Math.abs(want!)));
  }
}

const STEP = 1e-2;
