import { expect, test } from "vitest";

import { collect, openNetwork } from "../index.ts";
import { nodeFiles } from "../runtime/node-files.ts";
import { logitLens } from "./lens.ts";

const prompt = [1, 5, 9, 2];

test.each(["gpt2", "llama"])(
  "in %s the lens of the last block gives the network's own logits",
  async (family) => {
    const net = await openNetwork(nodeFiles(`test/golden/${family}`));
    const rows = logitLens(net, prompt);
    const { logits } = await net.run(prompt);
    expect(rows.map(({ site }) => site)).toEqual([
      "blocks.0.resid_pre",
      ...Array.from({ length: net.config.nLayers }, (_, layer) => `blocks.${layer}.resid_post`),
    ]);
    const own = await logits.numbers();
    const last = await rows.at(-1)!.logits.numbers();
    const first = await rows[0]!.logits.numbers();
    // the same operations in another graph: float32 rounding of sums over dModel
    expect(largestDifference(own, last)).toBeLessThan(1e-5);
    expect(largestDifference(own, first)).toBeGreaterThan(1e-3);
  },
);

test("the lens of a block computes nothing of the blocks above it", async () => {
  const net = await openNetwork(nodeFiles("test/golden/gpt2"));
  const computed = (site: string): (string | undefined)[] =>
    collect(logitLens(net, prompt, { sites: site }).map(({ logits }) => logits)).nodes.map(
      ({ label }) => label,
    );
  expect(computed("blocks.0.resid_post")).not.toContain("blocks.1.attn.z");
  expect(computed("blocks.1.resid_post")).toContain("blocks.1.attn.z");
});

test("a site that is no residual stream cannot be read", async () => {
  const net = await openNetwork(nodeFiles("test/golden/gpt2"));
  expect(() =>
    logitLens(net, prompt, { sites: "blocks.0.attn.z" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: logitLens: expected [batch, pos, dModel], got [1, 4, 4, 6]: dModel is 4, not 24; rank is 4, not 3.]`,
  );
});

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i]!)));
}
