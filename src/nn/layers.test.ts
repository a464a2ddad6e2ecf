import { describe, expect, test } from "vitest";

import { recorder } from "../../test/recorder.ts";
import { maxDifference } from "../../test/tiny.ts";
import { collect, tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { SiteTap } from "./layers.ts";
import { embedding, gatedMlp, layerNorm, linear, mlp, rmsNorm } from "./layers.ts";

// float32 sums of at most 8 terms of order 1
const TOLERANCE = 1e-6;
const rows = (x: Tensor): Promise<ArrayLike<number>> => x.numbers();

test("linear multiplies by rows of the weight and adds the bias", async () => {
  const weight = tensor([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  expect(await linear(tensor([[1, -1]]), { weight }).data()).toEqual(Float32Array.of(-1, -1, -1));
  const bias = tensor([1, 2, 3]);
  expect(await linear(tensor([[1, -1]]), { weight, bias }).data()).toEqual(
    Float32Array.of(0, 1, 2),
  );
});

test("embedding looks up rows and keeps the axes of the ids", async () => {
  const table = tensor([
    [1, 2],
    [3, 4],
  ]);
  const found = embedding(tensor([[1, 0, 1]], { dtype: "int32" }), table);
  expect(found.shape).toEqual([1, 3, 2]);
  expect(await found.data()).toEqual(Float32Array.of(3, 4, 1, 2, 3, 4));
});

describe("norms", () => {
  const x = tensor([[1, 2, 3, 6]]);
  const weight = tensor([1, 2, 3, 4]);
  const bias = tensor([0, 1, 0, -1]);

  test("layer norm subtracts the mean and divides by the standard deviation", async () => {
    // mean 3, variance 14/4
    const scale = 1 / Math.sqrt(3.5 + 0.1);
    const want = [-2, -2 + 1 / scale, 0, 12 - 1 / scale].map((value) => value * scale);
    expect(
      maxDifference(await rows(layerNorm(0.1)(x, { weight, bias })), want),
    ).toBeLessThanOrEqual(TOLERANCE);
  });

  test("rms norm divides by the root of the mean square", async () => {
    const scale = 1 / Math.sqrt(50 / 4 + 0.1);
    const want = [1, 4, 9, 24].map((value) => value * scale);
    expect(maxDifference(await rows(rmsNorm(0.1)(x, { weight })), want)).toBeLessThanOrEqual(
      TOLERANCE,
    );
  });

  test.each([
    ["layer norm", layerNorm(1e-5), { weight, bias }],
    ["layer norm without bias", layerNorm(1e-5), { weight }],
    ["rms norm", rmsNorm(1e-5), { weight }],
  ])("%s through its tap gives what the fused kernel gives", async (_name, norm, params) => {
    const same: SiteTap = (_site, value) => value.add(0);
    expect(
      maxDifference(await rows(norm(x, params, same)), await rows(norm(x, params))),
    ).toBeLessThanOrEqual(TOLERANCE);
  });

  test("an edit of normalized comes before gain and bias", async () => {
    const { tap } = recorder({ normalized: (value) => value.onesLike() });
    expect(await layerNorm(1e-5)(x, { weight, bias }, tap).data()).toEqual(
      Float32Array.of(1, 3, 3, 3),
    );
    expect(await rmsNorm(1e-5)(x, { weight }, tap).data()).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  test("an unedited norm is one fused op", () => {
    const { tap } = recorder();
    const nodes = collect([layerNorm(1e-5)(x, { weight, bias }, tap)]).nodes;
    expect(nodes.map(({ op }) => op.name)).toEqual(["layerNorm"]);
  });
});

describe("multilayer perceptrons", () => {
  const x = tensor([[[1, -2]]]);
  const up = {
    weight: tensor([
      [1, 0],
      [0, 1],
      [1, 1],
    ]),
  };
  const down = { weight: tensor([[1, 1, 1]]), bias: tensor([10]) };
  const relu = (value: Tensor): Tensor => value.relu();

  test("an MLP applies its function between two linear maps, and names both sides", async () => {
    const { tap, sites } = recorder();
    expect(await mlp(x, { in: up, out: down }, relu, tap).data()).toEqual(Float32Array.of(11));
    expect(await sites.get("pre")!.data()).toEqual(Float32Array.of(1, -2, -1));
    expect(await sites.get("post")!.data()).toEqual(Float32Array.of(1, 0, 0));
  });

  test("a gated MLP applies its function to the gates alone", async () => {
    const gate = {
      weight: tensor([
        [2, 0],
        [0, 2],
        [0, -1],
      ]),
    };
    const { tap, sites } = recorder();
    expect(await gatedMlp(x, { in: up, out: down, gate }, relu, tap).data()).toEqual(
      Float32Array.of(10),
    );
    expect(await sites.get("gate")!.data()).toEqual(Float32Array.of(2, -4, 2));
    expect(await sites.get("pre")!.data()).toEqual(Float32Array.of(1, -2, -1));
    expect(await sites.get("post")!.numbers()).toEqual(Float32Array.of(2, -0, -2));
  });

  test("an edit of hidden units goes on to the output", async () => {
    const { tap } = recorder({ post: (post) => post.onesLike() });
    expect(await mlp(x, { in: up, out: down }, relu, tap).data()).toEqual(Float32Array.of(13));
  });
});
