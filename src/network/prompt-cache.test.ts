import * as fc from "fast-check";
import { expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import { tinyNetwork } from "../../test/tiny.ts";
import { Rng } from "../core/rng.ts";
import { openNetwork } from "../index.ts";
import type { InterventionInput } from "../values/index.ts";
import { LanguageNetwork } from "./language.ts";
import type { LanguageGenerateOptions } from "./language.ts";
import { PromptCache } from "./prompt-cache.ts";

/** A network that notes how many positions each pass has whose graph is traced. */
async function watched(
  name: "gpt2" | "llama",
): Promise<{ net: LanguageNetwork; widths: number[] }> {
  const { config, forward, params } = await tinyNetwork(name);
  const widths: number[] = [];
  const net = new LanguageNetwork({
    name,
    config,
    params,
    forward: (own, inputs, tap) => {
      widths.push(inputs.tokens.shape[1]!);
      return forward(own, inputs, tap);
    },
  });
  void net.space;
  widths.length = 0;
  return { net, widths };
}

async function ids(
  net: LanguageNetwork,
  prompt: readonly number[],
  options: LanguageGenerateOptions,
): Promise<number[]> {
  const made: number[] = [];
  for await (const { id } of net.generate([prompt], { stop: [], maxTokens: 6, ...options }))
    made.push(id);
  return made;
}

const start = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5];

test("of a prompt that goes on with an earlier text only the end is read", async () => {
  const { net, widths } = await watched("llama");
  const cache = new PromptCache();
  const first = await ids(net, start, { cache });
  expect(widths).toEqual([11, 1]);
  widths.length = 0;
  // the last token was written and not read, so three are new; widths are powers of two
  const next = [...start, ...first, 7, 8];
  const second = await ids(net, next, { cache });
  expect(widths).toEqual([4, 1]);
  expect(second).toEqual(await ids(net, next, {}));
  expect(cache.size).toBe(1);
});

test("a prompt that is known as a whole is read at its last token", async () => {
  const { net, widths } = await watched("gpt2");
  const cache = new PromptCache();
  const first = await ids(net, start, { cache });
  widths.length = 0;
  expect(await ids(net, start, { cache })).toEqual(first);
  expect(widths).toEqual([1]);
});

test("whatever was read before, the tokens are those without a cache", async () => {
  const { net } = await watched("llama");
  const rng = new Rng(3);
  const vectors = [rng.normals(16), rng.normals(16)];
  const cache = new PromptCache({ maxBytes: 200_000 });
  const token = fc.integer({ min: 0, max: 3 });
  const where = fc.constantFrom<InterventionInput["at"][]>(
    undefined,
    { phase: "generated" },
    { phase: "prompt" },
    { positions: [-1, 0] },
    { tokens: [2, [1, 3]] },
  );
  const call = fc.record({
    prompt: fc.array(token, { minLength: 1, maxLength: 12 }),
    steering: fc.option(
      fc.record({ vector: fc.nat({ max: 1 }), at: where, strength: fc.constantFrom(0, 2, 5) }),
    ),
    promptLookup: fc.constantFrom(0, 3),
    maxTokens: fc.integer({ min: 1, max: 8 }),
  });
  let isShared = false;
  await fc.assert(
    fc.asyncProperty(call, async ({ prompt, steering, ...options }) => {
      const steered =
        steering === null
          ? options
          : {
              ...options,
              strength: steering.strength,
              interventions: [
                {
                  kind: "add" as const,
                  site: "blocks.0.resid_post",
                  vector: vectors[steering.vector]!,
                  ...(steering.at === undefined ? {} : { at: steering.at }),
                },
              ],
            };
      const before = cache.size;
      expect(await ids(net, prompt, { ...steered, cache })).toEqual(
        await ids(net, prompt, steered),
      );
      isShared ||= cache.size <= before;
      expect(cache.bytes).toBeLessThanOrEqual(200_000);
    }),
    { seed: 8, numRuns: 60 },
  );
  expect(isShared).toBe(true);
});

