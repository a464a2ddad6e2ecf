import * as fc from "fast-check";
import { expect, test } from "vitest";

import { gradients, jacobian, jvp, randn, rand, tensor, zeros } from "../runtime/index.ts";
import type { RuleSet, Tensor } from "../runtime/index.ts";

test("the derivatives of x^3 are 3x^2, 6x, 6 and 0", async () => {
  const x = tensor(2);
  const derivatives: Tensor[] = [];
  let y = x.pow(3);
  for (let order = 1; order <= 4; order++) {
    y = gradients(y, [x], { unused: "zero" })[0]!;
    derivatives.push(y);
  }
  expect(await Promise.all(derivatives.map((d) => d.item()))).toEqual([12, 12, 6, 0]);
});

test("a value used in several places gets the sum of its gradients", async () => {
  const x = tensor([1, 2]);
  const [dx] = gradients(x.mul(x).add(x.mul(3)).sum(), [x]);
  expect(await dx!.data()).toEqual(Float32Array.of(5, 7));
});

test("gradients reach interior values and what lies below them in one call", async () => {
  const x = tensor(3);
  const middle = x.square();
  const [dMiddle, dx] = gradients(middle.mul(middle), [middle, x]);
  expect(await dMiddle!.item()).toBe(18);
  expect(await dx!.item()).toBe(108);
});

test("the gradient of a tensor with respect to itself is its cotangent", async () => {
  const x = tensor(3);
  expect(await gradients(x, [x])[0]!.item()).toBe(1);
  const v = tensor([1, 2]);
  const [dv] = gradients(v, [v], { cotangent: tensor([5, 6]) });
  expect(await dv!.data()).toEqual(Float32Array.of(5, 6));
});

test("a cotangent weighs the elements of y", async () => {
  const x = tensor([1, 2, 3]);
  const [dx] = gradients(x.square(), [x], { cotangent: tensor([1, 0, -1]) });
  expect(Array.from(await dx!.numbers(), (v) => v + 0)).toEqual([2, 0, -6]);
});

test("a quadratic form has the gradient (A + A^T) x and the hessian A + A^T", async () => {
  const a = randn([3, 3], { seed: 1 });
  const x = randn([3, 1], { seed: 2 });
  const y = x.matmul(a.matmul(x), { transposeA: true }).reshape([]);
  const both = a.add(a.transpose());
  const [dx] = gradients(y, [x]);
  // 1e-5: float32, sums of nine products of normal numbers
  expect(await dx!.sub(both.matmul(x)).abs().max().item()).toBeLessThan(1e-5);
  const hessian = jacobian(dx!.reshape([3]), x).reshape([3, 3]);
  expect(await hessian.sub(both).abs().max().item()).toBeLessThan(1e-5);
});

test("the jacobian of a linear map is its matrix, that of an elementwise map a diagonal", async () => {
  const w = randn([2, 3], { seed: 3 });
  const x = randn([3], { seed: 4 });
  const linear = jacobian(x.linear(w), x);
  expect(linear.shape).toEqual([2, 3]);
  expect(await linear.data()).toEqual(await w.data());
  const z = tensor([1, 2]);
  expect(await jacobian(z.square(), z).data()).toEqual(Float32Array.of(2, 0, 0, 4));
});

test("a jacobian has the axes of y before those of x", async () => {
  const x = randn([2, 3], { seed: 5 });
  const jac = jacobian(x.sum({ axis: 1 }), x);
  expect(jac.shape).toEqual([2, 2, 3]);
  expect(await jac.data()).toEqual(Float32Array.of(1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1));
});

test("the forward derivative is the jacobian times the tangent, for several inputs", async () => {
  const x = randn([3], { seed: 6 });
  const w = randn([2, 3], { seed: 7 });
  const y = x.linear(w).tanh();
  const tangents = [randn([3], { seed: 8 }), randn([2, 3], { seed: 9 })];
  const along = jvp(y, [x, w], tangents);
  expect(along.shape).toEqual([2]);
  const byRows = [x, w].map((input, i) =>
    jacobian(y, input)
      .reshape([2, -1])
      .matmul(tangents[i]!.reshape([-1, 1])),
  );
  const gap = byRows[0]!.add(byRows[1]!).reshape([2]).sub(along).abs().max();
  // 1e-5: float32, sums of nine products of normal numbers
  expect(await gap.item()).toBeLessThan(1e-5);
});

