import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openNetwork } from "../checkpoints/load.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { stablelmFamily } from "./stablelm.ts";
import type { StableLmParams } from "./stablelm.ts";

const prompt = [2, 60, 28, 71];

async function opened(name: string): Promise<LanguageNetwork> {
  return openNetwork((await readGolden(name)).files, { check: false });
}

test("every head's queries are normalised and take a gain of their own", async () => {
  const net = await opened("stablelm-parallel");
  const names = ["blocks.1.attn.q", "blocks.1.attn.q_norm"] as const;
  const pass = await net.run(prompt, { capture: names });
  const [plain, normed] = await Promise.all(names.map((name) => pass.at(name).numbers()));
  const { blocks } = net.params as unknown as StableLmParams;
  const { q } = blocks[1]!.attn.norm!;
  const gains = await Promise.all(q.map(({ weight }) => weight.numbers()));
  const dHead = 6;
  const want = Array.from(plain!, (value, i) => {
    const start = i - (i % dHead);
    const own = Array.from({ length: dHead }, (_, j) => plain![start + j]!);
    const mean = own.reduce((sum, x) => sum + x, 0) / dHead;
    const variance = own.reduce((sum, x) => sum + (x - mean) ** 2, 0) / dHead;
    const gain = gains[(start / dHead) % gains.length]![i % dHead]!;
    return ((value - mean) / Math.sqrt(variance + 1e-5)) * gain;
  });
  // float32, of order 1
  expect(maxDifference(normed!, want)).toBeLessThanOrEqual(1e-5);
});

test("the sites of a parallel block are those of a sequential one without what lies between", async () => {
  const block = async (name: string): Promise<string[]> =>
    (await opened(name))
      .sites()
      .map((site) => site.name)
      .filter((site) => site.startsWith("blocks.0."));
  const [sequential, parallel] = await Promise.all(["stablelm", "stablelm-parallel"].map(block));
  const between = ["blocks.0.resid_mid", "blocks.0.ln2.normalized"];
  const norms = ["blocks.0.attn.q_norm", "blocks.0.attn.k_norm"];
  expect(parallel!.filter((site) => !norms.includes(site))).toEqual(
    sequential!.filter((site) => !between.includes(site)),
  );
});

test("the layout follows the config", () => {
  const names = (config: Readonly<Record<string, unknown>>): string[] =>
    stablelmFamily
      .layout(stablelmFamily.config({ num_hidden_layers: 1, num_key_value_heads: 2, ...config }))
      .map(({ name }) => name.replace("model.layers.0.", ""));
  const biases = (config: Readonly<Record<string, unknown>>): string[] =>
    names(config).filter((name) => name.startsWith("self_attn") && name.endsWith(".bias"));
  expect(biases({})).toEqual([]);
  expect(biases({ use_qkv_bias: true })).toEqual(
    ["q", "k", "v"].map((name) => `self_attn.${name}_proj.bias`),
  );
  const norms = names({ qk_layernorm: true }).filter((name) => name.includes(".norms."));
  expect(norms).toHaveLength(32 + 2);
  expect(norms.at(-1)).toBe("self_attn.k_layernorm.norms.1.weight");
  expect(names({ use_parallel_residual: true })).not.toContain("post_attention_layernorm.weight");
});
