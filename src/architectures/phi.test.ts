import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openNetwork } from "../checkpoints/load.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { Edits } from "../network/network.ts";
import { phiFamily } from "./phi.ts";
import type { PhiParams } from "./phi.ts";

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

test("attention and MLP read the same normalised stream", async () => {
  const net = await opened("phi");
  const edit: Edits = { "blocks.0.ln1.normalized": (x) => x.mul(2) };
  for (const out of ["blocks.0.attn_out", "blocks.0.mlp_out"]) {
    const difference = maxDifference(await site(net, out), await site(net, out, edit));
    expect(difference).toBeGreaterThan(0.1);
  }
});

test("the MLP has no norm of its own, and the network says why", async () => {
  const net = await opened("phi");
  await expect(net.run(prompt, { capture: "blocks.0.ln2.normalized" })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: phi has no site "blocks.0.ln2.normalized": its MLP reads ln1.normalized, as attention does.
      fix: the nearest are "blocks.0.ln1.normalized", "blocks.1.ln1.normalized", "ln_final.normalized"; all 35 are listed by \`patchclamp sites\`.]
  `);
});

test("a silent stream leaves the bias of the unembedding", async () => {
  const net = await opened("phi-qknorm");
  const { unembed } = net.params as unknown as PhiParams;
  const bias = Array.from(await unembed.bias.numbers());
  const edit: Edits = { "ln_final.normalized": (x) => x.mul(0) };
  const { lnFinal } = net.params as unknown as PhiParams;
  const shift = await lnFinal
    .bias!.reshape([1, 24])
    .matmul((net.params as unknown as PhiParams).embed, { transposeB: true })
    .numbers();
  const want = bias.map((value, i) => value + shift[i]!);
  const logits = Array.from(await site(net, "logits", edit));
  // float32 sums of 24 terms of order 1
  expect(maxDifference(logits.slice(0, 101), want)).toBeLessThanOrEqual(1e-5);
});

test("a tied unembedding keeps its bias in the layout", () => {
  const names = (ties: boolean): string[] =>
    phiFamily
      .layout(phiFamily.config({ num_hidden_layers: 1, tie_word_embeddings: ties }))
      .map(({ name }) => name)
      .filter((name) => name.startsWith("lm_head"));
  expect(names(false)).toEqual(["lm_head.weight", "lm_head.bias"]);
  expect(names(true)).toEqual(["lm_head.bias"]);
});
