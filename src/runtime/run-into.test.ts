import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";

import { emitGraph } from "../onnx/emit.ts";
import { collect, tensor } from "./index.ts";
import { COPY_COSTS_FROM, runInto } from "./run-into.ts";

const emitted = emitGraph(collect([tensor([1, 2]).mul(2)]), { device: "cpu", withSequence: true });
const session = await ort.InferenceSession.create(emitted.bytes);
const [input] = emitted.inputs;
const output = emitted.outputs[0]?.name;
const f32 = (...values: number[]) =>
  new ort.Tensor("float32", Float32Array.of(...values), [values.length]);

test("results are written into the given array", async () => {
  const out = f32(0, 0);
  await runInto(session, { [input!]: f32(3, 4) }, { [output!]: out });
  expect(out.data).toEqual(Float32Array.of(6, 8));
});

test("the same array can be written to again and again", async () => {
  const out = f32(0, 0);
  for (let i = 1; i <= 100; i++) {
    await runInto(session, { [input!]: f32(i, -i) }, { [output!]: out });
    expect(out.data).toEqual(Float32Array.of(2 * i, -2 * i));
  }
});

test("a run that really fails is not taken for a success", async () => {
  const out = f32(0, 0);
  await expect(runInto(session, {}, { [output!]: out })).rejects.toThrow(/in0/);
  await expect(runInto(session, { [input!]: f32(1, 2, 3) }, { [output!]: out })).rejects.toThrow(
    /invalid dimensions/i,
  );
  expect(out.data).toEqual(Float32Array.of(0, 0));
});

test("outputs above the threshold come out as those below it", async () => {
  const large = COPY_COSTS_FROM / 4 + 1;
  const x = new Float32Array(large).map((_, i) => i % 1000);
  const y = (await tensor(x).mul(2).data()) as Float32Array;
  const head = (await tensor(x.slice(0, 10)).mul(2).data()) as Float32Array;
  expect(y.length).toBe(large);
  expect(y.subarray(0, 10)).toEqual(head);
  expect(y.every((v, i) => v === 2 * (i % 1000))).toBe(true);
});

test("a binding that hands results out in arrays of its own has them copied into the given ones", async () => {
  const later = { run: async () => ({ [output!]: f32(5, 7) }) };
  const out = f32(0, 0);
  await runInto(later as unknown as typeof session, { [input!]: f32(1, 1) }, { [output!]: out });
  expect(out.data).toEqual(Float32Array.of(5, 7));
});
