import { beforeAll, describe, expect, test } from "vitest";

import type { LanguageNetwork } from "../network/language.ts";
import { languageGpt2 } from "./language-gpt2.ts";
import { language } from "./language.ts";
import { trainOrganism } from "./train.ts";

const text = "dog red , cat blue , horse green , cow black , dog";
const site = "blocks.0.attn.pattern";

// words stand behind <bos>
const [first, again] = [1, 13];

describe.each([
  { organism: language, backs: [1, 2, 3, 4], least: 0.9, mean: 0.95 },
  { organism: languageGpt2, backs: [1, 2, 3], least: 0.3, mean: 0.75 },
])("before $organism.name is trained", ({ organism, backs, least, mean }) => {
  let looks: number[][][];
  beforeAll(async () => {
    looks = await looksOf(organism);
  });

  test.each(backs.map((back, head) => ({ back, head })))(
    "one head sees $back words back, whatever stands there",
    ({ back, head }) => {
      const seen = looks[head]!.slice(back).map((keys, i) => keys[i]!);
      expect(Math.min(...seen)).toBeGreaterThan(least);
      expect(seen.reduce((sum, look) => sum + look, 0) / seen.length).toBeGreaterThan(mean);
    },
  );

  test("the other heads see their own word, here and where it stood before", () => {
    const others = looks.slice(backs.length);
    expect(others).not.toEqual([]);
    for (const ofHead of others) {
      const keys = ofHead[again]!;
      const elsewhere = keys.filter((_, place) => place !== first && place !== again);
      expect(keys[first]!).toBeGreaterThan(2 * Math.max(...elsewhere));
    }
  });
});

/** How much each token looks at each other one before training, by head, query and key. */
async function looksOf(organism: typeof language): Promise<number[][][]> {
  const net = (await trainOrganism(organism, { steps: 0 })).network() as LanguageNetwork;
  const pattern = (await net.run(text, { capture: site })).at(site);
  const [, heads, count] = pattern.shape as [number, number, number];
  const numbers = [...(await pattern.numbers())];
  return Array.from({ length: heads }, (_, head) =>
    Array.from({ length: count }, (__, query) => {
      const start = (head * count + query) * count;
      return numbers.slice(start, start + count);
    }),
  );
}
