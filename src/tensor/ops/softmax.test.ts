import { expect, test } from "vitest";

import { compile, gradients, randn, tensor, zeros } from "../../runtime/index.ts";
import type { Tensor } from "../tensor.ts";

test("large logits do not overflow, on any axis", async () => {
  const x = tensor([
    [1000, 999],
    [0, -Infinity],
  ]);
  const p = 1 / (1 + Math.exp(-1));
  const rows = await x.softmax().numbers();
  expect(rows[0]).toBeCloseTo(p, 5);
  expect([...rows.subarray(2)]).toEqual([1, 0]);
  expect(await x.softmax({ axis: 0 }).data()).toEqual(Float32Array.of(1, 1, 0, 0));
  const logs = await x.transpose().logSoftmax({ axis: 0 }).numbers();
  expect(logs[0]).toBeCloseTo(Math.log(p), 4);
  expect(logs[3]).toBe(-Infinity);
});

test("softmax over any axis equals softmax over the last of the transposed tensor", async () => {
  const x = randn([3, 4, 5], { seed: 1, scale: 3 });
  for (const method of ["softmax", "logSoftmax"] as const) {
    const inner = await x[method]({ axis: 1 }).numbers();
    const last = await x.transpose([0, 2, 1])[method]().transpose([0, 2, 1]).numbers();
    expect(Math.max(...inner.map((v, i) => Math.abs(v - last[i]!)))).toBeLessThan(1e-6);
  }
});

test("an axis that does not exist and integers are refused", () => {
  expect(() => zeros([2]).softmax({ axis: 1 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: softmax: axis 1 is not an axis of a tensor of rank 1.
      fix: use an integer in -1..0.]
  `);
  expect(() => zeros([2], "int32").logSoftmax()).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: logSoftmax: cannot work on int32; it takes float32.
      fix: cast the input, as in x.cast("float32").]
  `);
});

const scores = randn([2, 3, 5, 6], { seed: 1 });
const values = randn([2, 3, 6, 4], { seed: 2 });
const cotangent = randn([2, 3, 5, 4], { seed: 3 });

/** Gradients, and gradients of their squares, of attention; `between` sits between pattern and product. */
async function slopes(between: (pattern: Tensor) => Tensor): Promise<number[][]> {
  const run = compile((x: Tensor, v: Tensor) => {
    const z = between(x.softmax()).matmul(v);
    const first = gradients(z.mul(cotangent).sum(), [x, v]);
    const second = gradients(first[0]!.square().sum().add(first[1]!.square().sum()), [x, v]);
    return [...first, ...second];
  });
  const found = await run(scores, values);
  return Promise.all(found.map(async (g) => Array.from(await g.numbers())));
}

test("the short way through attention's softmax gives the gradients of the long way, also second ones", async () => {
  const short = await slopes((pattern) => pattern);
  const long = await slopes((pattern) => pattern.mul(1));
  for (const [k, found] of short.entries()) {
    const size = Math.max(...long[k]!.map(Math.abs));
    // 1e-5 of the largest: float32, sums of products in another order, twice for the second gradients
    for (const [i, value] of found.entries()) {
      expect(Math.abs(value - long[k]![i]!)).toBeLessThan(1e-5 * size);
    }
  }
});
