import * as fc from "fast-check";
import { expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import { tinyNetwork } from "../../test/tiny.ts";
import { openNetwork } from "../index.ts";
import type { LanguageGenerateOptions, LanguageNetwork } from "./language.ts";
import type { LanguageInput } from "./prompt.ts";
import { lookUpNext } from "./prompt-lookup.ts";

test("a draft is what followed the longest known end, where it stood last", () => {
  expect(lookUpNext([1, 2, 3, 9, 8, 1, 2, 3], 2)).toEqual([9, 8]);
  expect(lookUpNext([1, 2, 3, 7, 1, 2, 3, 5, 6, 2, 3], 3)).toEqual([5, 6, 2]);
  // an end of three tokens before a later one of two
  expect(lookUpNext([1, 2, 3, 7, 0, 2, 3, 5, 1, 2, 3], 1)).toEqual([7]);
  expect(lookUpNext([4, 4], 3)).toEqual([4]);
  expect(lookUpNext([1, 2, 3], 3)).toEqual([]);
  expect(lookUpNext([1], 3)).toEqual([]);
});

test("a draft follows an end of the text where it stood before, and is no longer than asked", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      (ids, most) => {
        const draft = lookUpNext(ids, most);
        if (draft.length === 0) return ids.indexOf(ids.at(-1)!) === ids.length - 1;
        const starts = [...ids.keys()].slice(1);
        return (
          draft.length <= most &&
          starts.some(
            (at) => ids[at - 1] === ids.at(-1) && ids.slice(at, at + most).join() === draft.join(),
          )
        );
      },
    ),
    { seed: 4, numRuns: 500 },
  );
});

interface Written {
  readonly rows: readonly (readonly number[])[];
  readonly passes: number;
}

async function written(
  net: LanguageNetwork,
  given: LanguageInput,
  options: LanguageGenerateOptions,
): Promise<Written> {
  const rows: number[][] = [];
  const passes = new Set<unknown>();
  for await (const { row, id, activations } of net.generate(given, { stop: [], ...options })) {
    (rows[row] ??= []).push(id);
    // tokens that one pass predicted share what it recorded
    passes.add(activations);
  }
  return { rows, passes: passes.size };
}

const repetitive = [3, 1, 4, 1, 5, 9, 3, 1, 4, 1, 5, 9, 3, 1];

test.each(["gpt2", "llama"] as const)(
  "%s writes the same tokens with drafts as without, in fewer passes where a text repeats itself",
  async (name) => {
    const net = await tinyNetwork(name);
    let saved = 0;
    for (const temperature of [0, 0.3, 1.5]) {
      for (let seed = 0; seed < 4; seed++) {
        const options = { maxTokens: 40, temperature, seed };
        const plain = await written(net, [repetitive], options);
        const drafted = await written(net, [repetitive], { ...options, promptLookup: 4 });
        expect(drafted.rows).toEqual(plain.rows);
        expect(drafted.passes).toBeLessThanOrEqual(plain.passes);
        saved += plain.passes - drafted.passes;
      }
    }
    expect(saved).toBeGreaterThan(20);
  },
);

test("rows that take over more drafts than others, and rows that end early, write what they write without", async () => {
  const net = await tinyNetwork("llama");
  const prompts = [repetitive, [7, 2], [5, 5, 5, 5], [2, 9, 4, 2, 9]];
  for (let seed = 0; seed < 6; seed++) {
    const options = { maxTokens: 30, temperature: 0.4, seed, stop: [11, 12] };
    const plain = await written(net, prompts, options);
    expect((await written(net, prompts, { ...options, promptLookup: 5 })).rows).toEqual(plain.rows);
    const several = { ...options, count: 2 };
    const repeated = await written(net, prompts, several);
    expect((await written(net, prompts, { ...several, promptLookup: 3 })).rows).toEqual(
      repeated.rows,
    );
  }
});

test("drafts do not lead beyond the last position or the tokens asked for", async () => {
  const net = await tinyNetwork("gpt2", { config: { n_positions: 20 } });
  for (const maxTokens of [1, 2, 6]) {
    const { rows } = await written(net, [repetitive], { maxTokens, promptLookup: 8 });
    expect(rows[0]).toHaveLength(maxTokens);
  }
});

test("interventions act on drafts as on tokens", async () => {
  const net = await tinyNetwork("gpt2");
  const interventions = [
    {
      kind: "scale" as const,
      site: "blocks.0.mlp_out",
      gain: -2,
      at: { phase: "generated" as const, exclude: { positions: [18] } },
    },
    {
      kind: "add" as const,
      site: "blocks.1.resid_post",
      vector: Array(16).fill(1),
      at: { tokens: [1, 4] },
    },
  ];
  const options = { maxTokens: 40, interventions };
  const plain = await written(net, [repetitive], options);
  const drafted = await written(net, [repetitive], { ...options, promptLookup: 4 });
  expect(drafted.rows).toEqual(plain.rows);
  expect(drafted.passes).toBeLessThan(plain.passes);
});

test("where a pass cannot be taken back, nothing is drafted", async () => {
  const mamba = await openNetwork((await openGolden("mamba")).files, { check: false });
  const options = { maxTokens: 20, temperature: 0.3 };
  const plain = await written(mamba, [repetitive], options);
  expect(await written(mamba, [repetitive], { ...options, promptLookup: 4 })).toEqual(plain);
  const gpt2 = await tinyNetwork("gpt2");
  const recorded = { ...options, promptLookup: 4, capture: "blocks.0.resid_post" };
  expect((await written(gpt2, [repetitive], recorded)).passes).toBe(20);
});

test("a number of drafts that is none is refused", async () => {
  const net = await tinyNetwork("gpt2");
  await expect(
    written(net, [repetitive], { promptLookup: -1 }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: generate: promptLookup is -1, not a whole number of at least 0.]`,
  );
});
