import { expect, test } from "vitest";

import type { Tree } from "../core/tree.ts";
import { compile, randn, tensor, type Tensor } from "../runtime/index.ts";
import { muon, orthogonalised } from "./muon.ts";
import { adamW } from "./optimisers.ts";

/** Singular values of [rows, columns] by the eigenvalues of the smaller Gram matrix, with Jacobi's rotations. */
function singularValues(data: ArrayLike<number>, rows: number, columns: number): number[] {
  const n = Math.min(rows, columns);
  const at = (i: number, k: number): number =>
    rows <= columns ? data[i * columns + k]! : data[k * columns + i]!;
  const gram = Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => {
      let sum = 0;
      for (let k = 0; k < Math.max(rows, columns); k++) sum += at(i, k) * at(j, k);
      return sum;
    }),
  );
  for (let sweep = 0; sweep < 30; sweep++)
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(gram, p, q);
  return gram.map((row, i) => Math.sqrt(row[i]!)).toSorted((a, b) => a - b);
}

function rotate(m: number[][], p: number, q: number): void {
  if (Math.abs(m[p]![q]!) < 1e-14) return;
  const angle = Math.atan2(2 * m[p]![q]!, m[q]![q]! - m[p]![p]!) / 2;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  for (const row of m) [row[p], row[q]] = [c * row[p]! - s * row[q]!, s * row[p]! + c * row[q]!];
  const [a, b] = [m[p]!.slice(), m[q]!.slice()];
  m[p] = a.map((x, k) => c * x - s * b[k]!);
  m[q] = a.map((x, k) => s * x + c * b[k]!);
}

test.each([
  [6, 10],
  [10, 6],
  [8, 8],
])("the singular values of a step of [%i, %i] are near one another", async (rows, columns) => {
  const x = randn([rows, columns], { seed: 3 });
  const before = singularValues(await x.numbers(), rows, columns);
  const after = singularValues(await orthogonalised(x).numbers(), rows, columns);
  expect(before.at(-1)! / before[0]!).toBeGreaterThan(2.5);
  for (const value of after) {
    expect(value).toBeGreaterThan(0.65);
    expect(value).toBeLessThan(1.25);
  }
});

/** Parameters after one update from zero moments. */
async function updated(
  optimiser: ReturnType<typeof muon>,
  params: Tree<Tensor>,
  grads: Tree<Tensor>,
) {
  const update = compile((p: Tree<Tensor>, g: Tree<Tensor>, state: Tree<Tensor>) =>
    optimiser.update(p, g, state, { learningRate: tensor(0.1), step: tensor(0) }),
  );
  const { params: after } = await update(params, grads, optimiser.init(params));
  return after as Record<string, Record<string, Tensor>>;
}

const params = {
  embed: { weight: randn([4, 3], { seed: 1 }) },
  blocks: { weight: randn([4, 3], { seed: 2 }), bias: randn([3], { seed: 3 }) },
};
const grads = {
  embed: { weight: randn([4, 3], { seed: 4 }) },
  blocks: { weight: randn([4, 3], { seed: 5 }), bias: randn([3], { seed: 6 }) },
};

test("what is no hidden matrix is updated as by AdamW", async () => {
  const ours = await updated(muon({ weightDecay: 0.1 }), params, grads);
  const adams = await updated(adamW({ weightDecay: 0.1 }), params, grads);
  expect(await ours["embed"]!["weight"]!.data()).toEqual(await adams["embed"]!["weight"]!.data());
  expect(await ours["blocks"]!["bias"]!.data()).toEqual(await adams["blocks"]!["bias"]!.data());
  expect(await ours["blocks"]!["weight"]!.data()).not.toEqual(
    await adams["blocks"]!["weight"]!.data(),
  );
});

test("a step does not depend on the size of the gradient and has AdamW's root mean square", async () => {
  const after = await updated(muon({ weightDecay: 0 }), params, grads);
  const louder = { ...grads, blocks: { ...grads.blocks, weight: grads.blocks.weight.mul(1000) } };
  const afterLouder = await updated(muon({ weightDecay: 0 }), params, louder);
  const step = after["blocks"]!["weight"]!.sub(params.blocks.weight);
  const louderStep = afterLouder["blocks"]!["weight"]!.sub(params.blocks.weight);
  expect(await step.sub(louderStep).abs().max().item()).toBeLessThan(1e-5);
  // U V' of [4, 3] has 3 singular values of about 1 in 12 numbers: 0.2 * sqrt(4) * sqrt(3 / 12) = 0.2 of the rate
  const rms = await step.square().mean().sqrt().item();
  expect(rms / 0.1).toBeGreaterThan(0.14);
  expect(rms / 0.1).toBeLessThan(0.26);
});

test("an impossible share is refused", () => {
  expect(() => muon({ momentum: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: muon: momentum is 1, not in [0, 1).]`,
  );
});
