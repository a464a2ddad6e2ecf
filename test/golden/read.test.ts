import { describe, expect, test } from "vitest";

import { openCheckpoint } from "../../src/checkpoints/checkpoint.ts";
import { loadTokenizer } from "../../src/checkpoints/tokenizer.ts";
import { difference, goldenNames, readGolden, unpad } from "./read.ts";
import type { Values } from "./read.ts";

// float32 sums of at most a hundred numbers of order 1
const noise = 1e-5;

describe.each(goldenNames)("%s", async (name) => {
  const golden = await readGolden(name);

  test("its weights are finite and its vocabulary is the tokenizer's", async () => {
    const checkpoint = await openCheckpoint(golden.files);
    for (const [weight, { shape }] of checkpoint.tensors) {
      const size = shape.reduce((product, axis) => product * axis, 1);
      expect(await checkpoint.float32(weight)).toHaveLength(size);
    }
    const tokenizer = await loadTokenizer(golden.files);
    expect(golden.prompts[0].sites.get("logits")!.shape.at(-1)).toBe(tokenizer.vocabSize);
    const text = tokenizer.decode(golden.prompts[0].ids, { skipSpecialTokens: true });
    expect(tokenizer.encode(text)).toEqual(golden.prompts[0].ids);
  });

  test("both prompts have the same sites, and greedy decoding begins with the last logits' largest", () => {
    const [first, second] = golden.prompts;
    expect([...first.sites.keys()]).toEqual([...second.sites.keys()]);
    for (const { ids, greedy, sites } of golden.prompts) {
      const { shape, data } = sites.get("logits")!;
      const dVocab = shape[2]!;
      const last = data.subarray((ids.length - 1) * dVocab);
      expect(greedy[0]).toBe(last.indexOf(Math.max(...last)));
      expect(greedy).toHaveLength(20);
    }
  });

  test("attention is causal, sums to 1 and prefers some keys to others", () => {
    for (const { sites } of golden.prompts) {
      for (const [site, { shape, data }] of sites) {
        if (!site.endsWith(".pattern")) continue;
        const pos = shape[3]!;
        for (let row = 0; row < data.length / pos; row++) {
          const weights = data.subarray(row * pos, (row + 1) * pos);
          expect(weights.reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 5);
          expect(weights.subarray((row % pos) + 1).every((weight) => weight === 0)).toBe(true);
        }
        // The last query of an even pattern would give each key 1 / pos.
        expect(Math.max(...data.subarray(-pos))).toBeGreaterThan(1.15 / pos);
      }
    }
  });

  test("the residual stream is the sum of what is written to it", () => {
    const { sites } = golden.prompts[0];
    const added = (...names: string[]): Values => {
      const parts = names.map((part) => sites.get(part)!);
      const data = parts[0]!.data.map((_, i) =>
        parts.reduce((sum, part) => sum + part.data[i]!, 0),
      );
      return { shape: parts[0]!.shape, data };
    };
    const wanted = sites.get("blocks.1.resid_post")!;
    const block = added("blocks.1.resid_pre", "blocks.1.attn_out", "blocks.1.mlp_out");
    expect(difference("resid_post", block, wanted).maxAbs).toBeLessThan(noise);
    const embedding = sites.has("pos_embed") ? added("embed", "pos_embed") : added("embed");
    expect(difference("resid_pre", embedding, sites.get("blocks.0.resid_pre")!).maxAbs).toBe(0);
  });

  test.each(["left", "right"] as const)("padding on the %s changes no logits", (side) => {
    const { ids, mask, logits } = golden[side];
    for (const [row, prompt] of golden.prompts.entries()) {
      expect(ids[row]!.filter((_, i) => mask[row]![i] === 1)).toEqual(prompt.ids);
      const got = unpad("logits", logits, row, mask[row]!);
      const { maxAbs, scale } = difference("logits", got, prompt.sites.get("logits")!);
      expect(maxAbs).toBeLessThan(3 * noise);
      expect(scale).toBeCloseTo(1, 5);
    }
  });
});

test("a site that is twice too large has the scale 2", () => {
  const want = { shape: [1, 2], data: Float32Array.of(1, -2) };
  const got = { shape: [1, 2], data: Float32Array.of(2, -4) };
  expect(difference("logits", got, want)).toEqual({ maxAbs: 2, scale: 2 });
});

test("scores are compared only where the query sees the key", () => {
  const want = { shape: [1, 1, 2, 2], data: Float32Array.of(1, 0, 2, 3) };
  const got = { shape: [1, 1, 2, 2], data: Float32Array.of(1, -1e9, 2, 3) };
  expect(difference("blocks.0.attn.scores", got, want).maxAbs).toBe(0);
  expect(difference("logits", got, want).maxAbs).toBe(1e9);
});

test("unpad takes padding from the queries and the keys of a pattern", () => {
  const pattern = { shape: [1, 1, 3, 3], data: Float32Array.of(0, 0, 0, 0, 1, 0, 0, 0.25, 0.75) };
  expect(unpad("blocks.0.attn.pattern", pattern, 0, [0, 1, 1])).toEqual({
    shape: [1, 1, 2, 2],
    data: Float32Array.of(1, 0, 0.25, 0.75),
  });
});
