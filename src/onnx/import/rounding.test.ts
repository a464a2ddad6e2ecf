import { expect, test } from "vitest";

import { gradients, randn, tensor } from "../../runtime/index.ts";
import type { Tensor } from "../../runtime/index.ts";
import { readModel } from "../model.ts";
import type { NodeForm } from "../proto.ts";
import { encodeModel } from "../proto.ts";
import { importHandlers } from "./index.ts";
import { runModel } from "./run.ts";

const node = (
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attrs: NodeForm["attrs"] = {},
): NodeForm => {
  const dot = name.lastIndexOf(".");
  const [domain, opType] = [name.slice(0, Math.max(dot, 0)), name.slice(dot + 1)];
  return { name, opType, domain, inputs, outputs, attrs };
};

/** What nodes make of tensors, the last value alone. */
function run(nodes: readonly NodeForm[], given: Readonly<Record<string, Tensor>>): Tensor {
  const [name] = nodes.at(-1)!.outputs;
  const outputs = [{ name: name!, onnxType: 1, shape: [] }];
  const bytes = encodeModel({
    opsets: { "": 21, "com.microsoft": 1 },
    nodes,
    initializers: [],
    inputs: [],
    outputs,
  });
  const form = { where: "importGraph", handlers: importHandlers, tap: (_: string, x: Tensor) => x };
  return runModel(readModel("test", bytes), new Map(Object.entries(given)), form)[0]!;
}

const numbers = async (x: Tensor): Promise<number[]> => Array.from(await x.numbers());
const int8 = (values: number[][] | number[] | number): Tensor => tensor(values, { dtype: "int8" });
const uint8 = (values: number[][] | number): Tensor => tensor(values, { dtype: "uint8" });

/** The gradient of the sum of `weights * y` by x. */
const slope = async (y: Tensor, x: Tensor, weights: Tensor): Promise<number[]> =>
  numbers(gradients(y.mul(weights).sum(), [x])[0]!);

test("gradients pass through rounding where the numbers lie in the range, and nowhere else", async () => {
  // steps of 0.5 around 0: int8 goes from -64 to 63.5
  const x = tensor([-70, -64, 0.2, 63.5, 70]);
  const y = run(
    [
      node("QuantizeLinear", ["x", "s", "z"], ["q"]),
      node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ],
    { x, s: tensor(0.5), z: int8(0) },
  );
  expect(await numbers(y)).toEqual([-64, -64, 0, 63.5, 63.5]);
  expect(await slope(y, x, tensor([1, 2, 3, 4, 5]))).toEqual([0, 2, 3, 4, 0]);
});

const w = int8([
  [10, -20],
  [30, 40],
  [-5, 0],
]);

// as transformers.js's models of 8 bits have it
const dynamic = [
  node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
  node("MatMulInteger", ["q", "w", "z", "wz"], ["sums"]),
  node("Cast", ["sums"], ["real"], { to: 1 }),
  node("Mul", ["s", "ws"], ["scale"]),
  node("Mul", ["real", "scale"], ["y"]),
];

test("a product that rounds its numbers on the way has the gradient of the product", async () => {
  const x = randn([2, 3], { seed: 1 });
  const y = run(dynamic, { x, w, wz: int8(2), ws: tensor(0.25) });
  const [g, real] = [
    tensor([
      [1, 2],
      [-1, 3],
    ]),
    w.cast("float32").sub(2).mul(0.25),
  ];
  const want = await numbers(g.matmul(real, { transposeB: true }));
  // float32, sums of 2
  for (const [i, value] of (await slope(y, x, g)).entries()) expect(value).toBeCloseTo(want[i]!, 5);
  // 8 bits on a range of about 2, sums of 3 weights of up to 10
  const exact = await numbers(x.matmul(real));
  for (const [i, value] of (await numbers(y)).entries()) expect(value).toBeCloseTo(exact[i]!, 0);
});

test("weights of 8 bits that are multiplied as such have the gradient of the product", async () => {
  const x = randn([2, 3], { seed: 1 });
  const bias = tensor([1, -1]);
  const given = { x, w, ws: tensor([0.5, 0.25]), wz: int8([0, 0]), bias };
  const y = run(
    [node("com.microsoft.DynamicQuantizeMatMul", ["x", "w", "ws", "wz", "bias"], ["y"])],
    given,
  );
  const real = w.cast("float32").mul(tensor([0.5, 0.25]));
  const g = tensor([
    [1, 2],
    [-1, 3],
  ]);
  const want = await numbers(g.matmul(real, { transposeB: true }));
  for (const [i, value] of (await slope(y, x, g)).entries()) expect(value).toBeCloseTo(want[i]!, 5);
  expect(await numbers(gradients(y.mul(g).sum(), [bias])[0]!)).toEqual([0, 5]);
});

test("gradients pass from one operator on whole numbers to the next, also through those that move them", async () => {
  const x = randn([2, 3], { seed: 1 });
  const y = run(
    [
      node("QuantizeLinear", ["x", "s", "z"], ["q"]),
      node("QLinearMatMul", ["q", "s", "z", "w", "ws", "wz", "ys", "z"], ["p"]),
      node("Transpose", ["p"], ["t"], { perm: [1, 0] }),
      node("com.microsoft.QLinearAdd", ["t", "ys", "z", "t", "ys", "z", "ys", "z"], ["d"]),
      node("DequantizeLinear", ["d", "ys", "z"], ["y"]),
    ],
    { x, w, s: tensor(0.02), z: uint8(128), ws: tensor(0.01), wz: int8(1), ys: tensor(0.1) },
  );
  const g = tensor([
    [1, 2],
    [-1, 3],
  ]);
  const real = w.cast("float32").sub(1).mul(0.01);
  const want = await numbers(g.mul(2).transpose().matmul(real, { transposeB: true }));
  for (const [i, value] of (await slope(y, x, g)).entries()) expect(value).toBeCloseTo(want[i]!, 5);
});

test("where it is not known what was rounded there is no gradient, and it is said", () => {
  const x = randn([2, 3], { seed: 1 });
  const y = run(
    [
      node("QuantizeLinear", ["x", "s", "z"], ["q"]),
      node("Max", ["q", "z"], ["m"]),
      node("DequantizeLinear", ["m", "s", "z"], ["y"]),
    ],
    { x, s: tensor(0.01), z: uint8(128) },
  );
  expect(() => gradients(y.sum(), [x])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: gradients: cannot differentiate through foreign: ONNX Runtime runs DequantizeLinear as it stands in the file.
      fix: use stopGradient or straightThrough around it.]
  `);
});

test("codes that are constants take no part in gradients", async () => {
  const x = randn([2, 3], { seed: 1 });
  const y = run([node("DequantizeLinear", ["w", "s"], ["r"]), node("MatMul", ["x", "r"], ["y"])], {
    x,
    w,
    s: tensor(0.5),
  });
  const g = tensor([
    [1, 0],
    [0, 0],
  ]);
  expect(await slope(y, x, g)).toEqual([5, 15, -2.5, 0, 0, 0]);
});
