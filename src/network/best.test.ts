import { expect, test } from "vitest";

import { tinyNetwork } from "../../test/tiny.ts";
import { bestOf } from "./best.ts";

const words = Array.from({ length: 19 }, (_, i) => `w${i}`);

test("the likeliest continuations come first, with the likelihood that a pass over the text finds", async () => {
  const net = await tinyNetwork("llama", { words });
  const prompts = [
    [3, 1, 4],
    [7, 2],
  ];
  const options = { count: 6, keep: 3, maxTokens: 5, temperature: 1.5, seed: 2, stop: [] };
  const found = await bestOf(net, prompts, options);
  expect(found.map((own) => own.length)).toEqual([3, 3]);
  for (const [prompt, own] of found.entries()) {
    const means = own.map(({ meanLogProbability }) => meanLogProbability);
    expect(means).toEqual(means.toSorted((a, b) => b - a));
    for (const { ids, text, logProbability, meanLogProbability } of own) {
      const whole = [...prompts[prompt]!, ...ids];
      const { logits } = await net.run([whole]);
      const all = await logits.logSoftmax().numbers();
      const { dVocab } = net.config;
      const start = prompts[prompt]!.length - 1;
      const sum = ids.reduce((total, id, i) => total + all[(start + i) * dVocab + id]!, 0);
      // five float32 log-softmaxes, cached against whole
      expect(Math.abs(logProbability - sum)).toBeLessThan(1e-4);
      expect(meanLogProbability).toBeCloseTo(logProbability / ids.length, 12);
      expect(text).toBe(net.tokenizer.decode(ids, { skipSpecialTokens: true }));
    }
  }
  const [all] = await bestOf(net, [prompts[0]!], { ...options, keep: 6 });
  expect(all!.slice(0, 3).map(({ ids }) => ids)).toEqual(found[0]!.map(({ ids }) => ids));
});

test("a continuation that ends at once ranks last", async () => {
  const net = await tinyNetwork("gpt2");
  const options = { count: 8, keep: 8, maxTokens: 1, temperature: 3, seed: 1 };
  const [free] = await bestOf(net, [[3, 1]], { ...options, stop: [] });
  const often = free![0]!.ids[0]!;
  const [ranked] = await bestOf(net, [[3, 1]], { ...options, stop: [often] });
  expect(ranked!.at(-1)).toMatchObject({ ids: [], meanLogProbability: -Infinity });
  expect(ranked![0]!.ids).toHaveLength(1);
});

test("keeping more than are drawn is refused", async () => {
  const net = await tinyNetwork("gpt2");
  await expect(
    bestOf(net, [[1]], { count: 2, keep: 3 }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: bestOf: keep is 3, not a whole number from 1 to the 2 continuations that are drawn.]`,
  );
});
