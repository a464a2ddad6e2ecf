import { beforeAll, describe, expect, test } from "vitest";

import { tinyNetwork } from "../../../test/tiny.ts";
import { Rng } from "../../core/rng.ts";
import { loadNetwork } from "../../index.ts";
import { tensor } from "../../runtime/index.ts";
import type { Tensor } from "../../runtime/index.ts";
import { doseCurveSchema, interventionSet } from "../../values/index.ts";
import type { DoseCurve, InterventionSet } from "../../values/index.ts";
import { moodPairs, neutralPrompts, storiesSample } from "../../worlds/index.ts";
import { LanguageNetwork } from "../language.ts";
import { doseCurve } from "./dose-curve.ts";
import { judged, matches, preference } from "./effect.ts";

const adding = (site: string, vector: Float32Array): InterventionSet =>
  interventionSet({ interventions: [{ kind: "add", site, vector }] });

describe("of a network that reads one token and is linear in it", () => {
  const [dVocab, dModel] = [12, 32];
  const rng = new Rng(5);
  const [embed, unembed] = [rng.normals(dVocab * dModel), rng.normals(dVocab * dModel)];
  const planted = new LanguageNetwork({
    name: "planted",
    config: { nLayers: 0, nHeads: 1, dModel, dHead: 1, dVocab, nCtx: 64 },
    params: {
      embed: tensor(embed, { shape: [dVocab, dModel] }),
      unembed: tensor(unembed, { shape: [dVocab, dModel] }),
    },
    forward: (params: Record<"embed" | "unembed", Tensor>, { tokens }, tap) =>
      tap("embed", params.embed.gather(tokens, { axis: 0 })).matmul(params.unembed, {
        transposeB: true,
      }),
  });
  const row = (id: number): Float32Array => unembed.subarray(id * dModel, (id + 1) * dModel);
  const difference = row(3).map((x, i) => x - row(4)[i]!);
  const [prompts, positive, negative] = [[[1], [2], [7, 5]], [3], [4]];
  const effect = preference({ prompts, positive, negative, already: 9 });
  const strengths = [-0.2, -0.1, 0.1, 0.2, 0.4];
  const options = { effect, strengths, neutral: [[8, 1, 6, 9]], maxTokens: 4 };

  test("the effect is the straight line that was planted", async () => {
    const { points, baseline } = await doseCurve(planted, adding("embed", difference), options);
    // log p(3) - log p(4) = x . (u3 - u4), so the slope is |u3 - u4| ** 2
    const slope = difference.reduce((sum, x) => sum + x * x, 0);
    for (const { strength, effect: found } of points) {
      // 1e-4: float32 logits of up to 50
      expect(Math.abs(found - (baseline! + strength * slope))).toBeLessThan(1e-4);
    }
  });

  test("the effect of random directions is their component along the planted one, with its spread", async () => {
    const curve = await doseCurve(planted, adding("embed", difference), {
      ...options,
      random: 40,
    });
    const { points, baseline } = curve;
    const slope = difference.reduce((sum, x) => sum + x * x, 0);
    const { randomEffect, randomSpread } = points.find(({ strength }) => strength === 0.4)!;
    // the cosine of random directions has standard deviation 1 / sqrt(32); 40 of them know it to 11 %
    const spread = (0.4 * slope) / Math.sqrt(dModel);
    expect(randomSpread! / spread).toBeGreaterThan(0.65);
    expect(randomSpread! / spread).toBeLessThan(1.35);
    expect(Math.abs(randomEffect! - baseline!)).toBeLessThan((3 * spread) / Math.sqrt(40));
    expect(curve.measured!.randomDirections).toBe(40);
  });

  test("zero is among the points, does nothing, and random directions do nothing there either", async () => {
    const { points, baseline } = await doseCurve(planted, adding("embed", difference), options);
    expect(points.map(({ strength }) => strength)).toEqual([-0.2, -0.1, 0, 0.1, 0.2, 0.4]);
    const [plain] = await effect.measure(planted, { interventions: [], strengths: [0] }, {});
    const mean = plain!.values.reduce((sum, x) => sum + x, 0) / prompts.length;
    const zero = points[2]!;
    expect(zero.effect).toBe(baseline);
    expect(baseline).toBeCloseTo(mean, 5); // 5: float32, another batch
    expect(zero.randomEffect).toBeCloseTo(baseline!, 12);
    expect(zero.randomSpread).toBeCloseTo(0, 12);
  });
});

