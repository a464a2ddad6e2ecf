import { expect, test } from "vitest";

import type { Tree } from "../core/tree.ts";
import { compile, printGraph, tensor, collect, type Tensor } from "../runtime/index.ts";
import type { Optimiser } from "./optimiser.ts";
import { adam, adamW, lion, sgd } from "./optimisers.ts";

const START = [0.5, -1, 2];
const GRADS = [
  [0.1, -0.2, 0.3],
  [-0.4, 0, 0.25],
  [0.05, 0.6, -0.15],
  [1.5, -2, 0.01],
];

/** Parameters after one update for each of the gradients, through one compiled graph. */
async function run(optimiser: Optimiser, learningRate: number): Promise<number[]> {
  const update = compile((p: Tensor, g: Tensor, state: Tree<Tensor>, rate: Tensor, step: Tensor) =>
    optimiser.update(p, g, state, { learningRate: rate, step }),
  );
  let params: Tensor = tensor(START);
  let state = optimiser.init(params);
  for (const [step, g] of GRADS.entries()) {
    ({ params, state } = await update(
      params,
      tensor(g),
      state,
      tensor(learningRate),
      tensor(step),
    ));
  }
  return Array.from(await params.numbers());
}

// torch 2.13.0: torch.optim with these options, START and GRADS as float32, parameters after the four steps.
test.each([
  ["sgd", sgd(), 0.1, [0.37500002, -0.84000009, 1.95899999]],
  ["sgd with decay", sgd({ weightDecay: 0.05 }), 0.1, [0.36484998, -0.82014799, 1.91992104]],
  [
    "sgd with momentum and decay",
    sgd({ momentum: 0.9, weightDecay: 0.05 }),
    0.1,
    [0.39177608, -0.80092012, 1.76852953],
  ],
  [
    "sgd with Nesterov momentum",
    sgd({ momentum: 0.9, nesterov: true }),
    0.1,
    [0.29805898, -0.70069801, 1.82992186],
  ],
  ["adam with decay", adam({ weightDecay: 0.05 }), 0.01, [0.49243357, -0.98035079, 1.96620774]],
  ["adamW", adamW({ weightDecay: 0.1 }), 0.01, [0.49230593, -0.97931993, 1.96317708]],
  [
    "adamW with short memories",
    adamW({ beta1: 0.5, beta2: 0.6, epsilon: 1e-3, weightDecay: 0 }),
    0.01,
    [0.49300485, -0.98522704, 1.97771632],
  ],
])("%s is PyTorch's", async (_, optimiser, rate, expected) => {
  const found = await run(optimiser, rate);
  // 1e-6: float32, four steps of some ten roundings each
  for (const [i, value] of found.entries())
    expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-6);
});

test("adam's first step is the learning rate against the sign of the gradient", async () => {
  const optimiser = adam();
  const p = tensor([1, 1, 1]);
  const g = tensor([1e-3, -5, 2]);
  const { params } = optimiser.update(p, g, optimiser.init(p), {
    learningRate: tensor(0.25),
    step: tensor(0),
  });
  // 1e-5 relative to the rate: epsilon 1e-8 against gradients of 1e-3
  for (const [i, value] of (await params.numbers()).entries()) {
    expect(Math.abs(value - [0.75, 1.25, 0.75][i]!)).toBeLessThan(1e-5);
  }
});

test("lion follows the sign of the smoothed gradient, by hand", async () => {
  const optimiser = lion({ beta1: 0.5, beta2: 0.75, weightDecay: 0.5 });
  let params: Tensor = tensor([1, 1]);
  let state = optimiser.init(params);
  // m = 0: directions are the signs of g; m = g / 4
  ({ params, state } = optimiser.update(params, tensor([4, -4]), state, {
    learningRate: tensor(0.125),
    step: tensor(0),
  }));
  expect(Array.from(await params.numbers())).toEqual([1 - 0.0625 - 0.125, 1 - 0.0625 + 0.125]);
  // m = [1, -1], g = [-2, 0.5]: 0.5 m + 0.5 g = [-0.5, -0.25]
  ({ params } = optimiser.update(params, tensor([-2, 0.5]), state, {
    learningRate: tensor(0.125),
    step: tensor(1),
  }));
  expect(Array.from(await params.numbers())).toEqual([
    0.8125 * 0.9375 + 0.125,
    1.0625 * 0.9375 + 0.125,
  ]);
});

const net = () => ({
  norm: { weight: tensor([1]), bias: tensor([1]) },
  blocks: [{ weight: tensor([1]) }, { weight: tensor([1]) }],
});

test("groups set decay and rate by glob; the first that matches counts", async () => {
  const optimiser = sgd({
    weightDecay: 1,
    groups: [
      { match: "norm.*", weightDecay: 0 },
      { match: "blocks.1.**", rateScale: 0.5, weightDecay: 0 },
      { match: "blocks.**", rateScale: 2 },
    ],
  });
  const params = net();
  const { params: updated } = optimiser.update(params, net(), optimiser.init(params), {
    learningRate: tensor(0.125),
    step: tensor(0),
  });
  expect(await updated.norm.weight.item()).toBe(1 - 0.125);
  expect(await updated.norm.bias.item()).toBe(1 - 0.125);
  // gradient 1 and decay 1, at twice the rate
  expect(await updated.blocks[0]!.weight.item()).toBe(1 - 0.5);
  expect(await updated.blocks[1]!.weight.item()).toBe(1 - 0.0625);
});

test("a rate scale of 0 leaves parameter and state as they are", () => {
  const optimiser = adamW({ groups: [{ match: "norm.**", rateScale: 0 }] });
  const params = net();
  const state = optimiser.init(params);
  const updated = optimiser.update(params, net(), state, {
    learningRate: tensor(1),
    step: tensor(0),
  });
  expect(updated.params.norm.weight).toBe(params.norm.weight);
  expect(updated.params.blocks[0]!.weight).not.toBe(params.blocks[0]!.weight);
});

test("another learning rate and step is the same graph", () => {
  const optimiser = adamW();
  const graph = (rate: number, step: number): string => {
    const p = tensor([1]);
    const { params } = optimiser.update(p, p, optimiser.init(p), {
      learningRate: tensor(rate),
      step: tensor(step),
    });
    return printGraph(collect([params]));
  };
  expect(graph(0.1, 0)).toBe(graph(0.2, 9));
});

test("a group that matches nothing is refused with the nearest names", () => {
  const optimiser = adamW({ groups: [{ match: "blocks.*.weights", weightDecay: 0 }] });
  expect(() => optimiser.init(net())).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: adamW: no parameter matches the group "blocks.*.weights".
      fix: the parameters nearest to it are blocks.0.weight, blocks.1.weight, norm.weight.]
  `);
});

test("a momentum of 1 is refused", () => {
  expect(() => sgd({ momentum: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: sgd: momentum is 1, not in [0, 1).]`,
  );
});

test("a negative decay is refused", () => {
  expect(() => adamW({ weightDecay: -1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: adamW: weightDecay is -1, not a number of at least 0.]`,
  );
});
