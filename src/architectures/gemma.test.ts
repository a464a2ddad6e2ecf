import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openCheckpoint } from "../checkpoints/checkpoint.ts";
import { openNetwork } from "../checkpoints/load.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { Edits } from "../network/network.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { gemma2Family, gemma3Family, gemmaFamily } from "./gemma.ts";

const prompt = [2, 60, 28, 71, 17, 93];

async function tiny(name: string): Promise<LanguageNetwork> {
  return openNetwork((await readGolden(name)).files, { check: false });
}

async function site(net: LanguageNetwork, name: string, edit: Edits = {}): Promise<number[]> {
  const pass = await net.run(prompt, { capture: name, edit });
  return Array.from((await pass.at(name).data()) as Float32Array);
}

test.each([
  ["gemma", gemmaFamily],
  ["gemma2", gemma2Family],
  ["gemma3", gemma3Family],
])("no site that %s is said to lack is one of its sites", async (name, family) => {
  const names = new Set(
    (await tiny(name)).sites().map((s) => s.name.replace(/^blocks\.\d+\./, "")),
  );
  const absent = Object.keys(family.absent);
  expect(absent).not.toEqual([]);
  expect(absent.filter((own) => names.has(own))).toEqual([]);
});

test("every site of Gemma has a meaning", async () => {
  const unknown = (await tiny("gemma3")).sites().filter(({ meaning }) => meaning === "");
  expect(unknown.map(({ name }) => name)).toEqual([]);
});

test("gains are kept as the file has them", async () => {
  const { files } = await readGolden("gemma");
  const stored = await (await openCheckpoint(files)).float32("model.norm.weight");
  const net = await openNetwork(files, { check: false });
  const { weight } = (net.definition.params as unknown as { lnFinal: { weight: Tensor } }).lnFinal;
  expect(await weight.data()).toEqual(stored);
});

test("a gain is 1 more than what is stored", async () => {
  const net = await tiny("gemma2");
  const [normalized, out] = await Promise.all([
    site(net, "blocks.0.ln1_post.normalized"),
    site(net, "blocks.0.attn_out"),
  ]);
  const { files } = await readGolden("gemma2");
  const name = "model.layers.0.post_attention_layernorm.weight";
  const stored = await (await openCheckpoint(files)).float32(name);
  const want = normalized.map((x, i) => x * (1 + stored[i % stored.length]!));
  // one product in float32, on numbers of order 3
  expect(maxDifference(out, want)).toBeLessThanOrEqual(2e-6);
});

test.each(["attn", "mlp"])(
  "the length of %s.raw_out is lost in the norm after it",
  async (module) => {
    const net = await tiny("gemma2");
    const out = `blocks.0.${module}_out`;
    const before = await site(net, out);
    const longer = await site(net, out, { [`blocks.0.${module}.raw_out`]: (x) => x.mul(100) });
    const turned = await site(net, out, { [`blocks.0.${module}.raw_out`]: (x) => x.mul(-100) });
    // the norm adds 1e-6 to mean squares of order 1
    expect(maxDifference(longer, before)).toBeLessThanOrEqual(1e-4);
    expect(maxDifference(turned, before)).toBeGreaterThan(1);
  },
);

test("what is added to the stream is read after the norm", async () => {
  const net = await tiny("gemma2");
  const edit: Edits = { "blocks.0.attn_out": (x) => x.mul(2) };
  const [before, out, after] = await Promise.all([
    site(net, "blocks.0.resid_pre"),
    site(net, "blocks.0.attn_out"),
    site(net, "blocks.0.resid_mid", edit),
  ]);
  const want = before.map((x, i) => x + 2 * out[i]!);
  expect(maxDifference(after, want)).toBeLessThanOrEqual(1e-5);
});

test("scores and logits of Gemma 2 come near their bounds and never pass them", async () => {
  const net = await tiny("gemma2");
  const scores = await site(net, "blocks.1.attn.scores", {
    "blocks.1.attn.rot_q": (x) => x.mul(100),
  });
  const seen = scores.filter((x) => x > -1e29).map(Math.abs);
  expect(Math.max(...seen)).toBeLessThanOrEqual(2);
  expect(Math.max(...seen)).toBeGreaterThan(1.99);
  const logits = (await site(net, "logits", { "ln_final.normalized": (x) => x.mul(100) })).map(
    Math.abs,
  );
  expect(Math.max(...logits)).toBeLessThanOrEqual(3);
  expect(Math.max(...logits)).toBeGreaterThan(2.99);
});

test("layers of one kind see the window, and of the other kind everything", async () => {
  const net = await tiny("gemma3");
  const seen = async (layer: number): Promise<number> => {
    const last = (await site(net, `blocks.${layer}.attn.pattern`)).slice(-6);
    return last.filter((probability) => probability > 0).length;
  };
  expect(await Promise.all([0, 1, 2].map(seen))).toEqual([4, 6, 4]);
});

test("layers of two kinds turn by different angles", async () => {
  const net = await tiny("gemma3");
  // two blocks that are given the same keys
  const [local, global] = await Promise.all(
    [0, 1].map((layer) =>
      site(net, `blocks.${layer}.attn.rot_k`, {
        [`blocks.${layer}.attn.k_norm`]: (x) => x.mul(0).add(1),
      }),
    ),
  );
  const row = 2 * 6;
  expect(maxDifference(local!.slice(0, row), global!.slice(0, row))).toBe(0);
  expect(maxDifference(local!.slice(row), global!.slice(row))).toBeGreaterThan(0.1);
});