describe("is measured", () => {
  const site = "blocks.0.resid_post";
  const set = adding(site, new Rng(3).normals(16));
  const score = (text: string): number => text.length;
  const effect = judged({ prompts: [[1], [2, 3]], metric: "letters", already: 99, score });
  const options = { effect, strengths: [-1, 1], neutral: [[3, 1, 4, 1]], maxTokens: 5, seed: 6 };
  let net: LanguageNetwork;
  beforeAll(async () => {
    const words = Array.from({ length: 19 }, (_, i) => "x".repeat(i + 1));
    net = await tinyNetwork("gpt2", { words });
  });

  test("the same by the same seed, and otherwise by another", async () => {
    const first = await doseCurve(net, set, options);
    expect(await doseCurve(net, set, options)).toEqual(first);
    expect((await doseCurve(net, set, { ...options, seed: 7 })).points).not.toEqual(first.points);
  });

  test("in steps that are told, up to the end", async () => {
    const heard: { what: string; done: number }[] = [];
    await doseCurve(net, set, {
      ...options,
      random: 2,
      onProgress: (progress) => heard.push(progress),
    });
    expect([...new Set(heard.map(({ what }) => what))]).toEqual([
      "effect",
      "random direction 1 of 2",
      "random direction 2 of 2",
      "perplexity",
      "repetition",
    ]);
    const shares = heard.map(({ done }) => done);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  });

  test("with what it was measured by, as JSON can hold it", async () => {
    const curve = await doseCurve(net, set, { ...options, bounds: { perplexity: 3 } });
    expect(curve).toMatchObject({
      metric: "letters",
      bounds: { perplexity: 3, repetition: 0.3 },
      measured: { neutralTexts: 1, randomDirections: 3, maxTokens: 5, temperature: 1, seed: 6 },
    });
    expect(doseCurveSchema.parse(JSON.parse(JSON.stringify(curve)))).toEqual(curve);
  });

  test("without a control where nothing can be drawn at random, or none is asked for", async () => {
    const scaled = interventionSet({ interventions: [{ kind: "scale", site, gain: 0.5 }] });
    for (const curve of [
      await doseCurve(net, scaled, options),
      await doseCurve(net, set, { ...options, random: 0 }),
    ]) {
      expect(curve.measured!.randomDirections).toBe(0);
      expect(curve.points.some(({ randomEffect }) => randomEffect !== undefined)).toBe(false);
    }
    const single = await doseCurve(net, set, { ...options, random: 1 });
    expect(single.points[0]).toHaveProperty("randomEffect");
    expect(single.points[0]).not.toHaveProperty("randomSpread");
  });

  test("only if the plain network does not show the effect already", async () => {
    const showing = matches({ prompts: [[1], [2, 3]], pattern: /^/ });
    await expect(doseCurve(net, set, { ...options, effect: showing })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: doseCurve: without the interventions the share of continuations of 2 prompts that match /^/ (0 to 1) is 1 already, above 0.5, so they could prove nothing.
        fix: use prompts after which the network does otherwise, or turn the effect round.]
    `);
    const preferring = preference({ prompts: [[1]], positive: [5], negative: [6], already: -9 });
    await expect(doseCurve(net, set, { ...options, effect: preferring })).rejects.toThrow(
      /is -?\d\.\d+ already, above -9, so they could prove nothing\./,
    );
  });

  test.each<[string, object]>([
    ["no strength", { strengths: [0] }],
    ["a strength that is no number", { strengths: [1, Number.NaN] }],
    ["half a random direction", { random: 0.5 }],
    ["a perplexity bound below 1", { bounds: { perplexity: 0.5 } }],
    ["a repetition bound that is no share", { bounds: { repetition: 2 } }],
    ["no neutral text", { neutral: [] }],
  ])("and with %s is refused in words", async (_, change) => {
    let message = "";
    try {
      await doseCurve(net, set, { ...options, ...change });
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatchSnapshot();
  });

  test("and where the network's numbers overflow is refused with the strength", async () => {
    const huge = preference({ prompts: [[1]], positive: [5], negative: [6], already: 99 });
    const measuring = doseCurve(net, adding("logits", new Float32Array(23).fill(1e38)), {
      ...options,
      effect: huge,
      strengths: [1, 1e4],
    });
    await expect(measuring).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: doseCurve: at strength 10000 the effect is NaN: the network's numbers overflow.
        fix: leave out strengths this large.]
    `);
  });
});