test("the forward derivative agrees with central differences", async () => {
  const functions: Record<string, (x: Tensor) => Tensor> = {
    softmax: (x) => x.softmax(),
    gelu: (x) => x.gelu(),
    layerNorm: (x) => x.layerNorm(),
    product: (x) => x.mul(x.sum()).exp(),
  };
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...Object.keys(functions)), fc.nat(99), async (name, seed) => {
      const f = functions[name]!;
      const x = rand([4], { seed, low: -0.5, high: 0.5 });
      const v = rand([4], { seed: seed + 1000, low: -0.5, high: 0.5 });
      const h = 1e-2;
      const difference = f(x.add(v.mul(h)))
        .sub(f(x.sub(v.mul(h))))
        .div(2 * h);
      const gap = difference.sub(jvp(f(x), [x], [v]));
      // Central differences are off by h^2 f''' / 6 (f''' to about 300 where layerNorm divides by a small deviation)
      // and by rounding, 6e-8 / h.
      const scale = await difference.abs().max().item();
      expect(await gap.abs().max().item()).toBeLessThan(5e-3 * (1 + scale));
    }),
    { seed: 3, numRuns: 24 },
  );
});

test("a rule set replaces the rules it names and no others, also for gradients of gradients", async () => {
  const x = tensor([-1, 2]);
  const rules: RuleSet = { relu: ({ cotangents: [g] }) => [g!] };
  const y = x.relu().mul(x).sum();
  // y = relu(x) x: the plain gradient is relu'(x) x + relu(x), with the identity for relu' it is x + relu(x)
  expect(Array.from(await gradients(y, [x])[0]!.numbers(), (v) => v + 0)).toEqual([0, 4]);
  const [replaced] = gradients(y, [x], { rules });
  expect(await replaced!.data()).toEqual(Float32Array.of(-1, 4));
  const [again] = gradients(replaced!.sum(), [x], { rules });
  expect(await again!.data()).toEqual(Float32Array.of(2, 2));
});

test("what gradients makes counts as backward, and the forward graph stays as it was", () => {
  const x = tensor([1, 2]);
  const y = x.exp().sum();
  const [dx] = gradients(y, [x]);
  expect(dx!.node.isBackward).toBe(true);
  expect(y.node.isBackward).toBe(false);
});

test("a tensor that is no scalar has no gradient of its own", () => {
  const x = zeros([2]);
  expect(() => gradients(x.exp(), [x])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: gradients: y has shape [2], but only a scalar has a gradient.
      fix: reduce it (sum, mean), or give the cotangent.]
  `);
});

test("an x that y does not depend on is refused, or gives zeros of its shape and type", async () => {
  const x = tensor([1, 2], { name: "x" });
  const other = tensor([[1, 2]], { dtype: "int32" }).named("other");
  expect(() => gradients(x.sum(), [x, other])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: gradients: y does not depend on Tensor int32[1, 2] from other.
      fix: leave it out, or pass { unused: "zero" }.]
  `);
  const [, dOther] = gradients(x.sum(), [x, other], { unused: "zero" });
  expect(dOther).toMatchObject({ shape: [1, 2], dtype: "int32" });
  expect(await dOther!.data()).toEqual(Int32Array.of(0, 0));
});

test("an op without a gradient is named", () => {
  const x = tensor([1, 2]);
  expect(() => gradients(x.argmax(), [x])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: gradients: cannot differentiate through argmax: a position jumps; it has no slope.
      fix: use stopGradient or straightThrough around it.]
  `);
  expect(() => gradients(x.argmax().named("choice"), [x])).toThrow("through choice:");
});

test("a tangent of another shape, or a missing one, is refused", () => {
  const x = zeros([2, 3]);
  expect(() => jvp(x.exp(), [x], [zeros([3, 2])])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: jvp: tangent 0 has shape [3, 2], not [2, 3].]`,
  );
  expect(() => jvp(x.exp(), [x], [])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: jvp: there are 0 tangents for 1 inputs.
      fix: give one tangent for every input.]
  `);
});

test("a cotangent of another shape than y is refused", () => {
  const x = zeros([2, 3]);
  expect(() =>
    gradients(x.exp(), [x], { cotangent: zeros([3]) }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: gradients: the cotangent has shape [3], not [2, 3].]`,
  );
});
