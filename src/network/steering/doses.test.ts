import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";

import { tinyNetwork } from "../../../test/tiny.ts";
import type { LanguageNetwork } from "../language.ts";
import { inBatches } from "./doses.ts";

let net: LanguageNetwork;
beforeAll(async () => {
  net = await tinyNetwork("gpt2");
});

test("every text is measured once at every strength, in batches that are not too large", async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: 20 }),
    async (strengths, texts, maxRows) => {
      const shares: number[] = [];
      let measured = 0;
      const found = await inBatches(
        net,
        Array.from({ length: strengths }, (_, i) => i / 2),
        Array.from({ length: texts }, () => 5),
        { maxRows, onPart: (share) => shares.push(share) },
        async (rows) => {
          expect(rows.length).toBeLessThanOrEqual(maxRows);
          measured += rows.length;
          return rows.map(({ strength, text }) => `${text} at ${strength}`);
        },
      );
      expect(measured).toBe(strengths * texts);
      expect(found).toEqual(
        Array.from({ length: strengths }, (_, i) =>
          Array.from({ length: texts }, (__, text) => `${text} at ${i / 2}`),
        ),
      );
      expect(shares).toEqual(shares.toSorted((a, b) => a - b));
      expect(shares.at(-1)).toBe(1);
    },
  );
  await fc.assert(property, { seed: 1, numRuns: 100 });
});

test("texts too long for many logits are measured in smaller batches", async () => {
  const wide = { config: { ...net.config, dVocab: 2 ** 20 } };
  const sizes: number[] = [];
  await inBatches(wide, [0, 1, 2, 3], [32, 10], {}, async (rows) => {
    sizes.push(rows.length);
    return rows;
  });
  expect(sizes).toEqual([2, 2, 2, 2]); // 2 ** 26 logits are 2 rows of 32 positions
});

test("a signal ends the measurement between two batches", async () => {
  const controller = new AbortController();
  let batches = 0;
  const measuring = inBatches(
    net,
    [0, 1],
    [3],
    { maxRows: 1, signal: controller.signal },
    async (rows) => {
      batches += 1;
      controller.abort();
      return rows;
    },
  );
  await expect(measuring).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: doseCurve: stopped by its signal.]`,
  );
  expect(batches).toBe(1);
});
