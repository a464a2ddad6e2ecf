import { expect, test } from "vitest";

import { maxDifference } from "../../test/tiny.ts";
import { tensor } from "../runtime/index.ts";
import {
  activationFunction,
  layerCache,
  linearEntries,
  normEntries,
  turningEntries,
} from "./family.ts";

const points = [-2, -0.5, 0, 0.7, 3];

// Abramowitz & Stegun 7.1.26 is good to 1.5e-7
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  const sum = series.reduce((total, coefficient) => total * t + coefficient, 0) * t;
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
}

test.each([
  ["gelu", (x: number) => 0.5 * x * (1 + erf(x / Math.SQRT2))],
  [
    "gelu_new",
    (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  ],
  ["relu", (x: number) => Math.max(0, x)],
  ["silu", (x: number) => x / (1 + Math.exp(-x))],
] as const)("%s is the function of that name", async (name, want) => {
  const found = await activationFunction(name)(tensor(points)).numbers();
  // float32, and the approximation of erf in this test
  expect(maxDifference(found, points.map(want))).toBeLessThanOrEqual(1e-6);
});

test("the two forms of gelu are told apart", async () => {
  const [exact, tanh] = await Promise.all(
    (["gelu", "gelu_new"] as const).map((name) =>
      activationFunction(name)(tensor(points)).numbers(),
    ),
  );
  expect(maxDifference(exact!, tanh!)).toBeGreaterThan(1e-5);
});

test("a linear layer is stored as [out, in], and has a bias only if told so", () => {
  expect(linearEntries("a.q", "x.q_proj", [3, 5])).toEqual([
    { path: "a.q.weight", name: "x.q_proj.weight", shape: [5, 3] },
  ]);
  expect(linearEntries("a.q", "x.q_proj", [3, 5], true)[1]).toEqual({
    path: "a.q.bias",
    name: "x.q_proj.bias",
    shape: [5],
  });
});

test("q, k and v by turns share one layer, in as many groups as there are heads", () => {
  const entries = turningEntries("attn", "x.qkv", { nHeads: 2, dModel: 8 }, true);
  expect(entries).toHaveLength(6);
  expect(entries.slice(2, 4)).toEqual([
    {
      path: "attn.k.weight",
      name: "x.qkv.weight",
      shape: [8, 8],
      turn: { index: 1, of: 3, groups: 2 },
    },
    { path: "attn.k.bias", name: "x.qkv.bias", shape: [8], turn: { index: 1, of: 3, groups: 2 } },
  ]);
});

test("a norm has a gain, and a bias only if told so", () => {
  expect(normEntries("ln1", "ln_1", 4).map(({ name }) => name)).toEqual(["ln_1.weight"]);
  expect(normEntries("ln1", "ln_1", 4, true).map(({ name }) => name)).toEqual([
    "ln_1.weight",
    "ln_1.bias",
  ]);
});

test("a layer sees its own part of the cache", () => {
  const x = tensor([1]);
  const stored: number[] = [];
  const cache = {
    past: (layer: number) => (layer === 1 ? { k: x, v: x } : undefined),
    store: (layer: number) => void stored.push(layer),
    state: () => undefined,
    keep: () => undefined,
    revise: () => undefined,
  };
  const inputs = { cache };
  expect(layerCache(inputs, 0)?.past).toBeUndefined();
  expect(layerCache(inputs, 1)?.past).toEqual({ k: x, v: x });
  layerCache(inputs, 1)?.store(x, x);
  expect(stored).toEqual([1]);
  expect(layerCache({}, 0)).toBeUndefined();
});
