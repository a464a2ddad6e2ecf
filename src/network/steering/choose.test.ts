import { beforeAll, describe, expect, test } from "vitest";

import { tinyNetwork } from "../../../test/tiny.ts";
import { Rng } from "../../core/rng.ts";
import { loadNetwork } from "../../index.ts";
import { doseCurveSchema, normOf } from "../../values/index.ts";
import type { DoseCurve, InterventionSet } from "../../values/index.ts";
import { moodOf, moodPairs, moodPrompts, neutralPrompts } from "../../worlds/index.ts";
import type { LanguageNetwork } from "../language.ts";
import { learnSteering } from "./choose.ts";
import type { LearnSteeringOptions } from "./choose.ts";
import type { DoseCurveOptions } from "./dose-curve.ts";
import { judged, preference } from "./effect.ts";

const words = Array.from({ length: 19 }, (_, i) => `w${i}`);
const contrast = {
  positive: words.slice(0, 8).map((word) => `${word} w16`),
  negative: words.slice(8, 16).map((word) => `${word} w17`),
};
const effect = judged({ prompts: ["w1"], metric: "none", already: 1, score: () => 0 });

/** A curve that is known: the effect is the strength, `most[site]` the last strength before texts fall apart. */
function knownCurve(most: Readonly<Record<string, number>>) {
  const asked: { set: InterventionSet; options: DoseCurveOptions }[] = [];
  const curve = async (
    _: LanguageNetwork,
    set: InterventionSet,
    options: DoseCurveOptions,
  ): Promise<DoseCurve> => {
    asked.push({ set, options });
    options.onProgress?.({ what: "effect", done: 1 });
    const points = options.strengths.map((strength) => ({ strength, effect: strength }));
    const end = most[set.interventions[0]!.site] ?? 0;
    const band = end === 0 ? {} : { band: [options.strengths[0]!, end] as [number, number] };
    return doseCurveSchema.parse({ metric: "known", points, ...band });
  };
  return { curve, asked };
}

async function choose(
  most: Readonly<Record<string, number>>,
  options: Partial<LearnSteeringOptions> = {},
) {
  const net = await tinyNetwork("gpt2", { words });
  const { curve, asked } = knownCurve(most);
  const given = { contrast, effect, neutral: ["w1 w2"], strengths: [1, 2, 4], curve, seed: 3 };
  return { found: await learnSteering(net, { ...given, ...options }), asked };
}

test("the site whose usable band holds the largest effect is taken, at that strength, which becomes 1", async () => {
  const { found } = await choose({ "blocks.0.resid_post": 4, "blocks.1.resid_post": 2 });
  expect(found).toMatchObject({ site: "blocks.0.resid_post", strength: 4, isUsable: true });
  expect(found.candidates[0]).toMatchObject({
    site: "blocks.0.resid_post",
    best: { strength: 4, effect: 4 },
  });
  expect(found.candidates[1]!.best).toEqual({ strength: 2, effect: 2 });
  const [added] = found.set.interventions;
  expect(added).toMatchObject({ kind: "add", site: "blocks.0.resid_post", scale: 4 });
  expect(found.set.curve!.points.map(({ strength }) => strength)).toEqual([0.25, 0.5, 1]);
  expect(found.set.curve!.band).toEqual([0.25, 1]);
  const other = await choose({ "blocks.0.resid_post": 1, "blocks.1.resid_post": 2 });
  expect(other.found).toMatchObject({ site: "blocks.1.resid_post", strength: 2 });
});

test("where no band is usable it says so, and gives the site that ranks best at strength 1", async () => {
  const { found } = await choose({});
  expect(found).toMatchObject({ strength: 1, isUsable: false });
  const shifts = found.candidates.map(({ shiftNats }) => shiftNats);
  expect(shifts[0]).toBeGreaterThan(shifts[1]!);
  expect(found.site).toBe(found.candidates[0]!.site);
  expect(found.set.curve!.points.map(({ strength }) => strength)).toEqual([1, 2, 4]);
});

test("curves are made for the best sites alone, and hear every option", async () => {
  const progress: string[] = [];
  const { found, asked } = await choose(
    { "blocks.0.resid_post": 4, "blocks.1.resid_post": 4 },
    {
      sites: ["blocks.*.resid_post", "blocks.*.mlp_out"],
      tries: 2,
      random: 1,
      maxTokens: 7,
      onProgress: ({ what, done }) => progress.push(`${what} ${done}`),
    },
  );
  expect(found.candidates).toHaveLength(4);
  const measured = found.candidates.filter(({ curve }) => curve !== undefined);
  const [least] = measured.map(({ shiftNats }) => shiftNats).toSorted((a, b) => a - b);
  for (const { shiftNats, curve } of found.candidates)
    expect(curve === undefined ? shiftNats <= least! : shiftNats >= least!).toBe(true);
  expect(asked.map(({ set }) => set.interventions[0]!.site)).toHaveLength(2);
  expect(asked[0]!.options).toMatchObject({ random: 1, maxTokens: 7, seed: 3, effect });
  expect(progress.map((line) => line.replace(/.*: /, ""))).toEqual(["effect 0.5", "effect 1"]);
});

