import { describe, expect, test } from "vitest";

import { GraphWriter, FLOAT } from "../../../bench/onnx-writer.ts";
import {
  feeds,
  floats,
  goldenFolder,
  openGoldenModel,
  runModel,
} from "../../../test/golden/onnx/surgery/read.ts";
import { float16ToFloat32, float32ToFloat16 } from "../../core/dtypes.ts";
import { readModel } from "../model.ts";
import type { OnnxTensor } from "../model.ts";
import { encodeModel } from "../proto.ts";
import type { Numbers } from "./index.ts";
import { surgery } from "./index.ts";

const IN = 5;
const OUT = 3;
const RANK = 2;

function matrix(rows: number, columns: number, seed: number): Numbers {
  const data = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 7 + seed));
  return { shape: [rows, columns], data };
}

const a = matrix(RANK, IN, 1);
const b = matrix(OUT, RANK, 2);

/** scale * B A, [out, in] */
function product(scale: number): number[][] {
  return Array.from({ length: OUT }, (_, o) =>
    Array.from({ length: IN }, (_, i) => {
      let sum = 0;
      for (let k = 0; k < RANK; k++) sum += b.data[o * RANK + k]! * a.data[k * IN + i]!;
      return scale * sum;
    }),
  );
}

type Read = "MatMul" | "Gemm" | "Gemm transB" | "Transpose, MatMul" | "Gemm alpha 2";

function model(read: Read): {
  readonly bytes: Uint8Array;
  readonly weight: Numbers;
  readonly turned: boolean;
} {
  const graph = new GraphWriter();
  const x = graph.input("x", FLOAT, ["batch", IN]);
  const turned = read === "Gemm transB" || read === "Transpose, MatMul";
  const weight = turned ? matrix(OUT, IN, 3) : matrix(IN, OUT, 3);
  const w = graph.floats("w", weight.shape, Array.from(weight.data));
  const y =
    read === "Transpose, MatMul"
      ? graph.node("MatMul", [x, graph.node("Transpose", [w], { perm: [1, 0] })])
      : read === "MatMul"
        ? graph.node("MatMul", [x, w])
        : graph.node("Gemm", [x, w], {
            ...(turned ? { transB: 1 } : {}),
            ...(read === "Gemm alpha 2" ? { alpha: 2.5 } : {}),
          });
  graph.output(y, "y", ["batch", OUT]);
  return { bytes: graph.finish(), weight, turned };
}

async function constant(bytes: Uint8Array, name: string): Promise<OnnxTensor> {
  return readModel("test", bytes).graph.initializers.find((tensor) => tensor.name === name)!;
}

const numbersOf = ({ data }: OnnxTensor): number[] =>
  Array.from(new Float32Array((data as Uint8Array).slice().buffer));

