// A loop as one op: what a step carries on, the next one starts from. The step is traced once and runs as an ONNX Scan; its
// gradient is such a loop too, from the other end.

import { PatchClampError } from "../../core/errors.ts";
import type { Graph } from "../graph.ts";
import { collect, printGraph } from "../graph.ts";
import { placeholder } from "../leaf.ts";
import type { GradContext, Op, Sample, ScanForm } from "../op.ts";
import { defineOp, f32, showShape } from "../op.ts";
import type { Aval } from "../tensor.ts";
import { applyMany, type Tensor } from "../tensor.ts";

/** What a loop runs on. */
export interface ScanInputs {
  /** What the first step starts from. */
  readonly carried: readonly Tensor[];
  /** Cut along their first axis, one slice a step; at least one. */
  readonly sliced: readonly Tensor[];
  /** What every step reads whole. Default: nothing. */
  readonly shared?: readonly Tensor[];
}

/** What a step carries on, of the shapes it was given, and what it gives out. */
export interface StepResult {
  readonly carried: readonly Tensor[];
  readonly out: readonly Tensor[];
}

/** One step of a loop, traced once: it may read nothing but its arguments. */
export type Step = (
  carried: readonly Tensor[],
  slices: readonly Tensor[],
  shared: readonly Tensor[],
) => StepResult;

interface ScanAttrs extends ScanForm {
  readonly step: Step;
  readonly body: Graph & { readonly toJSON: () => string };
}

/** The record of a loop. */
const scanOp: Op<ScanAttrs> = defineOp<ScanAttrs>({
  name: "scan",
  infer: (inputs, { body, carried }) =>
    body.outputs.map(({ shape, dtype }, i) => ({
      shape: i < carried ? shape : [inputs[carried]!.shape[0]!, ...shape],
      dtype,
    })),
  grad: gradient,
  lower: ({ scan: emitScan }, inputs, { body, ...form }) => emitScan(body, inputs, form),
  flops: (inputs, _, { body, carried }) =>
    inputs[carried]!.shape[0]! *
    body.nodes.reduce((sum, { op, inputs: from, outputs, attrs }) => {
      const made = outputs.reduce((size, output) => size + output.size, 0);
      return sum + (op.flops?.(from, outputs, attrs) ?? (op.isView === true ? 0 : made));
    }, 0),
  // read when all ops are there, as tracing a step needs them
  get samples(): Sample<ScanAttrs>[] {
    const leaky: Step = ([h], [a, b]) => {
      const next = h!.mul(a!).add(b!);
      return { carried: [next], out: [next.square()] };
    };
    const weighted: Step = ([h, k], [x], [w]) => ({
      carried: [h!.matmul(w!).sin().add(x!), k!],
      out: [h!, w!],
    });
    const sample = (step: Step, inputs: readonly Aval[], form: ScanForm): Sample<ScanAttrs> => ({
      inputs,
      attrs: traced(step, inputs, form),
    });
    return [
      sample(leaky, [f32([2]), f32([3, 2]), f32([3, 2])], {
        carried: 1,
        sliced: 2,
        isReverse: false,
      }),
      // values that are handed on as they are, one step, from the end
      sample(weighted, [f32([1, 2]), f32([1]), f32([1, 1, 2]), f32([2, 2])], {
        carried: 2,
        sliced: 1,
        isReverse: true,
      }),
    ];
  },
});

/**
 * Runs a step again and again: over the slices of some tensors, carrying others on.
 *
 * @param step - one step; traced once, so all steps do the same
 * @param options - `isReverse`: begin with the last slice. Default false
 * @returns `carried` after the last step; `out` of all steps, stacked along a new first axis in the order of the slices
 * @throws PatchClampError `SHAPE_MISMATCH` when the sliced tensors differ in length or a step carries on another shape,
 *   `BAD_INPUT` when it reads a tensor that it was not given
 */
