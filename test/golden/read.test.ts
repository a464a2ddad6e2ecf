import { describe, expect, test } from "vitest";

import { openCheckpoint } from "../../src/checkpoints/checkpoint.ts";
import { loadTokenizer } from "../../src/checkpoints/tokenizer/tokenizer.ts";
import { difference, goldensOf, readGolden, unpad } from "./read.ts";

describe.each(await goldensOf("decoder"))("%s", async (name) => {
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

  test("greedy decoding begins with the last logits' largest", () => {
    for (const { ids, greedy, sites } of golden.prompts) {
      const { shape, data } = sites.get("logits")!;
      const dVocab = shape[2]!;
      const last = data.subarray((ids.length - 1) * dVocab);
      expect(greedy[0]).toBe(last.indexOf(Math.max(...last)));
      expect(greedy).toHaveLength(20);
    }
  });

  test("attention is causal and prefers some keys to others", () => {
    const { sites } = golden.prompts[0];
    for (const [site, { shape, data }] of sites) {
      if (!site.endsWith(".pattern")) continue;
      const pos = shape[3]!;
      for (let row = 0; row < data.length / pos; row++) {
        const weights = data.subarray(row * pos, (row + 1) * pos);
        expect(weights.subarray((row % pos) + 1).every((weight) => weight === 0)).toBe(true);
      }
      // the last query of an even pattern would give each key 1 / pos
      expect(Math.max(...data.subarray(-pos))).toBeGreaterThan(1.15 / pos);
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
  const got = { shape: [1, 1, 2, 2], data: Float32Array.of(1, -1e30, 2, 3) };
  expect(difference("blocks.0.attn.scores", got, want).maxAbs).toBe(0);
  expect(difference("logits", got, want).maxAbs).toBe(-got.data[1]!);
});

test("a key that a window hides is compared with one that holds a number", () => {
  const want = { shape: [1, 1, 2, 2], data: Float32Array.of(1, 0, 0, 3) };
  const hidden = { shape: [1, 1, 2, 2], data: Float32Array.of(1, 0, -1e30, 3) };
  const seen = { shape: [1, 1, 2, 2], data: Float32Array.of(1, 0, 0.5, 3) };
  const hidesMore = { shape: [1, 1, 2, 2], data: Float32Array.of(-1e30, 0, -1e30, 3) };
  expect(difference("blocks.0.attn.scores", hidden, want).maxAbs).toBe(0);
  expect(difference("blocks.0.attn.scores", seen, want).maxAbs).toBe(0.5);
  expect(difference("blocks.0.attn.scores", hidesMore, want).maxAbs).toBeGreaterThan(1e29);
});

test("unpad takes padding from the queries and the keys of a pattern", () => {
  const pattern = { shape: [1, 1, 3, 3], data: Float32Array.of(0, 0, 0, 0, 1, 0, 0, 0.25, 0.75) };
  expect(unpad("blocks.0.attn.pattern", pattern, 0, [0, 1, 1])).toEqual({
    shape: [1, 1, 2, 2],
    data: Float32Array.of(1, 0, 0.25, 0.75),
  });
});
