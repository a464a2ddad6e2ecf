import { expect, test } from "vitest";

import {
  account,
  collect,
  compile,
  evaluate,
  gradients,
  printGraph,
  randn,
  tensor,
} from "../../runtime/index.ts";
import type { Tensor } from "../../runtime/index.ts";
import type { Step } from "./scan.ts";
import { scan } from "./scan.ts";

const sums: Step = ([total], [x]) => {
  const next = total!.add(x!);
  return { carried: [next], out: [next] };
};

test("a scan of sums is a running sum, from either end", async () => {
  const x = tensor([1, 2, 3, 4]).reshape([4, 1]);
  const start = { carried: [tensor([10])], sliced: [x] };
  const { carried, out } = scan(sums, start);
  expect(await out[0]!.data()).toEqual(Float32Array.of(11, 13, 16, 20));
  expect(await carried[0]!.data()).toEqual(Float32Array.of(20));
  const back = scan(sums, start, { isReverse: true });
  expect(await back.out[0]!.data()).toEqual(Float32Array.of(20, 19, 17, 14));
});

test("steps in one another count apart: the inner loop starts anew in every outer step", async () => {
  const rows = tensor([
    [1, 2],
    [3, 4],
  ]).unsqueeze(-1);
  const outer: Step = ([most], [row], [zero]) => {
    const { carried } = scan(sums, { carried: [zero!], sliced: [row!] });
    const larger = most!.maximum(carried[0]!);
    return { carried: [larger], out: [carried[0]!] };
  };
  const zero = tensor([0]);
  const { carried, out } = scan(outer, { carried: [zero], sliced: [rows], shared: [zero] });
  expect(await out[0]!.data()).toEqual(Float32Array.of(3, 7));
  expect(await carried[0]!.data()).toEqual(Float32Array.of(7));
});

test("integers are carried and sliced too, and have no gradient", async () => {
  const ids = tensor([2, 0, 1], { dtype: "int32" });
  const table = tensor([1, 10, 100]).reshape([3, 1]);
  const step: Step = ([sum], [id], [rows]) => {
    const next = sum!.mul(2).add(rows!.gather(id!, { axis: 0 }));
    return { carried: [next], out: [] };
  };
  const { carried } = scan(step, { carried: [tensor([0])], sliced: [ids], shared: [table] });
  expect(await carried[0]!.data()).toEqual(Float32Array.of(4 * 100 + 2 * 1 + 10));
  const [slope] = gradients(carried[0]!.sum(), [table]);
  expect(await slope!.data()).toEqual(Float32Array.of(2, 1, 4));
});

test("its printed form holds the step, so that another step is another graph", () => {
  const x = randn([3, 2], { seed: 1 });
  const printed = (step: Step): string =>
    printGraph(collect(scan(step, { carried: [randn([2], { seed: 2 })], sliced: [x] }).carried));
  const other: Step = ([total], [slice]) => ({ carried: [total!.mul(slice!)], out: [] });
  expect(printed(sums)).toBe(printed(sums));
  expect(printed(other)).not.toBe(printed(sums));
});

test("every step counts in the account", () => {
  const steps = (count: number): Tensor =>
    scan(sums, { carried: [tensor([0, 0])], sliced: [randn([count, 2], { seed: 1 })] }).out[0]!;
  expect(account([steps(6)]).flops - account([steps(5)]).flops).toBe(2);
});

test("a compiled scan runs again on other data", async () => {
  const total = compile(
    (x: Tensor) =>
      scan(sums, { carried: [x.slice({ axis: 0, end: 1 }).squeeze(0).mul(0)], sliced: [x] })
        .carried[0]!,
  );
  const [a, b] = await evaluate([await total(tensor([[1], [2]])), await total(tensor([[5], [6]]))]);
  expect([await a.item(), await b.item()]).toEqual([3, 11]);
});

test("tensors of unequal lengths cannot be sliced together", () => {
  const wrong = { carried: [], sliced: [randn([2, 3], { seed: 1 }), randn([3, 3], { seed: 1 })] };
  expect(() => scan(sums, wrong)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: scan: the tensors to slice are [2, 3], [3, 3]: not of one first size.
      fix: give at least one, and the same number of slices of each.]
  `);
});

test("a step that carries on another shape is refused", () => {
  const growing: Step = ([x]) => ({ carried: [x!.unsqueeze(0)], out: [] });
  const inputs = { carried: [tensor([1])], sliced: [tensor([1])] };
  expect(() => scan(growing, inputs)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: scan: the step was given [1] and carries on [1, 1].
      fix: carry on as many tensors as were given, of the same shapes.]
  `);
});

test("a step that reads what it was not given is refused", () => {
  const secret = tensor([1], { name: "secret" });
  const step: Step = ([x]) => ({ carried: [x!.add(secret)], out: [] });
  const inputs = { carried: [tensor([1])], sliced: [tensor([1])] };
  expect(() => scan(step, inputs)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: scan: the step reads Tensor float32[1] from leaf, which is not among its arguments.
      fix: hand it over in \`shared\`.]
  `);
});
