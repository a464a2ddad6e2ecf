import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openNetwork } from "../checkpoints/load.ts";
import { checkInvariants } from "../network/invariants.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { optFamily } from "./opt.ts";
import type { OptParams } from "./opt.ts";

const prompt = [2, 60, 28, 71];

async function opened(name: string): Promise<LanguageNetwork> {
  return openNetwork((await readGolden(name)).files, { check: false });
}

test("position i has row i + 2 of the table", async () => {
  const net = await opened("opt");
  const places = await (await net.run(prompt, { capture: "pos_embed" })).at("pos_embed").numbers();
  const table = await (net.params as unknown as OptParams).posEmbed.numbers();
  expect(maxDifference(places, Array.from(table).slice(2 * 24, 6 * 24))).toBe(0);
});

test("where norms stand after the modules, the stream after a block is normalised", async () => {
  const net = await opened("opt-postnorm");
  const { blocks } = net.params as unknown as OptParams;
  const names = ["blocks.0.ln2.normalized", "blocks.0.resid_post", "blocks.1.resid_pre"] as const;
  const pass = await net.run(prompt, { capture: names });
  const [normalized, after, next] = await Promise.all(names.map((name) => pass.at(name).numbers()));
  const { weight, bias } = blocks[0]!.ln2;
  const [gain, shift] = await Promise.all([weight.numbers(), bias!.numbers()]);
  const want = Array.from(normalized!, (x, i) => x * gain[i % 24]! + shift[i % 24]!);
  // float32, of order 1
  expect(maxDifference(after!, want)).toBeLessThanOrEqual(1e-5);
  expect(maxDifference(after!, next!)).toBe(0);
});

test("a stream that is normalised is no sum of what is written, and is not checked to be one", async () => {
  const claims = async (name: string): Promise<string[]> =>
    (await checkInvariants(await opened(name))).map(({ claim }) => claim);
  const [before, after] = await Promise.all(["opt", "opt-postnorm"].map(claims));
  const sum = "resid_pre and what the block writes is resid_post";
  expect(before).toContain(sum);
  expect(after).toEqual(before!.filter((claim) => claim !== sum));
});

test("a network whose last block normalises the stream has no final norm, and says why", async () => {
  const net = await opened("opt-postnorm");
  await expect(net.run(prompt, { capture: "ln_final.normalized" })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: opt-postnorm has no site "ln_final.normalized": the norm of its last block is the last one.
      fix: the nearest are "blocks.0.ln1.normalized", "blocks.0.ln2.normalized", "blocks.1.ln1.normalized"; all 35 are listed by \`patchclamp sites\`.]
  `);
});

test("the layout follows the config", () => {
  const names = (config: Readonly<Record<string, unknown>>): string[] =>
    optFamily
      .layout(optFamily.config({ num_hidden_layers: 1, hidden_size: 24, ...config }))
      .map(({ name }) => name.replace("model.decoder.", ""));
  const plain = names({});
  expect(plain.filter((name) => name.endsWith(".bias"))).toHaveLength(9);
  expect(names({ enable_bias: false }).filter((name) => name.endsWith(".bias"))).toHaveLength(3);
  expect(names({ word_embed_proj_dim: 24 })).toEqual(plain);
  expect(names({ word_embed_proj_dim: 12 })).toEqual(
    expect.arrayContaining(["project_in.weight", "project_out.weight"]),
  );
  expect(plain).toContain("final_layer_norm.weight");
  expect(names({ do_layer_norm_before: false })).not.toContain("final_layer_norm.weight");
  expect(names({ _remove_final_layer_norm: true })).not.toContain("final_layer_norm.weight");
  expect(names({ tie_word_embeddings: false }).at(-1)).toBe("lm_head.weight");
});
