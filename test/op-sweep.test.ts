// Checks every op record on each of its samples against the runtime, its plain-loop reference and differences, so that
// nobody writes these tests by hand: a new record is swept because it is registered.

import { expect, test } from "vitest";

import { Rng } from "../src/core/rng.ts";
import { compile, gradients } from "../src/runtime/index.ts";
import type { NumberArray, Op } from "../src/tensor/op.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import type { Case } from "./sweep.ts";
import {
  applyCase,
  differences,
  differentiate,
  directionsLike,
  dot,
  drawInputs,
  FORWARD,
  inner,
  isFloat,
  normalsLike,
  referenceOf,
  runtimeAvals,
  scaleOf,
  sweepCases,
  sweptOps,
  toTensors,
} from "./sweep.ts";

// What is left of a derivative by differences beside its rounding: truncation, for fifth derivatives up to 1e7, and the
// rounding of the gradient itself. A wrong rule is wrong by far more.
const DERIVATIVE = 1e-4;

// Differences are taken for so many elements of an input; of larger ones, for a random choice.
const MOST_ELEMENTS = 32;

// Ops whose purpose is a gradient other than the derivative of their values.
const DELIBERATE = new Set(["stopGradient", "custom"]);

const cases = sweepCases();
const smooth = cases.filter(
  (swept) => hasDerivative(swept) && isDifferentiable(swept.op) && !DELIBERATE.has(swept.op.name),
);

test.each(named(cases))("%s: shape and type are those ONNX Runtime gives", async (_, swept) => {
  const avals = swept.op.infer(swept.sample.inputs, swept.sample.attrs);
  expect(await runtimeAvals(swept, "cpu")).toEqual(
    avals.map(({ shape, dtype }) => ({ shape, dtype })),
  );
});

test.each(named(cases.filter((swept) => referenceOf(swept).length > 0)))(
  "%s: output equals the plain loops",
  async (_, swept) => {
    const expected = referenceOf(swept);
    const outputs = await numbersOf(applyCase(swept, toTensors(swept, drawInputs(swept))));
    const wrong = outputs.flatMap((output, i) =>
      differences(output, expected[i]!, FORWARD * scaleOf(expected[i]!)),
    );
    expect(wrong).toEqual([]);
  },
);

test.each(named(smooth))("%s: gradient equals central differences", async (_, swept) => {
  const arrays = drawInputs(swept);
  const forward = compile((inputs: readonly Tensor[]) => applyCase(swept, inputs).filter(isFloat));
  const backward = compile((inputs: readonly Tensor[]) => gradientOf(swept, inputs));
  const weights = await numbersOf(weightsOf(swept));
  const found = await numbersOf(await backward(toTensors(swept, arrays)));
  for (const [k, position] of floatInputs(swept).entries()) {
    for (const element of pickElements(arrays[position]!.data.length)) {
      const { value, rounding } = await differentiate(async (t) => {
        const moved = arrays.with(position, movedAt(arrays[position]!, element, t));
        return numbersOf(await forward(toTensors(swept, moved)));
      }, weights);
      const tolerance = DERIVATIVE * scaleOf([value]) + rounding;
      const wrong = differences([found[k]![element]!], [value], tolerance);
      expect(wrong, `input ${position}, element ${element}`).toEqual([]);
    }
  }
});

test.each(named(smooth))(
  "%s: gradient of the gradient equals differences of the gradient",
  async (_, swept) => {
    const arrays = drawInputs(swept);
    const positions = floatInputs(swept);
    const from = positions.map((i) => swept.sample.inputs[i]!);
    const pick = normalsLike(from, 12);
    const directions = directionsLike(from);
    const backward = compile((inputs: readonly Tensor[]) => gradientOf(swept, inputs));
    const twice = compile((inputs: readonly Tensor[]) =>
      gradients(inner(gradientOf(swept, inputs), pick), pickFrom(inputs, positions), {
        unused: "zero",
      }),
    );
    const found = dot(await numbersOf(await twice(toTensors(swept, arrays))), directions);
    const { value, rounding } = await differentiate(
      async (t) => {
        const moved = arrays.map((array, i) =>
          movedAlong(array, directions[positions.indexOf(i)], t),
        );
        return numbersOf(await backward(toTensors(swept, moved)));
      },
      await numbersOf(pick),
    );
    expect(differences([found], [value], DERIVATIVE * scaleOf([value]) + rounding)).toEqual([]);
  },
);

test.each(sweptOps().map(({ name }) => name))(
  "%s has samples, and a reference or a gradient to hold it against",
  (name) => {
    const own = cases.filter(({ op }) => op.name === name);
    const held = own.filter(
      (swept) =>
        referenceOf(swept).length > 0 || (hasDerivative(swept) && isDifferentiable(swept.op)),
    );
    expect(held.length).toBeGreaterThan(0);
  },
);

function named(swept: readonly Case[]): (readonly [string, Case])[] {
  return swept.map((one) => [one.name, one] as const);
}

function isDifferentiable({ grad }: Op): boolean {
  return typeof grad === "function";
}

/** Whether a float output can vary with a float input. */
function hasDerivative(swept: Case): boolean {
  const { op, sample } = swept;
  return floatInputs(swept).length > 0 && op.infer(sample.inputs, sample.attrs).some(isFloat);
}

function floatInputs({ sample }: Case): number[] {
  return sample.inputs.flatMap((input, i) => (isFloat(input) ? [i] : []));
}

/** One random weight for each element of the float outputs. */
function weightsOf({ op, sample }: Case): Tensor[] {
  return normalsLike(op.infer(sample.inputs, sample.attrs).filter(isFloat), 11);
}

/** The gradient of the weighted sum of the float outputs with respect to the float inputs. */
function gradientOf(swept: Case, inputs: readonly Tensor[]): Tensor[] {
  const y = inner(applyCase(swept, inputs).filter(isFloat), weightsOf(swept));
  return gradients(y, pickFrom(inputs, floatInputs(swept)), { unused: "zero" });
}

function pickFrom(inputs: readonly Tensor[], positions: readonly number[]): Tensor[] {
  return positions.map((i) => inputs[i]!);
}

function pickElements(count: number): number[] {
  return Array.from(new Rng(3).permutation(count).slice(0, MOST_ELEMENTS));
}

function movedAt({ shape, data }: NumberArray, element: number, t: number): NumberArray {
  return { shape, data: data.with(element, data[element]! + t) };
}

function movedAlong(
  array: NumberArray,
  direction: readonly number[] | undefined,
  t: number,
): NumberArray {
  if (direction === undefined) return array;
  return { shape: array.shape, data: array.data.map((v, i) => v + t * direction[i]!) };
}

async function numbersOf(tensors: readonly Tensor[]): Promise<ArrayLike<number>[]> {
  return Promise.all(tensors.map((tensor) => tensor.numbers()));
}
