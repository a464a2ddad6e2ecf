import { describe, expect, test } from "vitest";

import { maxDifference } from "../../test/tiny.ts";
import { collect, ones, randn, tensor, zeros } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { AttentionParams, SiteTap } from "./layers.ts";
import {
  attention,
  causalBias,
  embedding,
  gatedMlp,
  layerNorm,
  linear,
  mlp,
  paddedCausalBias,
  rmsNorm,
  rotaryAngles,
  rotate,
} from "./layers.ts";

// float32 sums of at most 8 terms of order 1
const TOLERANCE = 1e-6;
const rows = (x: Tensor): Promise<ArrayLike<number>> => x.numbers();

/** Records every site, and edits those of `edits`. */
function recorder(edits: Readonly<Record<string, (x: Tensor) => Tensor>> = {}): {
  tap: SiteTap;
  sites: Map<string, Tensor>;
} {
  const sites = new Map<string, Tensor>();
  const tap: SiteTap = (name, x) => {
    const value = edits[name]?.(x) ?? x;
    sites.set(name, value);
    return value;
  };
  return { tap, sites };
}

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

describe("rotary positions", () => {
  const positions = tensor([[0, 1, 5]], { dtype: "int32" });

  test("position 0 is not turned, and a quarter turn swaps the halves of a pair", async () => {
    const quarter = Float32Array.of(Math.PI / 2);
    const x = tensor([[[[2, 3]], [[2, 3]], [[2, 3]]]]);
    const turned = await rows(rotate(x, rotaryAngles(positions, quarter)));
    // the angle 5 pi / 2 is off by half a unit of its last place, 5e-7, times 3
    expect(maxDifference(turned, [2, 3, -3, 2, -3, 2])).toBeLessThanOrEqual(2e-6);
  });

  test("turning keeps lengths, and products depend on the distance of positions alone", async () => {
    const frequencies = Float32Array.of(1, 0.3);
    const q = randn([1, 1, 1, 4], { seed: 1 });
    const k = randn([1, 1, 1, 4], { seed: 2 });
    const dot = async (at: number, other: number): Promise<number> => {
      const turn = (x: Tensor, i: number): Tensor =>
        rotate(x, rotaryAngles(tensor([[i]], { dtype: "int32" }), frequencies));
      return turn(q, at).mul(turn(k, other)).sum().item();
    };
    expect(Math.abs((await dot(3, 1)) - (await dot(12, 10)))).toBeLessThanOrEqual(1e-5);
    expect(Math.abs((await dot(3, 1)) - (await dot(3, 2)))).toBeGreaterThan(0.01);
    const turned = rotate(q, rotaryAngles(tensor([[7]], { dtype: "int32" }), frequencies));
    expect(
      Math.abs((await turned.square().sum().item()) - (await q.square().sum().item())),
    ).toBeLessThanOrEqual(1e-5);
  });
});

describe("masks", () => {
  test("a query sees its own key and earlier ones", async () => {
    const bias = causalBias(3);
    expect(bias.shape).toEqual([1, 1, 3, 3]);
    expect(Array.from(await rows(bias), (value) => (value === 0 ? 1 : 0))).toEqual([
      1, 0, 0, 1, 1, 0, 1, 1, 1,
    ]);
  });

  test("nobody sees padding", async () => {
    const bias = paddedCausalBias([
      [false, true, true],
      [true, true, true],
    ]);
    expect(bias.shape).toEqual([2, 1, 3, 3]);
    const seen = Array.from(await rows(bias), (value) => (value === 0 ? 1 : 0));
    expect(seen.slice(0, 9)).toEqual([0, 0, 0, 0, 1, 0, 0, 1, 1]);
    expect(seen.slice(9)).toEqual([1, 0, 0, 1, 1, 0, 1, 1, 1]);
  });
});

