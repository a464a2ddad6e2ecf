import { beforeAll, describe, expect, test } from "vitest";

import { plantedNetwork } from "../../../test/planted-direction.ts";
import { tinyNetwork } from "../../../test/tiny.ts";
import { Rng } from "../../core/rng.ts";
import { loadNetwork } from "../../index.ts";
import { cosine, normOf } from "../../values/index.ts";
import type { InterventionSet } from "../../values/index.ts";
import { moodOf, moodPairs, neutralPrompts } from "../../worlds/index.ts";
import type { Mood } from "../../worlds/index.ts";
import type { LanguageNetwork } from "../language.ts";
import { learnDirection } from "./learn.ts";
import type { LearnMethod } from "./learn.ts";

const site = "blocks.0.resid_post";
const methods: LearnMethod[] = ["mean-difference", "pca", "probe", "gradient"];
const words = Array.from({ length: 19 }, (_, i) => `w${i}`);

test("half the difference of means of texts that are run one by one is what strength 1 adds", async () => {
  const net = await tinyNetwork("gpt2", { words });
  const contrast = { positive: ["w1 w2", "w3 w4 w5"], negative: ["w6 w7 w8 w9"] };
  const last = async (text: string): Promise<number[]> => {
    const pass = await net.run(text, { capture: site });
    return Array.from(await pass.at(site).slice({ axis: 1, start: -1 }).numbers());
  };
  const [first, second] = [await last("w1 w2"), await last("w3 w4 w5")];
  const expected = (await last("w6 w7 w8 w9")).map(
    (x, i) => ((first[i]! + second[i]!) / 2 - x) / 2,
  );
  const learnt = await learnDirection(net, contrast, { method: "mean-difference", site });
  // 1e-5: float32 sums over the width in another order, since padding changes the graph
  for (const [i, x] of expected.entries()) expect(learnt.vector[i]).toBeCloseTo(x, 5);
  const [added] = learnt.set.interventions;
  expect(added).toMatchObject({ kind: "add", site, scale: 1 });
  expect(added!.kind === "add" && added.vector.data).toEqual(learnt.vector);
  // no text of the only negative one can be held out
  expect(learnt.quality).toMatchObject({ texts: [2, 1], isHeldOut: false });
});

describe.each([1, 2, 3])("planted, seed %i", (seed) => {
  const planted = plantedNetwork(seed);
  const learn = (method: LearnMethod, spread?: number) => {
    const { net, texts } = spread === undefined ? planted : plantedNetwork(seed, spread);
    return learnDirection(net, texts, { method, site, seed });
  };

  test("the difference of means recovers the direction that parts the kinds, at its length", async () => {
    const { vector, quality } = await learn("mean-difference");
    expect(cosine(vector, planted.read)).toBeGreaterThan(0.99);
    expect(normOf(vector) / normOf(planted.read)).toBeGreaterThan(0.95);
    expect(normOf(vector) / normOf(planted.read)).toBeLessThan(1.05);
    expect(quality).toMatchObject({ auc: 1, isHeldOut: true, texts: [15, 15] });
  });

  test("the principal component points to the positive kind, and the other way when the kinds change places", async () => {
    const { vector, quality } = await learn("pca");
    expect(cosine(vector, planted.read)).toBeGreaterThan(0.99);
    expect(quality.explained).toBeGreaterThan(0.8);
    expect(quality.explained).toBeLessThan(1);
    const turned = await learnDirection(
      planted.net,
      { positive: planted.texts.negative, negative: planted.texts.positive },
      { method: "pca", site, seed },
    );
    expect(cosine(turned.vector, planted.read)).toBeLessThan(-0.99);
  });

  test("the probe tells texts apart that it has not seen, and its score is the odds it says", async () => {
    const { vector, quality, probe } = await learn("probe");
    expect(quality.accuracy).toBe(1);
    expect(cosine(vector, planted.read)).toBeGreaterThan(0.9);
    expect(probe).toMatchObject({ kind: "linear", site, threshold: 0 });
    // along the probe lies half the distance of the means, however long its weights are
    const along = vector.reduce((sum, x, i) => sum + x * planted.read[i]!, 0) / normOf(vector);
    expect(normOf(vector) / along).toBeGreaterThan(0.9);
    expect(normOf(vector) / along).toBeLessThan(1.1);
  });

  test("every method gives the same bits again", async () => {
    for (const method of methods) {
      expect((await learn(method)).vector).toEqual((await learn(method)).vector);
    }
  });

  test("kinds that do not differ are told from chance by nothing but luck", async () => {
    const { net, texts } = planted;
    const half = texts.positive.length / 2;
    const [positive, negative] = [texts.positive.slice(0, half), texts.positive.slice(half)];
    for (const method of ["mean-difference", "pca", "probe"] as const) {
      const { quality } = await learnDirection(net, { positive, negative }, { method, site, seed });
      expect(quality.isHeldOut).toBe(true);
      expect(quality.auc).toBeLessThan(0.95);
      expect(quality.auc).toBeGreaterThan(0.05);
    }
  });
});

