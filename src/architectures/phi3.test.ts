import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openNetwork } from "../checkpoints/load.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { phi3Config, phi3Family } from "./phi3.ts";

const factors = (size: number): number[] => Array.from({ length: size }, (_, i) => 1 + i / 10);

const published = {
  architectures: ["Phi3ForCausalLM"],
  attention_bias: false,
  attention_dropout: 0,
  auto_map: { AutoConfig: "configuration_phi3.Phi3Config" },
  embd_pdrop: 0,
  hidden_act: "silu",
  hidden_size: 3072,
  initializer_range: 0.02,
  intermediate_size: 8192,
  model_type: "phi3",
  num_hidden_layers: 32,
  original_max_position_embeddings: 4096,
  resid_pdrop: 0,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  torch_dtype: "bfloat16",
  use_cache: true,
};

test("Phi-3-mini-4k as published is a Llama with a window in all layers", () => {
  const config = phi3Config({
    ...published,
    max_position_embeddings: 4096,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    rope_scaling: null,
    sliding_window: 2047,
    tie_word_embeddings: false,
    vocab_size: 32064,
  });
  expect(config).toMatchObject({
    nHeads: 32,
    nKvHeads: 32,
    dHead: 96,
    nCtx: 4096,
    epsilon: 1e-5,
    rope: { theta: 10000, dim: 96, scaling: null },
    biases: { qkv: false, o: false, mlp: false },
    ties: false,
  });
  expect(new Set(config.layers.map(({ window }) => window))).toEqual(new Set([2047]));
});

test.each(["su", "longrope"])(
  "Phi-3-mini-128k as published, which says %s, has factors",
  (type) => {
    const config = phi3Config({
      ...published,
      max_position_embeddings: 131072,
      num_attention_heads: 32,
      rope_scaling: { type, short_factor: factors(48), long_factor: factors(48) },
      sliding_window: 262144,
    });
    expect(config.nCtx).toBe(131072);
    expect(config.rope.scaling).toEqual({
      kind: "longrope",
      originalContext: 4096,
      shortFactors: factors(48),
      longFactors: factors(48),
      gain: Math.sqrt(1 + Math.log(32) / Math.log(4096)),
    });
  },
);

test("Phi-4-mini as published turns three quarters of every head", () => {
  const config = phi3Config({
    ...published,
    full_attn_mod: 1,
    interpolate_factor: 1,
    lm_head_bias: false,
    max_position_embeddings: 131072,
    mlp_bias: false,
    num_attention_heads: 24,
    num_key_value_heads: 8,
    partial_rotary_factor: 0.75,
    rope_scaling: { type: "longrope", short_factor: factors(48), long_factor: factors(48) },
    sliding_window: 262144,
    tie_word_embeddings: true,
    vocab_size: 200064,
  });
  expect(config).toMatchObject({ dHead: 128, rope: { dim: 96 }, ties: true });
});

test("the forms of transformers 4 and 5 give the same rotary positions", async () => {
  const [early, late] = await Promise.all(
    ["phi3", "phi3-longrope"].map(async (name) => (await readGolden(name)).config),
  );
  expect(early).toHaveProperty("rope_scaling.type");
  expect(late).toHaveProperty("rope_parameters.rope_type");
  const same = { original_max_position_embeddings: 8 };
  const [a, b] = [early, late].map((config) => phi3Config({ ...(config as object), ...same }).rope);
  expect(a).toEqual({ ...b, scaling: { ...b!.scaling } });
});

