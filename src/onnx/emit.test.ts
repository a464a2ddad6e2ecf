import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";

import { collect, full, randn, tensor, evaluate } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { defineOp } from "../tensor/op.ts";
import { apply } from "../tensor/tensor.ts";
import { emitGraph, SEQUENCE_OUTPUT } from "./emit.ts";

const emit = (...outputs: Tensor[]) => emitGraph(collect(outputs), { device: "cpu" });

/** Loads a model into stock ONNX Runtime and runs it on float32 data. */
async function run(
  { bytes, inputs, outputs }: ReturnType<typeof emit>,
  ...datas: readonly [Float32Array, readonly number[]][]
): Promise<(readonly number[])[]> {
  const session = await ort.InferenceSession.create(bytes);
  const feeds = inputs.map((name, i) => [name, new ort.Tensor("float32", ...datas[i]!)]);
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return outputs.map(({ name }) => Array.from(results[name]!.data as Float32Array));
}

test("a model runs in stock ONNX Runtime on other data of the same shape", async () => {
  const x = tensor([1, 2]);
  const model = emit(x.mul(2).add(1), x.neg());
  expect(await run(model, [Float32Array.of(5, 6), [2]])).toEqual([
    [11, 13],
    [-5, -6],
  ]);
});

test("inputs and outputs stand in the graph's order", () => {
  const a = tensor([1]);
  const b = tensor([2]);
  const graph = collect([b.sub(a)]);
  const { inputs } = emitGraph(graph, { device: "cpu" });
  expect(graph.inputs).toEqual([a, b]);
  expect(inputs).toEqual(["in0", "in1"]);
});

test("an input that is an output, and one value that is two, get names of their own", async () => {
  const x = tensor([1, 2]);
  const y = x.neg();
  const model = emit(x.stopGradient(), y, y.stopGradient());
  expect(new Set(model.outputs).size).toBe(3);
  expect(model.outputs).not.toContain("in0");
  expect(await run(model, [Float32Array.of(3, 4), [2]])).toEqual([
    [3, 4],
    [-3, -4],
    [-3, -4],
  ]);
});

test("constants alone make a model, one value as two outputs too", async () => {
  expect(await run(emit(full([], 2.5), full([], 2.5), full([2], 3)))).toEqual([
    [2.5],
    [2.5],
    [3, 3],
  ]);
});

test("constants of equal content are stored once, 0 and -0 apart", () => {
  const x = tensor([1]);
  const bytes = (y: Tensor): number => emit(y).bytes.length;
  const same = bytes(x.add(1234.5).mul(1234.5));
  expect(bytes(x.add(1234.5).mul(4321.5))).toBeGreaterThan(same);
  expect(bytes(x.add(0).mul(-0))).toBe(bytes(x.add(0).mul(4321.5)));
});

test("weights are inputs, so a model is small whatever they weigh", () => {
  const w = randn([300, 300], { seed: 1 });
  expect(emit(randn([2, 300], { seed: 2 }).linear(w)).bytes.length).toBeLessThan(1000);
});

test("every ONNX node leads back to the traced node, and carries its name", () => {
  const y = tensor([1]).exp().named("blocks.0.mlp_out").softplus();
  const { positions } = emit(y);
  const names = [...positions.keys()];
  expect(names.slice(0, 2)).toEqual(["blocks.0.mlp_out#0", "softplus#1"]);
  expect(new Set(names).size).toBe(names.length);
  expect([...positions.values()]).toEqual([0, ...names.slice(1).map(() => 1)]);
});

test("a device without the contrib kernels gets none", () => {
  const a = randn([2, 3, 4], { seed: 1 });
  const graph = collect([a.matmul(a, { transposeB: true })]);
  const text = (device: "cpu" | "webgpu"): string =>
    new TextDecoder().decode(emitGraph(graph, { device }).bytes);
  expect(text("cpu")).toContain("FusedMatMul");
  expect(text("webgpu")).not.toContain("FusedMatMul");
});

test("the sequence is declared first and only when asked for", async () => {
  const graph = collect([tensor([1]).exp()]);
  const { bytes, outputs } = emitGraph(graph, { device: "cpu", withSequence: true });
  const session = await ort.InferenceSession.create(bytes);
  expect(session.outputNames).toEqual([SEQUENCE_OUTPUT, ...outputs.map(({ name }) => name)]);
  expect(outputs).toHaveLength(1);
});

test("a view of a value is an output of its own shape, or on request the value itself", async () => {
  const x = tensor([[[1, 2]], [[3, 4]]]);
  const y = x.linear(tensor([[1, 1]]));
  const shapes = (outputsWholes: boolean) =>
    emitGraph(collect([y]), { device: "cpu", outputsWholes }).outputs.map(({ shape }) => shape);
  expect(shapes(false)).toEqual([[2, 1, 1]]);
  expect(shapes(true)).toEqual([[2, 1]]);
  // two views of one value: the second is written out, since each has memory of its own
  const doubled = x.mul(2);
  const pair = [doubled.reshape([4]), doubled.reshape([2, 2])];
  await evaluate(pair);
  expect(await pair[0]!.numbers()).toEqual(Float32Array.of(2, 4, 6, 8));
  expect((await pair[0]!.data()).buffer).not.toBe((await pair[1]!.data()).buffer);
});

test("float16 constants and lowerings that give too little are refused", () => {
  expect(() => emit(full([1], 1, "float16"))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: constant: float16 is a storage type, so graphs hold no float16 constants.
      fix: make a float32 constant and cast it.]
  `);
  const lazy = defineOp({
    name: "test.lazy",
    infer: ([x]) => [x!, x!],
    grad: () => [null],
    lower: (_, [x]) => [x!],
    samples: [],
  });
  const y = apply(lazy, [tensor([1])], {});
  expect(() => emit(y)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: test.lazy: its lowering gave 1 values for 2 outputs.]`,
  );
});
