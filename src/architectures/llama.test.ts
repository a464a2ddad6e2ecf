import { expect, test } from "vitest";

import { maxDifference, tinyLlamaConfig, tinyNetwork } from "../../test/tiny.ts";
import { llamaFamily } from "./llama.ts";

const prompt = [3, 1, 4, 1, 5];
type Json = Readonly<Record<string, unknown>>;

async function site(
  name: string,
  config: Json = {},
  ids: readonly number[] = prompt,
): Promise<ArrayLike<number>> {
  const net = await tinyNetwork("llama", { config });
  return (await net.run(ids, { capture: name })).at(name).numbers();
}

test("a site that the family is said to lack is none of its sites", async () => {
  const names = (await tinyNetwork("llama")).sites().map(({ name }) => name);
  const absent = Object.keys(llamaFamily.absent);
  expect(absent).not.toEqual([]);
  expect(absent.filter((own) => names.includes(own))).toEqual([]);
});

test("biases are in the layout exactly where the config has them", () => {
  const biases = (config: Json): string[] =>
    llamaFamily
      .layout(llamaFamily.config({ ...tinyLlamaConfig, ...config }))
      .filter(({ path }) => path.startsWith("blocks.0") && path.endsWith(".bias"))
      .map(({ path }) => path.split(".").slice(2, 4).join("."));
  expect(biases({})).toEqual([]);
  expect(biases({ attention_bias: true })).toEqual(["attn.q", "attn.k", "attn.v", "attn.o"]);
  expect(biases({ mlp_bias: true })).toEqual(["mlp.gate", "mlp.in", "mlp.out"]);
});

test("a tied unembedding is not in the layout", () => {
  const names = (ties: boolean): string[] =>
    llamaFamily
      .layout(llamaFamily.config({ ...tinyLlamaConfig, tie_word_embeddings: ties }))
      .map(({ name }) => name);
  expect(names(false)).toContain("lm_head.weight");
  expect(names(true)).not.toContain("lm_head.weight");
});

test("keys have as many heads as the config shares, and queries all of them", async () => {
  const shapes = new Map(
    (await tinyNetwork("llama")).sites().map(({ name, shape }) => [name, shape]),
  );
  expect(shapes.get("blocks.0.attn.k")).toEqual([1, 3, 2, 6]);
  expect(shapes.get("blocks.0.attn.q")).toEqual([1, 3, 4, 6]);
});

test("rotation turns pair i by theta to the power of -2 i / dHead a position", async () => {
  const theta = 50;
  const config = { rope_theta: theta };
  const [before, after] = await Promise.all([
    site("blocks.0.attn.k", config),
    site("blocks.0.attn.rot_k", config),
  ]);
  const want = Array.from(before, () => 0);
  for (let pos = 0; pos < prompt.length; pos++)
    for (let head = 0; head < 2; head++)
      for (let i = 0; i < 3; i++) {
        const start = (pos * 2 + head) * 6;
        const angle = pos * theta ** (-i / 3);
        const [x, y] = [before[start + i]!, before[start + i + 3]!];
        want[start + i] = x * Math.cos(angle) - y * Math.sin(angle);
        want[start + i + 3] = y * Math.cos(angle) + x * Math.sin(angle);
      }
  // float32 angles of up to 4
  expect(maxDifference(after, want)).toBeLessThanOrEqual(1e-5);
});

test("llama3 scaling keeps fast pairs and divides the turning of slow ones", async () => {
  const scaling = (context: number): Json => ({
    rope_scaling: {
      rope_type: "llama3",
      factor: 4,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: context,
    },
  });
  const rotated = (config: Json): Promise<ArrayLike<number>> => site("blocks.0.attn.rot_q", config);
  const plain = await rotated({});
  // every pair turns at least four times in 10^7 positions, and none turns once in 6
  expect(maxDifference(await rotated(scaling(10_000_000)), plain)).toBeLessThanOrEqual(1e-6);
  const slow = await rotated(scaling(6));
  expect(maxDifference(slow, plain)).toBeGreaterThan(0.1);
  // turned a quarter as fast, position 4 is where position 1 was
  const at = (values: ArrayLike<number>, pos: number): number[] =>
    Array.from(values).slice(pos * 24, pos * 24 + 24);
  const still = [1, 1, 1, 1, 1];
  const [slowSame, plainSame] = await Promise.all([
    site("blocks.0.attn.rot_q", scaling(6), still),
    site("blocks.0.attn.rot_q", {}, still),
  ]);
  expect(maxDifference(at(slowSame, 4), at(plainSame, 1))).toBeLessThanOrEqual(1e-5);
});
