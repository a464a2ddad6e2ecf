import { describe, expect, test } from "vitest";

import { recorder } from "../../test/recorder.ts";
import { maxDifference } from "../../test/tiny.ts";
import { concat, ones, randn, tensor, zeros } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { AttentionParams } from "./attention.ts";
import { attention } from "./attention.ts";
import { causalBias } from "./masks.ts";

// float32 sums of at most 8 terms of order 1
const TOLERANCE = 1e-6;
const rows = (x: Tensor): Promise<ArrayLike<number>> => x.numbers();

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
    const store = (k: Tensor, v: Tensor): undefined => void (stored = { k, v });
    const start = x.slice({ axis: 1, end: 3 });
    attention(start, params, { ...form, mask: causalBias(3), cache: { past: undefined, store } });
    const last = attention(x.slice({ axis: 1, start: 3 }), params, {
      ...form,
      mask: zeros([1, 1, 1, 4]),
      cache: { past: stored!, store: () => undefined },
    });
    const whole = attention(x, params, form).slice({ axis: 1, start: 3 });
    expect(maxDifference(await rows(last), await rows(whole))).toBeLessThanOrEqual(1e-5);
    const joined = attention(x.slice({ axis: 1, start: 3 }), params, {
      ...form,
      mask: zeros([1, 1, 1, 4]),
      cache: {
        past: undefined,
        store: (k, v) => ({
          k: concat([stored!.k, k], { axis: 2 }),
          v: concat([stored!.v, v], { axis: 2 }),
        }),
      },
    });
    expect(maxDifference(await rows(joined), await rows(whole))).toBeLessThanOrEqual(1e-5);
  });

  test("heads that do not divide into groups are refused", () => {
    expect(() =>
      attention(x, projections(4, 3), { ...form, nKvHeads: 3 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: attention: 4 query heads cannot share 3 key heads in equal groups.]`,
    );
  });
});