test("the method gradient trains at the best sites only, and its own direction is measured and returned", async () => {
  const gradient = { steps: 4, maxNorm: 0.25 };
  const options = { method: "gradient", gradient, tries: 1 } as const;
  const { found, asked } = await choose(
    { "blocks.0.resid_post": 1, "blocks.1.resid_post": 1 },
    options,
  );
  expect(asked).toHaveLength(1);
  expect(found.direction.method).toBe("gradient");
  expect(normOf(found.direction.vector)).toBeLessThanOrEqual(0.25 * (1 + 1e-5));
  expect(found.candidates.map(({ quality }) => quality.lossNats !== undefined)).toEqual([
    true,
    false,
  ]);
});

test("a seed gives the same choice again", async () => {
  const most = { "blocks.0.resid_post": 4, "blocks.1.resid_post": 4 };
  const [first, again] = [await choose(most), await choose(most)];
  expect(again.found).toEqual(first.found);
  const other = await choose(most, { seed: 4 });
  expect(other.found.direction.vector).not.toEqual(first.found.direction.vector);
});

test("what cannot be chosen from is refused", async () => {
  await expect(choose({}, { tries: 0 })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: learnSteering: tries is 0, not a whole number from 1.]`,
  );
  const single = { positive: ["w1", "w2"], negative: ["w3"] };
  await expect(choose({}, { contrast: single })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnSteering: there are 2 positive and 1 negative texts, but a site is chosen with texts that nothing was learnt from.
      fix: give two of each kind or more, or choose the site and use learnDirection.]
  `);
  await expect(choose({}, { sites: "blocks.*.nothing" })).rejects.toThrow(/no site of tiny-gpt2/);
});

describe("on the organism, whose stories have moods", () => {
  let net: LanguageNetwork;
  beforeAll(async () => {
    net = await loadNetwork("organism:stories");
  });
  const short = (prompts: readonly string[]): string[] =>
    prompts.filter((prompt) => net.tokenizer.encode(prompt).length <= 44);
  const steeringOptions = (seed: number): LearnSteeringOptions => {
    const pairs = moodPairs(new Rng(seed), 24);
    return {
      contrast: {
        positive: pairs.map(({ happy }) => happy),
        negative: pairs.map(({ sad }) => sad),
      },
      effect: preference({
        prompts: short(neutralPrompts(new Rng(200 + seed), 32)).slice(0, 16),
        positive: "What a wonderful day!",
        negative: "What a terrible day!",
      }),
      neutral: neutralPrompts(new Rng(300 + seed), 6),
      strengths: [1, 2, 4],
      tries: 2,
      maxTokens: 20,
      seed,
    };
  };

  test.each([1, 2, 3])(
    "the chosen set turns stories that nothing was chosen with (seed %i)",
    async (seed) => {
      const found = await learnSteering(net, steeringOptions(seed));
      expect(found.isUsable).toBe(true);
      const prompts = short(neutralPrompts(new Rng(400 + seed), 40)).slice(0, 24);
      const happy = async (strength: number): Promise<number> => {
        const how = { maxTokens: 20, temperature: 1, seed, interventions: [found.set], strength };
        const endings = await net.complete(prompts, how);
        return endings.filter((ending) => moodOf(ending) === "happy").length / endings.length;
      };
      const [steered, plain, opposed] = [await happy(1), await happy(0), await happy(-1)];
      expect(steered).toBeGreaterThan(plain);
      expect(steered).toBeGreaterThan(0.8);
      expect(opposed).toBeLessThan(plain);
      expect(opposed).toBeLessThan(0.2);
    },
  );

  test("a network that shows the effect without steering is refused", async () => {
    const happy = moodPrompts(new Rng(5), 24).filter(({ mood }) => mood === "happy");
    const prompts = short(happy.map(({ prompt }) => prompt)).slice(0, 8);
    const sides = { positive: "What a wonderful day!", negative: "What a terrible day!" };
    const shown = preference({ prompts, ...sides });
    const steering = learnSteering(net, { ...steeringOptions(1), effect: shown, tries: 1 });
    await expect(steering).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: doseCurve: without the interventions the log-probability of "What a wonderful day!" over "What a terrible day!" after 8 prompts (nats per token) is 1.58 already, above 0.693, so they could prove nothing.
        fix: use prompts after which the network does otherwise, or turn the effect round.]
    `);
  });
});
