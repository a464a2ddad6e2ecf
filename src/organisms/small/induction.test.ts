import { beforeAll, describe, expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import type { LanguageNetwork } from "../../network/language.ts";
import { configure } from "../../runtime/index.ts";
import { answerAccuracy } from "./induction-heads.ts";
import type { Head, HeadScores } from "./induction-heads.ts";
import { repeatedTexts, trainInduction } from "./induction.ts";

// graphs this small run hardly faster on more threads
await configure({ threads: 1 });

const texts = repeatedTexts(new Rng(77), { count: 60, split: "heldOut" });

describe.each([1, 2, 3])("a network trained on repetitions (seed %i)", (seed) => {
  let network: LanguageNetwork;
  let heads: readonly HeadScores[];
  const matching = (): HeadScores[] => heads.filter(({ prefixMatching }) => prefixMatching > 0.5);
  const inFirstLayer = (looksBack: boolean): HeadScores[] =>
    heads.filter((one) => one.layer === 0 && one.previousToken > 0.3 === looksBack);
  const without = (off: readonly Head[]): Promise<number> => answerAccuracy(network, texts, off);

  beforeAll(async () => {
    ({ network, heads } = await trainInduction({ seed }));
  }, 180_000);

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

  test("needs the heads of its first layer that look at the token before, and no others", async () => {
    expect(inFirstLayer(true).length).toBeGreaterThan(0);
    expect(await without(inFirstLayer(true))).toBeLessThan(0.25);
    expect(await without(inFirstLayer(false))).toBeGreaterThan(0.95);
  });
});