test("other interventions, strengths and networks share nothing; interventions elsewhere in the text share its beginning", async () => {
  const { net, widths } = await watched("gpt2");
  const add = (x: number, phase: "prompt" | "generated" | "both") => ({
    interventions: [
      {
        kind: "add" as const,
        site: "blocks.0.resid_post",
        vector: Array<number>(16).fill(x),
        at: { phase },
      },
    ],
  });
  const widthsOf = async (options: LanguageGenerateOptions): Promise<number> => {
    const cache = new PromptCache();
    const first = await ids(net, start, { cache, ...add(1, "both") });
    widths.length = 0;
    await ids(net, [...start, ...first], { cache, ...options });
    return widths[0]!;
  };
  expect(await widthsOf(add(1, "both"))).toBe(1);
  expect(await widthsOf({ ...add(1, "both"), strength: 2 })).toBe(17);
  expect(await widthsOf(add(2, "both"))).toBe(17);
  expect(await widthsOf({})).toBe(17);
  // what was written is now given: the prompt alone was read alike, and 6 tokens follow it
  const cache = new PromptCache();
  const first = await ids(net, start, { cache, ...add(1, "generated") });
  widths.length = 0;
  await ids(net, [...start, ...first], { cache, ...add(1, "generated") });
  expect(widths[0]).toBe(8);
  const other = await watched("gpt2");
  await ids(other.net, start, { cache });
  expect(other.widths[0]).toBe(11);
});

test("calls at the same time, and calls that are broken off, do no harm", async () => {
  const { net } = await watched("llama");
  const cache = new PromptCache();
  const plain = await ids(net, start, {});
  for await (const { step } of net.generate([start], { cache, stop: [] })) if (step === 2) break;
  expect(cache.size).toBe(1);
  const all = await Promise.all([0, 1, 2].map(() => ids(net, start, { cache })));
  expect(all).toEqual([plain, plain, plain]);
  await expect(ids(net, start, { cache, signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: "ABORTED",
  });
  expect(await ids(net, start, { cache })).toEqual(plain);
});

test("several rows, captures and edits read the whole prompt", async () => {
  const { net, widths } = await watched("llama");
  const cache = new PromptCache();
  await ids(net, start, { cache });
  for (const options of [
    { capture: "blocks.0.resid_post" },
    { edit: { "blocks.0.mlp_out": (x) => x.mul(2) } },
    { count: 2 },
  ] satisfies LanguageGenerateOptions[]) {
    widths.length = 0;
    await ids(net, start, { cache, ...options });
    expect(widths[0]).toBe(11);
  }
});

test("recurrent layers and rotary scalings that change earlier positions are not kept", async () => {
  const dynamic = { rope_scaling: { type: "dynamic", factor: 8 }, max_position_embeddings: 10 };
  for (const net of [
    await openNetwork((await openGolden("mamba")).files, { check: false }),
    await tinyNetwork("llama", { config: dynamic }),
  ]) {
    const cache = new PromptCache();
    const first = await ids(net, [3, 1, 4], { cache });
    expect(cache.size).toBe(0);
    expect(await ids(net, [3, 1, 4], { cache })).toEqual(first);
  }
});

test("what was used longest ago goes first, and clear forgets all", async () => {
  const { net } = await watched("gpt2");
  const one = new PromptCache();
  await ids(net, start, { cache: one });
  const cache = new PromptCache({ maxBytes: 2 * one.bytes });
  const texts = [start, [7, 7, 7], [8, 8, 8]];
  await ids(net, texts[0]!, { cache });
  await ids(net, texts[1]!, { cache });
  await ids(net, texts[0]!, { cache });
  await ids(net, texts[2]!, { cache });
  expect(cache.size).toBe(2);
  const known = (text: readonly number[]): boolean =>
    cache.beginningOf({ reader: net.params, ids: [...text, 0], woven: undefined }, 0) !== undefined;
  expect(texts.map(known)).toEqual([true, false, true]);
  cache.clear();
  expect([cache.size, cache.bytes]).toEqual([0, 0]);
});

test("a size that is none is refused", () => {
  expect(() => new PromptCache({ maxBytes: -1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: PromptCache: maxBytes is -1, not a number of at least 0.]`,
  );
});
