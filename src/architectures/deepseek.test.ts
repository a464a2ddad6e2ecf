import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openNetwork } from "../checkpoints/load.ts";
import type { LanguageNetwork } from "../network/language.ts";

const prompt = [2, 60, 28, 71];

async function open(name: string): Promise<LanguageNetwork> {
  const { files } = await readGolden(name);
  return openNetwork(files, { check: false });
}

test.each(["deepseek-v2", "deepseek-v3"])(
  "in %s keys, when edited by nothing, turn as those that all heads share do",
  async (name) => {
    const net = await open(name);
    const plain = await net.run(prompt);
    const edited = await net.run(prompt, { edit: { "blocks.*.attn.k": (x) => x.mul(1) } });
    // the same rotation head by head in place of once for all heads
    expect(
      maxDifference(
        Array.from(await edited.logits.numbers()),
        Array.from(await plain.logits.numbers()),
      ),
    ).toBeLessThan(1e-6);
  },
);

test("without the latent of keys and values attention writes what its bias says, at every position", async () => {
  const net = await open("deepseek-v3");
  const out = await net.run(prompt, {
    capture: "blocks.0.attn_out",
    edit: { "blocks.0.attn.kv_latent": (x) => x.mul(0) },
  });
  const written = out.at("blocks.0.attn_out");
  const first = written.slice({ axis: 1, end: 1 });
  expect(await written.sub(first).abs().max().item()).toBe(0);
  expect(await written.abs().max().item()).toBeGreaterThan(0);
});

test("a network that makes queries of the stream has no latent of them, and says so", async () => {
  const net = await open("deepseek-v2");
  await expect(net.run(prompt, { capture: "blocks.0.attn.q_latent" })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: deepseek-v2 has no site "blocks.0.attn.q_latent": this network makes queries of the stream itself.
      fix: the nearest are "blocks.0.attn.kv_latent", "blocks.1.attn.kv_latent", "blocks.0.attn.pattern"; all 45 are listed by \`patchclamp sites\`.]
  `);
});