test("factors of another number than the pairs that turn are refused", () => {
  const rope_scaling = { type: "longrope", short_factor: factors(48), long_factor: factors(47) };
  expect(() => phi3Config({ rope_scaling })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: phi3Config: longrope has 47 numbers in "long_factor", but heads have 48 pairs that turn.
      fix: give one for every pair.]
  `);
});

test.each([
  ["attention_bias", true],
  ["lm_head_bias", true],
  ["full_attn_mod", 2],
  ["rope_scaling", { type: "longrope", factor: 4 }],
  ["embd_pdrop_rate", 0],
])("%s = %j is refused", (key, value) => {
  expect(() => phi3Config({ [key]: value })).toThrow(`config key "${key}" = `);
});

test("three projections share the rows of one tensor, and gates and values those of another", async () => {
  const layout = phi3Family.layout(phi3Config((await readGolden("phi3")).config));
  const parts = layout
    .filter(({ path, part }) => path.startsWith("blocks.1") && part !== undefined)
    .map(({ path, name, part }) => [path, name.split(".").at(-2), part!.start, part!.total]);
  expect(parts).toEqual([
    ["blocks.1.attn.q.weight", "qkv_proj", 0, 40],
    ["blocks.1.attn.k.weight", "qkv_proj", 24, 40],
    ["blocks.1.attn.v.weight", "qkv_proj", 32, 40],
    ["blocks.1.mlp.gate.weight", "gate_up_proj", 0, 64],
    ["blocks.1.mlp.in.weight", "gate_up_proj", 32, 64],
  ]);
});

test("numbers of a head beyond the part that turns stay as they are", async () => {
  const net = await openNetwork((await readGolden("phi3")).files, { check: false });
  const names = ["blocks.0.attn.k", "blocks.0.attn.rot_k"];
  const pass = await net.run([2, 60, 28], { capture: names });
  const [k, turned] = await Promise.all(
    names.map(async (name) => Array.from((await pass.at(name).data()) as Float32Array)),
  );
  const still = (values: number[]): number[] => values.filter((_, i) => i % 8 >= 6);
  expect(still(turned!)).toEqual(still(k!));
  expect(maxDifference(turned!, k!)).toBeGreaterThan(0.1);
});

/** A Phi-3 whose factors change between 8 and 9 tokens. */
async function changing(): Promise<LanguageNetwork> {
  const { files, config } = await readGolden("phi3-longrope");
  const changed = { ...(config as object), original_max_position_embeddings: 8 };
  await files.write("config.json", new TextEncoder().encode(JSON.stringify(changed)));
  return openNetwork(files, { check: false });
}

const short = [2, 60, 28, 71, 17, 93];
const long = [2, 17, 93, 4, 55, 17, 93, 28, 61];

test("a text that outgrows the short factors while it is written gives the numbers of a full pass", async () => {
  const net = await changing();
  const ids = [...short];
  const wrong: string[] = [];
  const options = { maxTokens: 6, stop: [], capture: "logits" };
  for await (const { id, activations } of net.generate(short, options)) {
    const full = await net.run(ids);
    const [own, want] = await Promise.all(
      [activations["logits"]!, full.logits].map(async (logits) =>
        Array.from((await logits.data()) as Float32Array).slice(-101),
      ),
    );
    // float32 sums of up to 32 terms, on logits of order 2
    if (!(maxDifference(own!, want!) <= 2e-5)) wrong.push(`${ids.length} tokens`);
    ids.push(id);
  }
  expect(wrong).toEqual([]);
  expect(ids).toHaveLength(12);
});

test("a short text beside a long one keeps its own factors", async () => {
  const net = await changing();
  const name = "blocks.0.attn.rot_k";
  const keys = async (given: Parameters<typeof net.run>[0]): Promise<number[]> => {
    const pass = await net.run(given, { capture: name });
    return Array.from((await pass.at(name).data()) as Float32Array);
  };
  const [both, first, second] = await Promise.all([keys([short, long]), keys(short), keys(long)]);
  const row = long.length * 8;
  expect(maxDifference(both.slice(row - short.length * 8, row), first)).toBeLessThanOrEqual(1e-6);
  expect(maxDifference(both.slice(row), second)).toBeLessThanOrEqual(1e-6);
  // with the long factors it would be far off
  const stretched = await keys([...short, 17, 93, 28]);
  expect(maxDifference(stretched.slice(0, short.length * 8), first)).toBeGreaterThan(0.1);
});