describe("of the mood of stories", () => {
  const site = "blocks.1.resid_post";
  const endings = [
    ["smiled until the evening.", "frowned until the evening."],
    ["laughed all the way home.", "cried all the way home."],
    ["felt lucky.", "felt unlucky."],
  ] as const;

  /** The curve of a direction made of half the difference between happy and sad beginnings, and of one that means nothing. */
  async function curves(seed: number): Promise<{ mood: DoseCurve; nothing: DoseCurve }> {
    const net = await loadNetwork("organism:stories");
    const rng = new Rng(seed);
    const pairs = moodPairs(rng.split("pairs"), 24);
    const centre = (texts: readonly string[]): Tensor =>
      net.trace(texts).at(site).slice({ axis: 1, start: -1 }).squeeze(1).mean({ axis: 0 });
    const half = centre(pairs.map(({ happy }) => happy))
      .sub(centre(pairs.map(({ sad }) => sad)))
      .mul(0.5);
    const direction = Float32Array.from(await half.numbers());
    const drawn = rng.split("nothing").normals(direction.length);
    const factor = Math.hypot(...direction) / Math.hypot(...drawn);
    const prompts = neutralPrompts(rng.split("prompts"), 9);
    const side = (i: 0 | 1): string[] => prompts.map((_, p) => `She ${endings[p % 3]![i]}`);
    const gifts = rng.split("neutral");
    const options = {
      effect: preference({ prompts, positive: side(0), negative: side(1) }),
      strengths: [-16, -4, -2, 2, 4, 16],
      random: 5,
      neutral: Array.from(
        { length: 8 },
        () => storiesSample(gifts, { split: "heldOut", kind: "gift" }).text,
      ),
      maxTokens: 8,
      seed,
    };
    return {
      mood: await doseCurve(net, adding(site, direction), options),
      nothing: await doseCurve(
        net,
        adding(
          site,
          drawn.map((x) => x * factor),
        ),
        options,
      ),
    };
  }

  // Of 16 seeds, 16 had this band above zero and 15 the one below; random directions had none on 31 of 32 sides, as a test at 5 % for
  // each strength leaves it. These are the first three.
  test.each([1, 2, 3])(
    "a mood direction acts beyond random ones before texts fall apart, and a random one does not (seed %i)",
    async (seed) => {
      const { mood, nothing } = await curves(seed);
      expect(mood.band).toEqual([2, 4]);
      expect(mood.bandBelow).toEqual([-4, -2]);
      expect(mood.collapse).toBe(16);
      expect(mood.collapseBelow).toBe(-16);
      const effects = mood.points.map(({ effect }) => effect);
      expect(effects).toEqual(effects.toSorted((a, b) => a - b));
      const [zero, four] = [0, 4].map((at) => mood.points.find((one) => one.strength === at)!);
      expect(four!.effect - zero!.effect).toBeGreaterThan(0.3);
      expect(nothing.band).toBeUndefined();
      expect(nothing.bandBelow).toBeUndefined();
    },
  );
});