describe("a product of low rank", () => {
  test.each<Read>(["MatMul", "Gemm", "Gemm transB", "Transpose, MatMul"])(
    "is added to a weight that %s reads: W + scale * B A",
    async (read) => {
      const { bytes, weight, turned } = model(read);
      const merged = await (await surgery(bytes)).mergeLowRank("w", { a, b, scale: 0.5 }).bytes();
      const delta = product(0.5);
      const expected = Array.from(weight.data, (value, i) =>
        Math.fround(
          value +
            (turned ? delta[Math.floor(i / IN)]![i % IN]! : delta[i % OUT]![Math.floor(i / OUT)]!),
        ),
      );
      const got = numbersOf(await constant(merged, "w"));
      // one rounding to float32 of numbers below 4
      for (const [i, value] of got.entries())
        expect(Math.abs(value - expected[i]!)).toBeLessThan(5e-7);
    },
  );

  test.each<Read>(["MatMul", "Gemm transB", "Gemm alpha 2"])(
    "gives x (B A)ᵀ more with %s",
    async (read) => {
      const { bytes } = model(read);
      const before = await surgery(bytes);
      const x = floats([4, IN]);
      const merged = before.mergeLowRank("w", { a, b, scale: 2 });
      const [old, changed] = [await runModel(before, { x }), await runModel(merged, { x })];
      const delta = product(2);
      for (const [i, value] of changed["y"]!.numbers.entries()) {
        const place = Array.from(x.data as Float32Array).slice(Math.floor(i / OUT) * IN);
        const more = delta[i % OUT]!.reduce((sum, d, j) => sum + d * place[j]!, 0);
        // float32 sums of 5 products below 8
        expect(Math.abs(value - old["y"]!.numbers[i]! - more)).toBeLessThan(1e-5);
      }
    },
  );

  test("is added twice when it is merged twice, and taken away with the opposite scale", async () => {
    const { bytes, weight } = model("MatMul");
    const twice = (await surgery(bytes))
      .mergeLowRank("w", { a, b, scale: 1.5 })
      .mergeLowRank("w", { a, b, scale: -1.5 });
    const got = numbersOf(await constant(await twice.bytes(), "w"));
    // two roundings to float32 of numbers below 8
    for (const [i, value] of got.entries())
      expect(Math.abs(value - weight.data[i]!)).toBeLessThan(1e-6);
  });

  test("is rounded once to half precision where the weight has that", async () => {
    const weight = matrix(IN, OUT, 3);
    const bytes = encodeModel({
      opsets: { "": 18 },
      nodes: [
        { name: "n", opType: "MatMul", domain: "", inputs: ["x", "w"], outputs: ["y"], attrs: {} },
      ],
      initializers: [
        {
          name: "w",
          onnxType: 10,
          shape: weight.shape,
          bytes: new Uint8Array(float32ToFloat16(weight.data).buffer),
        },
      ],
      inputs: [{ name: "x", onnxType: 10, shape: [1, IN] }],
      outputs: [{ name: "y", onnxType: 10, shape: [1, OUT] }],
    });
    const { data, type } = await constant(
      await (await surgery(bytes)).mergeLowRank("w", { a, b }).bytes(),
      "w",
    );
    expect(type).toBe("float16");
    const delta = product(1);
    const old = float16ToFloat32(float32ToFloat16(weight.data));
    const expected = old.map((value, i) => value + delta[i % OUT]![Math.floor(i / OUT)]!);
    expect(new Uint16Array((data as Uint8Array).slice().buffer)).toEqual(
      float32ToFloat16(expected),
    );
  });

  test("is refused where it would not be W + B A", async () => {
    const quantised = await openGoldenModel("quantised");
    expect(() => quantised.mergeLowRank("w8", { a, b })).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: surgery.mergeLowRank: "w8" is quantised (int8), and a product of low rank is not merged into numbers of that kind.
        fix: merge into the floating-point model and quantise it again.]
    `);
    expect(() => quantised.mergeLowRank("scales", { a, b })).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: surgery.mergeLowRank: the layout of "scales" is not clear: MatMulNBits reads it.
        fix: merge into the floating-point model and quantise it again.]
    `);
    const linear = await surgery(model("MatMul").bytes);
    expect(() => linear.mergeLowRank("w", { a: b, b: a })).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: surgery.mergeLowRank: "w" is [5, 3], read as [in, out]; a [3, 2] and b [2, 5] do not fit.
        fix: give a [rank, in] and b [out, rank], or say the layout.]
    `);
    expect(() => linear.mergeLowRank("v", { a, b })).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: surgery.mergeLowRank: the graph has no constant "v".
        fix: the nearest names are "w".]
    `);
    const decoder = await openGoldenModel("decoder");
    expect(() => decoder.mergeLowRank("embed.weight", { a, b }))
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: surgery.mergeLowRank: the layout of "embed.weight" is not clear: Gather reads it.
        fix: say it: { layout: "in-out" } for x W, "out-in" for x Wᵀ.]
    `);
  });
});

describe("a constant that is replaced", () => {
  test("has the new numbers, and all others keep their bytes", async () => {
    const bytes = await goldenFolder.read("quantised.onnx");
    const packed = new Uint8Array(256).map((_, i) => (i * 37) & 0xff);
    const replaced = (await surgery(bytes)).replaceInitializer("packed", {
      shape: [16, 1, 16],
      data: packed,
    });
    const [before, after] = [bytes, await replaced.bytes()].map(
      (file) => readModel("test", file).graph.initializers,
    );
    for (const [i, tensor] of after!.entries()) {
      const expected = tensor.name === "packed" ? { ...before![i]!, data: packed } : before![i]!;
      expect({ ...tensor, data: [...(tensor.data as Uint8Array)] }).toEqual({
        ...expected,
        data: [...(expected.data as Uint8Array)],
      });
    }
    const [old, changed] = [
      await runModel(bytes, feeds.quantised),
      await runModel(replaced, feeds.quantised),
    ];
    expect(changed["y"]!.numbers).not.toEqual(old["y"]!.numbers);
  });

  test("must keep its type and shape", async () => {
    const linear = await surgery(model("MatMul").bytes);
    expect(() => linear.replaceInitializer("w", { shape: [OUT, IN], data: new Float32Array(15) }))
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: surgery.replaceInitializer: "w" holds float32 [5, 3], 60 bytes; given are [3, 5] in 60 bytes.
        fix: give numbers of the same type and shape: floats as Float32Array, packed types as bytes.]
    `);
    expect(() => linear.replaceInitializer("w", { shape: [IN, OUT], data: new Int32Array(15) }))
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: surgery.replaceInitializer: "w" holds float32 [5, 3], 60 bytes; given are [5, 3] in a Int32Array.
        fix: give numbers of the same type and shape: floats as Float32Array, packed types as bytes.]
    `);
  });
});
