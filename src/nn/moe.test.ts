import { expect, test } from "vitest";

import { recorder } from "../../test/recorder.ts";
import { maxDifference } from "../../test/tiny.ts";
import { collect, evaluate, gradients, randn, tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { GatedMlpParams } from "./layers.ts";
import { gatedMlp } from "./layers.ts";
import { NEVER } from "./masks.ts";
import type { MixtureParams, Routing } from "./moe.ts";
import {
  ALWAYS,
  bestGroups,
  mixtureOfExperts,
  sigmoidScores,
  softmaxOfAll,
  softmaxOfChosen,
} from "./moe.ts";

// float32 sums of at most 12 terms of order 1
const TOLERANCE = 2e-6;
const [nExperts, dModel, dMlp, k] = [5, 6, 4, 2];
const silu = (x: Tensor): Tensor => x.silu();
const hidden = (gate: Tensor, pre: Tensor): Tensor => gate.silu().mul(pre);

function expertOf(seed: number): GatedMlpParams {
  const make = (to: number, from: number, own: number) => ({
    weight: randn([to, from], { seed: seed + own }),
    bias: randn([to], { seed: seed + own + 1 }),
  });
  return { gate: make(dMlp, dModel, 1), in: make(dMlp, dModel, 3), out: make(dModel, dMlp, 5) };
}

const params: MixtureParams = {
  router: { weight: randn([nExperts, dModel], { seed: 7 }) },
  experts: Array.from({ length: nExperts }, (_, i) => expertOf(100 * (i + 1))),
};
const x = randn([2, 3, dModel], { seed: 3 });
const form = { k, hidden, routing: softmaxOfChosen };

/** Ids by token, [batch * pos][k]. */
async function idsOf(experts: Tensor): Promise<number[][]> {
  const flat = Array.from(await experts.numbers());
  const size = experts.shape.at(-1)!;
  return Array.from({ length: flat.length / size }, (_, i) => flat.slice(i * size, (i + 1) * size));
}

test("the mixture is the weighted sum of what the chosen experts give by themselves", async () => {
  const { tap, sites } = recorder();
  const out = mixtureOfExperts(x, params, form, tap);
  const ids = await idsOf(sites.get("experts")!);
  const whole = await Promise.all(
    params.experts.map((expert) => gatedMlp(x, expert, silu).numbers()),
  );
  const weights = await sites.get("weights")!.numbers();
  const expected = Array.from({ length: 6 * dModel }, (_, at) => {
    const [token, i] = [Math.floor(at / dModel), at % dModel];
    return ids[token]!.reduce(
      (sum, expert, j) => sum + weights[token * k + j]! * whole[expert]![token * dModel + i]!,
      0,
    );
  });
  expect(maxDifference(Array.from(await out.numbers()), expected)).toBeLessThan(TOLERANCE * 10);
});

test("experts are those with the highest logits, the best first", async () => {
  const { tap, sites } = recorder();
  mixtureOfExperts(x, params, form, tap);
  const logits = await idsOf(sites.get("router_logits")!);
  const expected = logits.map((row) =>
    [...row.keys()].toSorted((a, b) => row[b]! - row[a]!).slice(0, k),
  );
  expect(await idsOf(sites.get("experts")!)).toEqual(expected);
});

/** Two tokens, which use at most four of the five experts. */
const few = x.slice({ axis: 0, end: 1 }).slice({ axis: 1, end: 2 });

async function usedBy(input: Tensor): Promise<ReadonlySet<number>> {
  const { tap, sites } = recorder();
  mixtureOfExperts(input, params, form, tap);
  return new Set((await idsOf(sites.get("experts")!)).flat());
}

test("an expert that no token chose is not computed: its NaN goes nowhere", async () => {
  const used = await usedBy(few);
  const isFinite = async (isSpoilt: (expert: number) => boolean): Promise<boolean> => {
    const experts = params.experts.map((expert, i) => {
      const { weight, bias } = expert.out;
      return isSpoilt(i) ? { ...expert, out: { weight: weight.mul(Number.NaN), bias } } : expert;
    });
    const out = await mixtureOfExperts(few, { ...params, experts }, form).numbers();
    return out.every(Number.isFinite);
  };
  expect(await isFinite((i) => !used.has(i))).toBe(true);
  expect(await isFinite((i) => used.has(i))).toBe(false);
});

test("weights of the chosen add up to 1 among themselves, and to less among all", async () => {
  const sums = async (routing: Routing): Promise<number[]> => {
    const { tap, sites } = recorder();
    mixtureOfExperts(x, params, { ...form, routing }, tap);
    return Array.from(await sites.get("weights")!.sum({ axis: -1 }).numbers());
  };
  for (const sum of await sums(softmaxOfChosen)) expect(sum).toBeCloseTo(1, 6);
  for (const sum of await sums(softmaxOfAll)) expect(sum).toBeLessThan(1);
});

test("a correction changes which experts are chosen, and not what they weigh", async () => {
  const run = async (bias: number[]): Promise<{ ids: number[][]; weights: number[][] }> => {
    const { tap, sites } = recorder();
    const routing = sigmoidScores(tensor(bias), false);
    mixtureOfExperts(x, params, { ...form, routing }, tap);
    const logits = await idsOf(sites.get("router_logits")!);
    const ids = await idsOf(sites.get("experts")!);
    const weights = await idsOf(sites.get("weights")!);
    for (const [token, chosen] of ids.entries())
      for (const [j, expert] of chosen.entries())
        expect(weights[token]![j]).toBeCloseTo(1 / (1 + Math.exp(-logits[token]![expert]!)), 6);
    return { ids, weights };
  };
  const plain = await run([0, 0, 0, 0, 0]);
  const corrected = await run([0, 0, 0, 0, 9]);
  expect(corrected.ids.map(([first]) => first)).toEqual([4, 4, 4, 4, 4, 4]);
  expect(plain.ids).not.toEqual(corrected.ids);
});

test("only experts of the best groups are left", async () => {
  // groups (1, 9), (5, 6), (7, 2): by their largest the first and the last win, by their sums the first and the second
  const scores = tensor([[1, 9, 5, 6, 7, 2]]);
  const left = async (best: number): Promise<number[]> =>
    Array.from(await bestGroups({ count: 3, kept: 2 }, best)(scores).numbers(), (score) =>
      score > NEVER / 2 ? score : -1,
    );
  expect(await left(1)).toEqual([1, 9, -1, -1, 7, 2]);
  expect(await left(2)).toEqual([1, 9, 5, 6, -1, -1]);
});

const groups = { count: 5, kept: 2 };
const routings: Record<string, Routing> = {
  softmaxOfChosen,
  softmaxOfAll,
  sigmoid: sigmoidScores(tensor([0.5, -0.5, 3, 0, 0]), true),
  limited: { ...softmaxOfAll, limit: bestGroups(groups, 1) },
};

test.each(Object.keys(routings))(
  "%s: a marked expert is chosen always or never, and weighs what the best other would",
  async (name) => {
    const { sites, tap } = recorder();
    const on = 1;
    const off = 2;
    const marks = tensor([0, ALWAYS, NEVER, 0, 0]);
    const edited = (site: string, value: Tensor): Tensor =>
      tap(site, site === "router_logits" ? value.add(marks) : value);
    mixtureOfExperts(x, params, { ...form, routing: routings[name]! }, edited);
    const weights = await idsOf(sites.get("weights")!);
    for (const [token, chosen] of (await idsOf(sites.get("experts")!)).entries()) {
      expect(chosen[0]).toBe(on);
      expect(chosen).not.toContain(off);
      expect(weights[token]!.every(Number.isFinite)).toBe(true);
      expect(weights[token]![0]).toBeGreaterThan(0);
    }
  },
);

test("an edit that changes no logit changes nothing", async () => {
  const plain = await mixtureOfExperts(x, params, form).numbers();
  const same = mixtureOfExperts(x, params, form, (_, value) =>
    value.dtype === "float32" ? value.mul(1) : value,
  );
  expect(maxDifference(Array.from(await same.numbers()), Array.from(plain))).toBe(0);
});

test("gradients reach the router, the input and the experts that were used, and no others", async () => {
  const used = await usedBy(few);
  const loss = mixtureOfExperts(few, params, form).square().mean();
  const weights = params.experts.map(({ gate }) => gate.weight);
  const found = gradients(loss, [few, params.router.weight, ...weights]);
  await evaluate(found);
  const [ofInput, ofRouter, ...ofExperts] = await Promise.all(
    found.map((g) => g.abs().max().item()),
  );
  expect(ofInput).toBeGreaterThan(0);
  expect(ofRouter).toBeGreaterThan(0);
  expect(ofExperts.map((size) => size > 0)).toEqual(ofExperts.map((_, i) => used.has(i)));
});

test("the graph has as many nodes with many experts as with few", () => {
  const nodes = (count: number): number => {
    const experts = Array.from({ length: count }, (_, i) => params.experts[i % nExperts]!);
    const router = { weight: params.router.weight.tile([count, 1]) };
    return collect([mixtureOfExperts(x, { router, experts }, form)]).nodes.length;
  };
  expect(nodes(64)).toBe(nodes(4));
});