describe("on the organism, whose stories have moods", () => {
  let net: LanguageNetwork;
  beforeAll(async () => {
    net = await loadNetwork("organism:stories");
  });

  test.each([1, 2, 3])(
    "every method turns the endings of held-out stories either way (seed %i)",
    async (seed) => {
      const pairs = moodPairs(new Rng(seed), 24);
      const contrast = {
        positive: pairs.map(({ happy }) => happy),
        negative: pairs.map(({ sad }) => sad),
      };
      const prompts = neutralPrompts(new Rng(100 + seed), 40)
        .filter((prompt) => net.tokenizer.encode(prompt).length <= 44)
        .slice(0, 24);
      const share = async (mood: Mood, set?: InterventionSet, strength = 0): Promise<number> => {
        const interventions = set === undefined ? [] : [set];
        const how = { maxTokens: 20, temperature: 1, seed, interventions, strength };
        const endings = await net.complete(prompts, how);
        return endings.filter((ending) => moodOf(ending) === mood).length / endings.length;
      };
      const plain = await share("happy");
      expect(plain).toBeGreaterThan(0.25);
      expect(plain).toBeLessThan(0.75);
      for (const method of methods) {
        const { set, quality } = await learnDirection(net, contrast, {
          method,
          site: "blocks.1.resid_post",
          seed,
          gradient: { steps: 30 },
        });
        expect(await share("happy", set, 3)).toBeGreaterThan(0.8);
        expect(await share("sad", set, -3)).toBeGreaterThan(0.8);
        expect(quality.auc).toBeGreaterThan(0.65);
        expect(quality.lossNats?.after ?? 0).toBeLessThan(0.69);
      }
    },
  );
});

test("the set says which network it was made for", async () => {
  const { net, texts } = plantedNetwork(1);
  const method = "mean-difference";
  const { set } = await learnDirection(net, texts, { method, site });
  expect(set.madeFor).toEqual(await net.identity());
  expect(set.madeFor).toMatchObject({ network: "planted", dModel: 24 });
  const madeFor = { network: "another", hash: "abc", dModel: 24 };
  const other = await learnDirection(net, texts, { method, site, madeFor });
  expect(other.set.madeFor).toEqual(madeFor);
});

test("a gradient direction is no longer than it may be", async () => {
  const { net, texts } = plantedNetwork(2);
  const contrast = {
    pairs: texts.positive
      .slice(0, 8)
      .map((prompt) => ({ prompt, positive: " good", negative: " bad" })),
  };
  const long = await learnDirection(net, contrast, { method: "gradient", site });
  const means = await learnDirection(net, contrast, { method: "mean-difference", site });
  expect(normOf(long.vector)).toBeLessThanOrEqual(normOf(means.vector) * (1 + 1e-5));
  const gradient = { maxNorm: 0.5 };
  const short = await learnDirection(net, contrast, { method: "gradient", site, gradient });
  expect(normOf(short.vector)).toBeLessThanOrEqual(0.5 * (1 + 1e-5));
  expect(normOf(short.vector)).toBeGreaterThan(0.45);
});

test("what no direction can be learnt from is refused", async () => {
  const net = await tinyNetwork("gpt2", { words });
  const learn = (method: LearnMethod, options: object = {}, positive = ["w1", "w2"]) =>
    learnDirection(net, { positive, negative: ["w1"] }, { method, site, ...options });
  for (const method of ["mean-difference", "pca", "probe", "gradient"] as const) {
    await expect(learn(method, {}, ["w1"])).rejects.toThrow(/equal means at "blocks.0.resid_post"/);
  }
  await expect(learn("probe", {}, ["w1"])).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnDirection: the two kinds of texts have equal means at "blocks.0.resid_post", so there is no direction.
      fix: use texts that differ where they are read, or a site after the token embedding.]
  `);
  await expect(learn("pca")).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnDirection: the method "pca" compares texts in pairs, but there are 2 positive texts and 1 negative text.
      fix: give as many of each, the first with the first, or use the method "mean-difference" or "probe".]
  `);
  await expect(learn("gradient")).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnDirection: the method "gradient" compares texts in pairs, but there are 2 positive texts and 1 negative text.
      fix: give as many of each, the first with the first, or use the method "mean-difference" or "probe".]
  `);
  await expect(learn("probe", { l2: 0 })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnDirection: l2 is 0, not a number above 0.
      fix: leave it out for 0.01; without a penalty, a probe of kinds that lie apart grows without end.]
  `);
  await expect(learn("pca", { holdOut: 1 })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: learnDirection: holdOut is 1, not in [0, 1).]`,
  );
  await expect(learn("pca", { site: "blocks.7.mlp_out" })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnDirection: tiny-gpt2 has no site "blocks.7.mlp_out": its blocks are 0..1.
      fix: the nearest are "blocks.0.mlp_out", "blocks.1.mlp_out", "blocks.0.mlp.post"; all 36 are listed by \`patchclamp sites\`.]
  `);
  await expect(learn("pca", { site: "blocks.*.mlp_out" })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnDirection: "blocks.*.mlp_out" matches 2 sites of tiny-gpt2, where one is meant.
      fix: name one of them, such as "blocks.0.mlp_out".]
  `);
});
