// Gradients through one ONNX node against differences.

import { expect } from "vitest";

import { Rng } from "../src/core/rng.ts";
import { gradients, tensor } from "../src/runtime/index.ts";
import type { Tensor } from "../src/runtime/index.ts";
import type { NodeForm } from "./onnx-engine.ts";
import { traced } from "./onnx-engine.ts";

// Central differences of float32 at this step: rounding 1e-7 / 1e-2 and truncation 1e-4 of values of order 1.
const STEP = 1e-2;
const TOLERANCE = 2e-3;

/** Expects that the gradient by float inputs of a node, along a drawn direction, is what differences say. */
export async function expectGradient(form: NodeForm, positions: readonly number[]): Promise<void> {
  const rng = new Rng(7);
  const xs = positions.map((i) => tensor(form.inputs[i]!.data, { shape: form.inputs[i]!.shape }));
  const along = xs.map((x) => tensor(rng.normals(x.size), { shape: x.shape }));
  const value = (given: readonly Tensor[]): Tensor => {
    const [y] = traced(form, new Map(positions.map((i, k) => [i, given[k]!])));
    const weights = tensor(new Rng(8).normals(y!.size), { shape: y!.shape });
    return y!.mul(weights).sum();
  };
  const moved = (t: number): Tensor => value(xs.map((x, k) => x.add(along[k]!.mul(t))));
  const slopes = gradients(value(xs), xs, { unused: "zero" });
  const own = slopes.map((slope, k) => slope.mul(along[k]!).sum());
  const parts = await Promise.all(own.map((x) => x.item()));
  const got = parts.reduce((a, b) => a + b, 0);
  const [up, down] = [await moved(STEP).item(), await moved(-STEP).item()];
  const want = (up - down) / (2 * STEP);
  expect(Math.abs(got - want)).toBeLessThanOrEqual(TOLERANCE * Math.max(1, Math.abs(want)));
}
