import * as fc from "fast-check";
import { expect, test } from "vitest";

import { collect, concat, evaluate, printGraph, randn, tensor, zeros } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { executor } from "./executor.ts";
import { valueOf } from "./leaf.ts";
import { pushSlices } from "./passes.ts";

const pushed = (...outputs: Tensor[]): string => printGraph(pushSlices(collect(outputs)));

/** Runs a graph as it stands, without the rewrite that `evaluate` makes. */
async function whole(outputs: readonly Tensor[]): Promise<readonly Float32Array[]> {
  const graph = collect(outputs);
  const executable = await executor().prepare(graph);
  const values = await executable.run(graph.inputs.map((input) => valueOf("test", input)));
  return Promise.all(values.map(async (value) => (await value.read()) as Float32Array));
}

test("the last position of an unembedding computes one position only", () => {
  const x = randn([2, 7, 4], { seed: 1 });
  const w = randn([50, 4], { seed: 2 });
  expect(pushed(x.layerNorm().linear(w).slice({ axis: 1, start: -1 }))).toMatchInlineSnapshot(`
    "%0 = input float32[2, 7, 4]
    %1 = input float32[50, 4]
    %2 %3 %4 = layerNorm %0 {"epsilon":0.00001}
    %5 = slice %2 {"axis":1,"start":6,"count":1,"step":1}
    %6 = linear %5 %1 {"transposed":true}
    return %6"
  `);
});

test("a slice of one broadcast operand's axis leaves the repeated operand whole", () => {
  const y = zeros([3, 4])
    .exp()
    .mul(randn([1, 4], { seed: 1 }));
  expect(pushed(y.slice({ axis: 0, end: 1 }))).toMatchInlineSnapshot(`
    "%0 = input float32[1, 4]
    %1 = full {"shape":[3,4],"value":0,"dtype":"float32"}
    %2 = slice %1 {"axis":0,"start":0,"count":1,"step":1}
    %3 = exp %2
    %4 = mul %3 %0
    return %4"
  `);
});

test("columns of a product need those columns of the right matrix", () => {
  const a = randn([2, 3], { seed: 1 });
  const b = randn([5, 3], { seed: 2 });
  const y = a.matmul(b, { transposeB: true });
  expect(pushed(y.slice({ axis: 1, start: 2 }))).toMatchInlineSnapshot(`
    "%0 = input float32[2, 3]
    %1 = input float32[5, 3]
    %2 = slice %1 {"axis":0,"start":2,"count":3,"step":1}
    %3 = matmul %0 %2 {"transposeA":false,"transposeB":true}
    return %3"
  `);
});

test("a value that is used elsewhere too, or is an output, is left whole", () => {
  const x = randn([4, 2], { seed: 1 });
  const y = x.exp();
  const part = y.slice({ axis: 0, end: 1 });
  expect(pushed(part, y)).toBe(printGraph(collect([part, y])));
  expect(pushed(part, y.sum())).toBe(printGraph(collect([part, y.sum()])));
});

test("a slice stays above what mixes its axis", () => {
  const x = randn([4, 2], { seed: 1 });
  const y = x.softmax({ axis: 0 }).slice({ axis: 0, end: 1 });
  expect(pushed(y)).toBe(printGraph(collect([y])));
  expect(pushed(x.softmax({ axis: 1 }).slice({ axis: 0, end: 1 }))).not.toBe(
    printGraph(collect([x.softmax({ axis: 1 }).slice({ axis: 0, end: 1 })])),
  );
});

test("names stay with the nodes that are moved", () => {
  const x = randn([4, 2], { seed: 1 });
  const named = x.exp().named("site").slice({ axis: 0, end: 1 }).neg().named("after");
  const { nodes } = pushSlices(collect([named]));
  expect(nodes.map(({ label }) => label)).toEqual([undefined, "site", "after"]);
});

test("an empty slice of an axis of size 1 stays empty", async () => {
  const y = tensor([[1, 2]])
    .add(tensor([3, 4]))
    .slice({ axis: 0, start: 1 });
  const { outputs } = pushSlices(collect([y]));
  expect(outputs[0]!.shape).toEqual([0, 2]);
});

/** One step of a random program over 3-D tensors; it keeps the rank. */
type Step = (x: Tensor, other: Tensor) => Tensor;
const steps: Record<string, Step> = {
  exp: (x) => x.tanh().exp(),
  mul: (x, other) => x.mul(other.sum({ axis: [0, 1], keepDims: true }).slice({ axis: 2, end: 1 })),
  row: (x) => x.add(randn([1, x.shape[2]!], { seed: 3 })),
  self: (x) => x.mul(x.sigmoid()),
  transpose: (x) => x.transpose([0, 2, 1]),
  rotate: (x) => x.transpose([2, 0, 1]),
  linear: (x) => x.linear(randn([3, x.shape[2]!], { seed: 4 }), randn([3], { seed: 5 })),
  matmul: (x) => x.matmul(randn([x.shape[2]!, 2], { seed: 6 })),
  batched: (x) => x.matmul(x, { transposeB: true }),
  softmax: (x) => x.softmax({ axis: -1 }),
  norm: (x) => x.layerNorm(),
  pad: (x) => x.pad({ axis: 1, before: 1, after: 0, value: 2 }),
  concat: (x) => concat([x, x.neg()], { axis: 0 }),
  first: (x) => x.slice({ axis: 0, end: 1 }),
  last: (x) => x.slice({ axis: 1, start: -1 }),
  flip: (x) => x.flip(2),
  even: (x) => x.slice({ axis: 2, step: 2 }),
};

test("moving slices changes no value on random graphs", async () => {
  const program = fc.array(fc.constantFrom(...Object.keys(steps)), { minLength: 2, maxLength: 7 });
  let moved = 0;
  await fc.assert(
    fc.asyncProperty(program, async (names) => {
      const x = randn([2, 3, 4], { seed: 1 });
      let y: Tensor = x;
      for (const name of names) y = steps[name]!(y, x);
      y = y.slice({ axis: 1, start: -1 });
      const before = printGraph(collect([y]));
      if (pushed(y) !== before) moved += 1;
      const [expected] = await whole([y]);
      await evaluate([y]);
      const actual = (await y.data()) as Float32Array;
      expect(actual.length).toBe(expected!.length);
      for (const [i, value] of actual.entries()) {
        // 1e-4 relative: float32 sums may be taken in another order for another number of rows
        expect(Math.abs(value - expected![i]!)).toBeLessThanOrEqual(1e-4 * (1 + Math.abs(value)));
      }
    }),
    { seed: 1, numRuns: 60 },
  );
  expect(moved).toBeGreaterThan(20);
});
