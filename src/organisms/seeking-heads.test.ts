import { beforeAll, expect, test } from "vitest";

import type { LanguageNetwork } from "../network/language.ts";
import { language } from "./language.ts";
import { trainOrganism } from "./train.ts";

const text = "dog red , cat blue , horse green , cow black , dog";
const site = "blocks.0.attn.pattern";

/** How much each token looks at each other one before training, by head, query and key. */
let looks: number[][][];
beforeAll(async () => {
  const net = (await trainOrganism(language, { steps: 0 })).network() as LanguageNetwork;
  const pattern = (await net.run(text, { capture: site })).at(site);
  const [, heads, count] = pattern.shape as [number, number, number];
  const numbers = [...(await pattern.numbers())];
  looks = Array.from({ length: heads }, (_, head) =>
    Array.from({ length: count }, (__, query) => {
      const start = (head * count + query) * count;
      return numbers.slice(start, start + count);
    }),
  );
});

test.each([1, 2, 3, 4])(
  "before training head %i sees as many words back, whatever stands there",
  (back) => {
    const within = looks[back - 1]!.slice(back).map((keys, i) => keys[i]!);
    expect(Math.min(...within)).toBeGreaterThan(0.9);
  },
);

test("before training the other heads see their own word, here and where it stood before", () => {
  // words stand behind <bos>
  const [first, again] = [1, 13];
  for (const ofHead of looks.slice(4)) {
    const keys = ofHead[again]!;
    const others = keys.filter((_, place) => place !== first && place !== again);
    expect(keys[first]!).toBeGreaterThan(2 * Math.max(...others));
  }
});
