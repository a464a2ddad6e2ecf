import { beforeAll, describe, expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import type { LanguageNetwork } from "../../network/language.ts";
import { answerAccuracy } from "./induction-heads.ts";
import type { Head, HeadScores } from "./induction-heads.ts";
import { repeatedTexts, trainInduction } from "./induction.ts";

const texts = repeatedTexts(new Rng(77), { count: 60, split: "heldOut" });

describe.each([1, 2, 3])("a network trained on repetitions (seed %i)", (seed) => {
  let network: LanguageNetwork;
  let heads: readonly HeadScores[];
  const matching = (): HeadScores[] => heads.filter(({ prefixMatching }) => prefixMatching > 0.5);
  const looksBack = (): HeadScores =>
    heads
      .filter(({ layer }) => layer === 0)
      .toSorted((a, b) => b.previousToken - a.previousToken)[0]!;
  const without = (off: readonly Head[]): Promise<number> => answerAccuracy(network, texts, off);

  beforeAll(async () => {
    ({ network, heads } = await trainInduction({ seed }));
  });

  test("goes on with words in an order that it never saw", async () => {
    expect(await without([])).toBeGreaterThan(0.95);
  });

  test("has heads that match prefixes in its second layer alone", () => {
    expect(matching().length).toBeGreaterThan(0);
    expect(new Set(matching().map(({ layer }) => layer))).toEqual(new Set([1]));
  });

  test("cannot do it without them", async () => {
    expect(await without(matching())).toBeLessThan(0.1);
  });

  test("has a head in its first layer that looks at the token before, and needs it", async () => {
    expect(looksBack().previousToken).toBeGreaterThan(0.5);
    expect(await without([looksBack()])).toBeLessThan(0.5);
  });
});
