import { expect, test } from "vitest";

import { collect, printGraph, randn } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { mergeReshapes } from "./views.ts";

const merged = (...outputs: Tensor[]): string => printGraph(mergeReshapes(collect(outputs)));

test("a chain of reshapes is one, and one that leads back is none", () => {
  const x = randn([2, 6], { seed: 1 });
  const y = x.exp().reshape([2, 2, 3]).reshape([4, 3]).reshape([12]);
  expect(merged(y.exp(), x.exp().reshape([12]).reshape([2, 6]).exp())).toMatchInlineSnapshot(`
    "%0 = input float32[2, 6]
    %1 = exp %0
    %2 = exp %0
    %3 = reshape %1 {"shape":[12]}
    %4 = exp %3
    %5 = exp %2
    return %4 %5"
  `);
});

test("a reshape that others read stays for them", () => {
  const x = randn([2, 6], { seed: 1 }).exp();
  const half = x.reshape([3, 4]);
  expect(merged(half.sum({ axis: 0 }), half.reshape([12]).exp())).toMatchInlineSnapshot(`
    "%0 = input float32[2, 6]
    %1 = exp %0
    %2 = reshape %1 {"shape":[3,4]}
    %3 = sum %2 {"axes":[0],"keepDims":false}
    %4 = reshape %1 {"shape":[12]}
    %5 = exp %4
    return %3 %5"
  `);
});

test("heads of a single position are turned without moving anything", () => {
  const x = randn([1, 1, 8], { seed: 1 }).exp();
  const heads = x.reshape([1, 1, 2, 4]).transpose([0, 2, 1, 3]).reshape([2, 1, 4]);
  expect(merged(heads.exp())).toMatchInlineSnapshot(`
    "%0 = input float32[1, 1, 8]
    %1 = exp %0
    %2 = reshape %1 {"shape":[2,1,4]}
    %3 = exp %2
    return %3"
  `);
});

test("a graph without chains is left as it is", () => {
  const graph = collect([randn([2, 3], { seed: 1 }).reshape([6]).exp()]);
  expect(mergeReshapes(graph)).toBe(graph);
});
