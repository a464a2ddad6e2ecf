// Every family against transformers: the goldens are made by test/golden/make.py.

import { describe, expect, test } from "vitest";

import { openNetwork } from "../src/checkpoints/load.ts";
import { MAX_ABS, values, wrongSites } from "./golden/compare.ts";
import { difference, goldensOf, maskOf, readGolden, unpad } from "./golden/read.ts";

describe.each(await goldensOf("decoder"))("%s", (name) => {
  test("every site and the logits equal those of transformers", async () => {
    const golden = await readGolden(name);
    const net = await openNetwork(golden.files);
    const own = net.sites().map((site) => site.name);
    expect(own.toSorted()).toEqual([...golden.prompts[0].sites.keys()].toSorted());
    for (const { ids, sites } of golden.prompts) {
      const recorded = [...sites.keys()];
      const out = await net.run(ids, { capture: recorded });
      expect(await wrongSites(out, sites)).toEqual([]);
    }
  });

  test("greedy generation gives the tokens of transformers", async () => {
    const golden = await readGolden(name);
    const net = await openNetwork(golden.files, { check: false });
    for (const { ids, greedy } of golden.prompts) {
      const made: number[] = [];
      for await (const { id } of net.generate(ids, { maxTokens: greedy.length, stop: [] }))
        made.push(id);
      expect(made).toEqual(greedy);
    }
  });

  test.each(["left", "right"] as const)(
    "rows padded on the %s give the numbers of each prompt alone",
    async (padding) => {
      const golden = await readGolden(name);
      const net = await openNetwork(golden.files, { check: false });
      const masks = maskOf(golden, padding);
      const capture = [...golden.prompts[0].sites.keys()];
      const rows = golden.prompts.map(({ ids }) => ids);
      const out = await net.run({ prompts: rows, padding }, { capture });
      for (const [row, { sites }] of golden.prompts.entries()) {
        const mask = masks[row]!;
        const wrong: string[] = [];
        for (const [site, want] of sites) {
          const { maxAbs } = difference(
            site,
            unpad(site, await values(out.at(site)), row, mask),
            want,
          );
          if (!(maxAbs <= MAX_ABS)) wrong.push(`${site}: off by ${maxAbs}`);
        }
        expect(wrong).toEqual([]);
      }
    },
  );

  test("batched generation of unequal prompts equals one by one", async () => {
    const golden = await readGolden(name);
    const net = await openNetwork(golden.files, { check: false });
    const made: number[][] = [[], []];
    const rows = golden.prompts.map(({ ids }) => ids);
    for await (const { row, id } of net.generate(rows, { maxTokens: 12, stop: [] }))
      made[row]!.push(id);
    expect(made).toEqual(golden.prompts.map(({ greedy }) => greedy.slice(0, 12)));
  });
});