export function scan(
  step: Step,
  { carried, sliced, shared = [] }: ScanInputs,
  options: { isReverse?: boolean } = {},
): StepResult {
  const { isReverse = false } = options;
  const lengths = sliced.map(({ shape }) => shape[0]);
  if (lengths[0] === undefined || lengths.some((length) => length !== lengths[0])) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "scan",
      problem: `the tensors to slice are ${sliced.map(({ shape }) => showShape(shape)).join(", ")}: not of one first size.`,
      fix: "give at least one, and the same number of slices of each.",
    });
  }
  const inputs = [...carried, ...sliced, ...shared];
  const form = { carried: carried.length, sliced: sliced.length, isReverse };
  const outputs = applyMany(scanOp, inputs, traced(step, inputs, form));
  return { carried: outputs.slice(0, carried.length), out: outputs.slice(carried.length) };
}

/** Traces a step on stand-ins for its arguments. */
function traced(step: Step, inputs: readonly Aval[], form: ScanForm): ScanAttrs {
  const own = form.carried + form.sliced;
  const args = inputs.map(({ shape, dtype }, i) =>
    placeholder({ shape: i < form.carried || i >= own ? shape : shape.slice(1), dtype }),
  );
  const before = args.slice(0, form.carried);
  const { carried, out } = step(before, args.slice(form.carried, own), args.slice(own));
  const shapes = (tensors: readonly Tensor[]): string =>
    tensors.map(({ shape }) => showShape(shape)).join(", ");
  if (shapes(carried) !== shapes(before)) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "scan",
      problem: `the step was given ${shapes(before)} and carries on ${shapes(carried)}.`,
      fix: "carry on as many tensors as were given, of the same shapes.",
    });
  }
  const outputs = [...carried, ...out];
  const { nodes, inputs: read } = collect(outputs);
  const foreign = read.find((tensor) => !args.includes(tensor));
  if (foreign !== undefined) {
    throw new PatchClampError("BAD_INPUT", {
      where: "scan",
      problem: `the step reads ${foreign.toString()}, which is not among its arguments.`,
      fix: "hand it over in `shared`.",
    });
  }
  const graph = { nodes, inputs: args, outputs };
  return { ...form, step, body: { ...graph, toJSON: () => printGraph(graph) } };
}

// With G = dL/d(carried) after a step and g = dL/d(out):  (G before, dx, dw of this step) = J^T (G, g), from the last step on.
// What was carried into each step is computed again.
function gradient({
  inputs,
  outputs,
  cotangents,
  attrs: { step, carried: n, sliced: m, isReverse },
  pullback,
}: GradContext<ScanAttrs>): (Tensor | null)[] {
  const [carried, sliced, shared] = [
    inputs.slice(0, n),
    inputs.slice(n, n + m),
    inputs.slice(n + m),
  ];
  const before = scan(
    (state, slices, w) => ({ carried: step(state, slices, w).carried, out: state }),
    { carried, sliced, shared },
    { isReverse },
  ).out;
  const g = outputs.map((output, i) => cotangents[i] ?? output.zerosLike());
  const backward: Step = (flowing, slices, w) => {
    const reads = [...slices.slice(0, n + m), ...w];
    const after = step(reads.slice(0, n), reads.slice(n, n + m), w);
    const coming = [...flowing.slice(0, n), ...slices.slice(n + m)];
    const found = pullback([...after.carried, ...after.out], reads, coming).map(
      (part, i) => part ?? reads[i]!.zerosLike(),
    );
    const sums = flowing.slice(n).map((sum, i) => sum.add(found[n + m + i]!));
    return { carried: [...found.slice(0, n), ...sums], out: found.slice(n, n + m) };
  };
  const { carried: ends, out } = scan(
    backward,
    {
      carried: [...g.slice(0, n), ...shared.map((w) => w.zerosLike())],
      sliced: [...before, ...sliced, ...g.slice(n)],
      shared,
    },
    { isReverse: !isReverse },
  );
  const found = [...ends.slice(0, n), ...out, ...ends.slice(n)];
  return inputs.map(({ dtype }, i) => (dtype === "float32" ? found[i]! : null));
}