describe("attention", () => {
  const dModel = 8;
  const dHead = 3;
  const projections = (nHeads: number, nKvHeads: number): AttentionParams => {
    const make = (to: number, from: number, seed: number): { weight: Tensor; bias: Tensor } => ({
      weight: randn([to, from], { seed, scale: 0.5 }),
      bias: randn([to], { seed: seed + 1 }),
    });
    return {
      q: make(nHeads * dHead, dModel, 10),
      k: make(nKvHeads * dHead, dModel, 20),
      v: make(nKvHeads * dHead, dModel, 30),
      o: make(dModel, nHeads * dHead, 40),
    };
  };
  const x = randn([2, 4, dModel], { seed: 5 });
  const form = { nHeads: 4, nKvHeads: 2, dHead, mask: causalBias(4) };

  test("equals attention written out with loops, with shared key heads", async () => {
    const params = projections(4, 2);
    const { tap, sites } = recorder();
    const out = attention(x, params, form, tap);
    const [q, k, v, z] = await Promise.all(
      ["q", "k", "v", "z"].map((name) => sites.get(name)!.numbers()),
    );
    const at = (
      data: ArrayLike<number>,
      heads: number,
      [b, pos, head, i]: [number, number, number, number],
    ): number => data[((b * 4 + pos) * heads + head) * dHead + i]!;
    const want: number[] = [];
    for (let b = 0; b < 2; b++)
      for (let pos = 0; pos < 4; pos++)
        for (let head = 0; head < 4; head++) {
          const own = Math.floor(head / 2);
          const weights = Array.from({ length: pos + 1 }, (_, key) => {
            let dot = 0;
            for (let i = 0; i < dHead; i++)
              dot += at(q!, 4, [b, pos, head, i]) * at(k!, 2, [b, key, own, i]);
            return Math.exp(dot / Math.sqrt(dHead));
          });
          const total = weights.reduce((sum, weight) => sum + weight);
          for (let i = 0; i < dHead; i++)
            want.push(
              weights.reduce(
                (sum, weight, key) => sum + (weight / total) * at(v!, 2, [b, key, own, i]),
                0,
              ),
            );
        }
    expect(maxDifference(z!, want)).toBeLessThanOrEqual(1e-5);
    expect(out.shape).toEqual([2, 4, dModel]);
    expect(sites.get("pattern")!.shape).toEqual([2, 4, 4, 4]);
    expect(sites.get("result")!.shape).toEqual([2, 4, 4, dModel]);
  });

  test("equal groups of one are heads of their own", async () => {
    const params = projections(2, 2);
    const alone = attention(x, params, { ...form, nHeads: 2 });
    const byDefault = attention(x, params, { nHeads: 2, dHead, mask: form.mask });
    expect(maxDifference(await rows(alone), await rows(byDefault))).toBeLessThanOrEqual(TOLERANCE);
  });

  test("what the heads write sums to the output without the bias", async () => {
    const params = projections(4, 2);
    const { tap, sites } = recorder();
    const out = attention(x, params, form, tap);
    const sum = sites.get("result")!.sum({ axis: 2 }).add(params.o.bias!);
    expect(maxDifference(await rows(out), await rows(sum))).toBeLessThanOrEqual(1e-5);
  });

  test.each([
    ["pattern", (p: Tensor) => p.mul(0)],
    ["z", (z: Tensor) => z.mul(0)],
    ["result", (result: Tensor) => result.mul(0)],
    ["v", (v: Tensor) => v.mul(0)],
  ])("with %s zeroed the bias is all that is left", async (site, edit) => {
    const params = projections(4, 2);
    const { tap } = recorder({ [site]: edit });
    const noValueBias = { ...params, v: { weight: params.v.weight } };
    const out = attention(x, noValueBias, form, tap);
    expect(
      maxDifference(await rows(out), await rows(params.o.bias!.broadcastTo([2, 4, dModel]))),
    ).toBeLessThanOrEqual(TOLERANCE);
  });

  test("an edit of scores acts before softmax", async () => {
    const first = tensor([100, 0, 0, 0]);
    const { tap, sites } = recorder({ scores: (scores) => scores.add(first) });
    attention(x, projections(4, 2), form, tap);
    const onFirst = sites.get("pattern")!.slice({ axis: -1, end: 1 });
    // exp(-100) beside 1
    expect(maxDifference(await rows(onFirst), await rows(ones([2, 4, 4, 1])))).toBeLessThanOrEqual(
      TOLERANCE,
    );
  });

  test("scale stands in place of 1 / sqrt(dHead)", async () => {
    const params = projections(4, 2);
    const byDefault = attention(x, params, form);
    const given = attention(x, params, { ...form, scale: 1 / Math.sqrt(dHead) });
    expect(maxDifference(await rows(byDefault), await rows(given))).toBeLessThanOrEqual(TOLERANCE);
    const sharper = attention(x, params, { ...form, scale: 3 });
    expect(maxDifference(await rows(byDefault), await rows(sharper))).toBeGreaterThan(0.01);
  });

  test("keys and values from a cache stand before the new ones", async () => {
    const params = projections(4, 2);
    let stored: { k: Tensor; v: Tensor } | undefined;
    const store = (k: Tensor, v: Tensor): void => void (stored = { k, v });
    const start = x.slice({ axis: 1, end: 3 });
    attention(start, params, { ...form, mask: causalBias(3), cache: { past: undefined, store } });
    const last = attention(x.slice({ axis: 1, start: 3 }), params, {
      ...form,
      mask: zeros([1, 1, 1, 4]),
      cache: { past: stored!, store: () => undefined },
    });
    const whole = attention(x, params, form).slice({ axis: 1, start: 3 });
    expect(maxDifference(await rows(last), await rows(whole))).toBeLessThanOrEqual(1e-5);
  });

  test("heads that do not divide into groups are refused", () => {
    expect(() =>
      attention(x, projections(4, 3), { ...form, nKvHeads: 3 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: attention: 4 query heads cannot share 3 key heads in equal groups.]`,
    );
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
