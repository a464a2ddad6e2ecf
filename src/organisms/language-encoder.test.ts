import { beforeAll, expect, test } from "vitest";

import type { EncoderNetwork } from "../network/encoder.ts";
import { languageEncoder } from "./language-encoder.ts";
import { trainOrganism } from "./train.ts";

const text = "dog red , cat <mask> . cat";
const site = "blocks.0.attn.pattern";

/** How much each token looks at each other one before training, by head, query and key. */
let looks: number[][][];
beforeAll(async () => {
  const net = (await trainOrganism(languageEncoder, { steps: 0 })).network() as EncoderNetwork;
  const pattern = (await net.run(text, { capture: site })).at(site);
  const [, heads, count] = pattern.shape as [number, number, number];
  const numbers = [...(await pattern.numbers())];
  looks = Array.from({ length: heads }, (_, head) =>
    Array.from({ length: count }, (_, query) => {
      const start = (head * count + query) * count;
      return numbers.slice(start, start + count);
    }),
  );
});

test("before training the first head sees about the place before and the second one about the place after, words or holes", () => {
  for (const [head, by] of [-1, 1].entries()) {
    const within = looks[head]!.slice(1, -1).map((keys, i) => ({ keys, meant: i + 1 + by }));
    for (const { keys, meant } of within) {
      const near = keys.slice(Math.max(0, meant - 1), meant + 2);
      expect(near.reduce((sum, share) => sum + share, 0)).toBeGreaterThan(0.95);
    }
    const exactly = within.map(({ keys, meant }) => keys[meant]!);
    expect(exactly.reduce((sum, share) => sum + share, 0) / exactly.length).toBeGreaterThan(0.6);
  }
});

test("before training the other heads see their own word, wherever it stands", () => {
  // words stand behind <bos>
  const [first, again] = [4, 7];
  for (const ofHead of looks.slice(2)) {
    expect(ofHead[first]![again]).toBeGreaterThan(0.4);
    expect(ofHead[first]![again]).toBeCloseTo(ofHead[first]![first]!, 1);
  }
});
