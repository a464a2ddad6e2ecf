import { expect, test } from "vitest";

import { collect, evaluate, printGraph, randn, tensor } from "../runtime/index.ts";

const layer = (x = tensor([[1, 2]], { name: "x" }), factor = 2) => {
  const { values, indices } = x
    .matmul(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    )
    .mul(factor)
    .topK({ k: 2 });
  return [values.sum({ axis: -1 }), indices];
};

test("the printed form has one line a node, and values are numbered in order", () => {
  expect(printGraph(collect(layer()))).toMatchInlineSnapshot(`
    "%0 = input float32[1, 2]
    %1 = input float32[2, 3]
    %2 = matmul %0 %1 {"transposeA":false,"transposeB":false}
    %3 = full {"shape":[],"value":2,"dtype":"float32"}
    %4 = mul %2 %3
    %5 %6 = topK %4 {"k":2,"axis":1,"largest":true}
    %7 = sum %5 {"axes":[1],"keepDims":false}
    return %7 %6"
  `);
});

test("two traces of one function print equal, whatever data they run on", () => {
  const once = printGraph(collect(layer()));
  expect(printGraph(collect(layer()))).toBe(once);
  expect(printGraph(collect(layer(tensor([[3, 4]]))))).toBe(once);
});

test("another constant, shape, attribute or output prints another graph", () => {
  const forms = [
    layer(),
    layer(undefined, 3),
    layer(
      tensor([
        [1, 2],
        [3, 4],
      ]),
    ),
    layer().toReversed(),
    layer().slice(1),
  ].map((outputs) => printGraph(collect(outputs)));
  expect(new Set(forms).size).toBe(5);
});

test("constants that JSON cannot write print apart", () => {
  const x = tensor(1);
  const forms = [Infinity, -Infinity, Number.NaN, -0, 0].map((v) =>
    printGraph(collect([x.add(v)])),
  );
  expect(new Set(forms).size).toBe(5);
});

test("names do not show in the printed form", () => {
  const named = tensor([1], { name: "w" }).exp().named("site");
  expect(printGraph(collect([named]))).toBe(printGraph(collect([tensor([1]).exp()])));
});

test("a node that two others share is collected once", () => {
  const shared = tensor([1]).exp();
  const { nodes, inputs } = collect([shared.add(1), shared.mul(shared)]);
  expect(nodes.filter(({ op }) => op.name === "exp")).toHaveLength(1);
  expect(inputs).toHaveLength(1);
});

test("nodes nobody asks for are left out", () => {
  const x = tensor([1]);
  x.sin();
  expect(collect([x.exp()]).nodes.map(({ op }) => op.name)).toEqual(["exp"]);
});

test("a graph starts from tensors that were computed before", async () => {
  const x = tensor([1, 2]);
  const middle = x.exp();
  await evaluate([middle]);
  const { nodes, inputs } = collect([middle.mul(2)]);
  expect(nodes.map(({ op }) => op.name)).toEqual(["full", "mul"]);
  expect(inputs).toEqual([middle]);
});

test("a chain of 20,000 ops is collected without running out of stack", () => {
  let x = randn([1], { seed: 1 });
  for (let i = 0; i < 20_000; i++) x = x.neg();
  expect(collect([x]).nodes).toHaveLength(20_000);
});
