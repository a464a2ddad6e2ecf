// Every text encoder against transformers: the goldens are made by test/golden/make.py.

import { describe, expect, test } from "vitest";

import { openEncoder } from "../src/checkpoints/open-encoder.ts";
import { MAX_ABS, values, wrongSites } from "./golden/compare.ts";
import { difference, goldensOf, openGolden, unpad } from "./golden/read.ts";
import type { GoldenFile, Values } from "./golden/read.ts";

interface Prompt {
  readonly ids: readonly number[];
  readonly types: readonly number[];
  /** Every site of the first prompt, the outputs of the second. */
  readonly sites: ReadonlyMap<string, Values>;
}

async function promptsOf({ floats, rows }: GoldenFile): Promise<[Prompt, Prompt]> {
  const prompt = async (index: number): Promise<Prompt> => ({
    ids: (await rows(`${index}/input_ids`))[0]!,
    types: (await rows(`${index}/types`))[0]!,
    sites: await floats(`${index}/`),
  });
  return [await prompt(0), await prompt(1)];
}

/** One row of a padded batch as the text by itself gives it; what all rows share has one row. */
function alone(site: string, batched: Values, row: number, real: number): Values {
  const shared = batched.shape[0] === 1 ? 0 : row;
  const mask = Array.from({ length: batched.shape.length > 2 ? longest : 0 }, (_, i) =>
    i < real ? 1 : 0,
  );
  if (mask.length > 0) return unpad(site, batched, shared, mask);
  const size = batched.shape[1]!;
  return { shape: [1, size], data: batched.data.slice(shared * size, (shared + 1) * size) };
}

const longest = 9;

describe.each(await goldensOf("encoder"))("%s", (name) => {
  test("every site and the outputs equal those of transformers", async () => {
    const golden = await openGolden(name);
    const net = await openEncoder(golden.files);
    const own = net.sites().map((site) => site.name);
    const prompts = await promptsOf(golden);
    expect(own.toSorted()).toEqual([...prompts[0].sites.keys()].toSorted());
    for (const { ids, types, sites } of prompts) {
      const given = net.config.nTypes > 1 ? { ids, types } : ids;
      const out = await net.run(given, { capture: [...sites.keys()] });
      expect(await wrongSites(out, sites)).toEqual([]);
    }
  });

  test("every row of a padded batch gives the numbers of its text alone", async () => {
    const golden = await openGolden(name);
    const net = await openEncoder(golden.files, { check: false });
    const prompts = await promptsOf(golden);
    const rows = prompts.map(({ ids, types }) => (net.config.nTypes > 1 ? { ids, types } : ids));
    const out = await net.run(rows, { capture: [...prompts[0].sites.keys()] });
    for (const [row, { ids, sites }] of prompts.entries()) {
      const wrong: string[] = [];
      for (const [site, want] of sites) {
        const got = alone(site, await values(out.at(site)), row, ids.length);
        const { maxAbs } = difference(site, got, want);
        if (!(maxAbs <= MAX_ABS)) wrong.push(`${site}: off by ${maxAbs}`);
      }
      expect(wrong).toEqual([]);
    }
  });
});

test("every golden of a pair tells its texts apart, or its encoder does not", async () => {
  for (const name of await goldensOf("encoder")) {
    const golden = await openGolden(name);
    const net = await openEncoder(golden.files, { check: false });
    if (net.config.nTypes < 2) continue;
    const [{ ids, types, sites }] = await promptsOf(golden);
    const plain = await net.run(ids, { capture: "hidden" });
    const typed = await net.run({ ids, types }, { capture: "hidden" });
    const want = sites.get("hidden")!;
    expect(difference("hidden", await values(typed.at("hidden")), want).maxAbs).toBeLessThan(
      MAX_ABS,
    );
    expect(difference("hidden", await values(plain.at("hidden")), want).maxAbs).toBeGreaterThan(
      0.1,
    );
  }
});

test("every site of an encoder has a meaning, and as many axes as its shape", async () => {
  const odd: string[] = [];
  for (const name of await goldensOf("encoder")) {
    const net = await openEncoder((await openGolden(name)).files, { check: false });
    for (const { name: site, axes, shape, meaning } of net.sites())
      if (meaning === "" || axes.length !== shape.length) odd.push(`${name} ${site}`);
  }
  expect(odd).toEqual([]);
});
