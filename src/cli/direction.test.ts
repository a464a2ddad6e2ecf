import { expect, test } from "vitest";

import { openNetwork } from "../index.ts";
import { nodeFiles } from "../runtime/node-files.ts";
import { differenceOfMeans, steered } from "./direction.ts";

const site = "blocks.0.resid_post";
const golden = () => openNetwork(nodeFiles("test/golden/gpt2"));

test("the direction is half the difference of means of texts run one by one", async () => {
  const net = await golden();
  const [positive, negative] = [["a b", "the cat sat"], ["c d e f"]];
  const last = async (text: string): Promise<number[]> => {
    const pass = await net.run(text, { capture: site });
    return Array.from(await pass.at(site).slice({ axis: 1, start: -1 }).numbers());
  };
  const [first, second, below] = [
    await last(positive[0]!),
    await last(positive[1]!),
    await last(negative[0]!),
  ];
  const expected = below.map((x, i) => ((first[i]! + second[i]!) / 2 - x) / 2);
  const direction = await differenceOfMeans(net, { positive, negative }, site);
  // 1e-5: float32 sums over dModel in another order, since padding changes the graph
  expect(Math.max(...expected.map((x, i) => Math.abs(x - direction[i]!)))).toBeLessThan(1e-5);
});

test("equal texts on both sides give no direction", async () => {
  const net = await golden();
  await expect(differenceOfMeans(net, { positive: ["a b"], negative: ["a b"] }, site)).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: steer: the two kinds of texts have equal means at "blocks.0.resid_post", so there is no direction.
      fix: use texts that differ, or a site after the token embedding.]
  `);
});

test("every row of a batch gets its own strength and direction", async () => {
  const net = await golden();
  const prompts = ["a b", "the cat sat"];
  const { dModel } = net.config;
  const directions = prompts.map((_, p) =>
    Float32Array.from({ length: dModel }, (_value, i) => Math.sin(i + 7 * p)),
  );
  const generate = { maxTokens: 6 };
  const options = {
    site,
    direction: (prompt: number) => directions[prompt]!,
    strengths: [-40, 0, 40],
    generate,
  };
  const together = await steered(net, prompts, options);
  for (const [i, strength] of options.strengths.entries()) {
    for (const [p, prompt] of prompts.entries()) {
      const [alone] = await steered(net, [prompt], {
        ...options,
        direction: () => directions[p]!,
        strengths: [strength],
      });
      expect(together[i]![p]).toEqual(alone![0]);
    }
  }
  expect(new Set(together.map((row) => row[0]!.text)).size).toBeGreaterThan(1);
});
