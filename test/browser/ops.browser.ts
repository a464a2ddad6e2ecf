// The forward half of the op sweep in a real tab, on WebAssembly and on WebGPU.

import { beforeAll, describe, expect, test } from "vitest";

import { configure } from "../../src/runtime/index.ts";
import type { Case } from "../sweep.ts";
import {
  applyCase,
  differences,
  drawInputs,
  FORWARD,
  referenceOf,
  runtimeAvals,
  scaleOf,
  sweepCases,
  toTensors,
} from "../sweep.ts";

const cases = sweepCases().map((swept) => [swept.name, swept] as const);
const held = cases.filter(([, swept]) => referenceOf(swept).length > 0);
const others = cases.filter(([, swept]) => referenceOf(swept).length === 0);

// WGSL grants sin and cos an absolute error of 2^-11.
const TOLERANCE = { wasm: FORWARD, webgpu: 2 ** -11 } as const;

// Loading a graph on WebGPU compiles shaders, so there one run has to do: a result of another size fails below.
describe.each([
  ["wasm", cases],
  ["webgpu", others],
] as const)("on %s", (device, shaped) => {
  beforeAll(async () => configure({ device, threads: 1 }));

  test.each(shaped)("%s: shape and type are those ONNX Runtime gives", async (_, swept) => {
    const avals = swept.op.infer(swept.sample.inputs, swept.sample.attrs);
    const found = await runtimeAvals(swept, device);
    expect(found).toEqual(avals.map(({ shape, dtype }) => ({ shape, dtype })));
  });

  test.each(held)("%s: output equals the plain loops", async (_, swept) => {
    expect(await wrongIn(swept, TOLERANCE[device])).toEqual([]);
  });
});

async function wrongIn(swept: Case, tolerance: number): Promise<string[]> {
  const expected = referenceOf(swept);
  const wrong: string[] = [];
  for (const [i, output] of applyCase(swept, toTensors(swept, drawInputs(swept))).entries()) {
    const values = expected[i]!;
    wrong.push(...differences(await output.numbers(), values, tolerance * scaleOf(values)));
  }
  return wrong;
}
