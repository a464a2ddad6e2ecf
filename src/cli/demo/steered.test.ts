import { expect, test } from "vitest";

import { openNetwork } from "../../index.ts";
import { nodeFiles } from "../../runtime/node-files.ts";
import { steered } from "./steered.ts";

const site = "blocks.0.resid_post";
const golden = () => openNetwork(nodeFiles("test/golden/gpt2"));

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
