import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openNetwork } from "../checkpoints/load.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { Edits } from "../network/network.ts";
import { neoxFamily } from "./neox.ts";

const prompt = [2, 60, 28, 71];

async function opened(name: string): Promise<LanguageNetwork> {
  return openNetwork((await readGolden(name)).files, { check: false });
}

async function site(
  net: LanguageNetwork,
  name: string,
  edit: Edits = {},
): Promise<ArrayLike<number>> {
  return (await net.run(prompt, { capture: name, edit })).at(name).numbers();
}

const silenced: Edits = { "blocks.0.attn_out": (x) => x.mul(0) };

test("a parallel block's MLP does not read what attention wrote", async () => {
  const net = await opened("neox");
  const read = "blocks.0.ln2.normalized";
  expect(maxDifference(await site(net, read), await site(net, read, silenced))).toBe(0);
});

test("a sequential block's MLP reads what attention wrote", async () => {
  const net = await opened("neox-sequential");
  const read = "blocks.0.ln2.normalized";
  const difference = maxDifference(await site(net, read), await site(net, read, silenced));
  expect(difference).toBeGreaterThan(0.1);
});

test("a parallel block has no stream between attention and MLP, and says why", async () => {
  const net = await opened("neox");
  await expect(net.run(prompt, { capture: "blocks.0.resid_mid" })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: neox has no site "blocks.0.resid_mid": its attention and MLP read the same stream, so there is none between them.
      fix: the nearest are "blocks.0.resid_pre", "blocks.0.resid_post", "blocks.1.resid_pre"; all 37 are listed by \`patchclamp sites\`.]
  `);
});

test("rotation leaves the last numbers of every head, and the first position", async () => {
  const net = await opened("neox");
  const [plain, turned] = await Promise.all([
    site(net, "blocks.0.attn.q"),
    site(net, "blocks.0.attn.rot_q"),
  ]);
  const { dim } = neoxFamily.config((await readGolden("neox")).config).rope;
  const [nHeads, dHead] = [4, 6];
  const changed = Array.from(plain, (value, i) => value !== turned[i]);
  const isStill = changed.map((_, i) => i % dHead >= dim || i < nHeads * dHead);
  expect(changed.some((is, i) => is && isStill[i])).toBe(false);
  expect(changed.every((is, i) => is || isStill[i])).toBe(true);
});

test("q, k and v take turns in every head of the file's matrix", () => {
  const config = {
    num_hidden_layers: 1,
    hidden_size: 8,
    num_attention_heads: 2,
    rotary_pct: 1,
    attention_bias: false,
  };
  const layout = neoxFamily.layout(neoxFamily.config(config));
  expect(layout.filter(({ name }) => name.includes("query_key_value"))).toEqual(
    ["q", "k", "v"].map((letter, index) => ({
      path: `blocks.0.attn.${letter}.weight`,
      name: "gpt_neox.layers.0.attention.query_key_value.weight",
      shape: [8, 8],
      turn: { index, of: 3, groups: 2 },
    })),
  );
});
