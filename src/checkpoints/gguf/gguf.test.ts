import { expect, test } from "vitest";

import families from "../../../test/golden/gguf/families.json" with { type: "json" };
import { memoryFiles } from "../../core/files.ts";
import { nodeFiles } from "../../runtime/node-files.ts";
import { openNetwork } from "../load.ts";
import { writeSafetensors } from "../safetensors.ts";
import { ggufArchitectures, openGguf } from "./gguf.ts";

const files = nodeFiles("test/golden/gguf");

/** What make_gguf.py filled the tensor of this name with: multiples of 1/64 in -2..2. */
function pattern(name: string, shape: readonly number[]): Float32Array {
  let seed = 2166136261;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 16777619);
  const length = shape.reduce((product, size) => product * size, 1);
  return Float32Array.from(
    { length },
    (_, i) => ((((seed >>> 0) % 65536) + 31 * i * i + 7 * i) % 256) / 64 - 2,
  );
}

interface Family {
  config: Record<string, unknown>;
  tensors: Record<string, number[]>;
}

const entries = Object.entries(families) as [string, Family][];

test("every architecture that is read has a file here", async () => {
  const read = await Promise.all(
    entries.map(async ([family]) => {
      const { metadata } = await openGguf(files, `${family}.gguf`);
      return metadata.get("general.architecture");
    }),
  );
  expect(new Set(read)).toEqual(new Set(ggufArchitectures));
});

test.each(entries)("%s has the tensors that transformers saves", async (family, { tensors }) => {
  const { checkpoint } = await openGguf(files, `${family}.gguf`);
  const shapes = [...checkpoint.tensors.values()].map(({ name, shape }) => [name, shape]);
  expect(Object.fromEntries(shapes)).toEqual(tensors);
  for (const [name, shape] of Object.entries(tensors)) {
    const data = await checkpoint.float32(name);
    const expected = pattern(name, shape);
    // A = -exp(A_log) is stored, so that A_log comes back as exactly as float32 allows
    const allowed = name.endsWith("A_log") ? 1e-6 : 0;
    const error = expected.reduce((most, x, i) => Math.max(most, Math.abs(data[i]! - x)), 0);
    expect({ name, isExact: error <= allowed }).toEqual({ name, isExact: true });
  }
});

test.each(entries)("any part of any tensor of %s can be read", async (family, { tensors }) => {
  const { checkpoint } = await openGguf(files, `${family}.gguf`);
  for (const name of Object.keys(tensors)) {
    const whole = await checkpoint.float32(name);
    const range = [1, whole.length - 1] as const;
    expect(await checkpoint.float32(name, range)).toEqual(whole.subarray(...range));
  }
});

test.each(entries)("%s has the config that transformers saves", async (family, { config }) => {
  const opened = await openGguf(files, `${family}.gguf`);
  // transformers 5 renames what Qwen3's published files call num_experts
  const { num_local_experts: experts } = config;
  expect({ num_experts: experts, ...config }).toMatchObject(opened.config);
});

test.each(entries)("%s computes what its folder computes", async (name, { config, tensors }) => {
  const stored = Object.entries(tensors).map(([tensor, shape]) => [
    tensor,
    { shape, data: pattern(tensor, shape) },
  ]);
  const folder = memoryFiles({
    "config.json": JSON.stringify(config),
    "model.safetensors": writeSafetensors(Object.fromEntries(stored)),
  });
  const logits = async (from: Parameters<typeof openNetwork>[0]): Promise<Float32Array> => {
    const network = await openNetwork(from, { check: false });
    const run = await network.run([[3, 1, 4, 1, 5, 9, 2, 6]], { capture: ["logits"] });
    return (await run.logits.data()) as Float32Array;
  };
  const ours = await logits(await openGguf(files, `${name}.gguf`));
  const theirs = await logits(folder);
  expect(theirs.every(Number.isFinite)).toBe(true);
  const error = theirs.reduce((most, x, i) => Math.max(most, Math.abs(ours[i]! - x)), 0);
  // A of state spaces differs in its last bits, and logits here are in the tens; all else is the same
  expect(error).toBeLessThanOrEqual(name.startsWith("mamba") ? 1e-4 : 0);
});

/** The bytes of a fixture with some bytes of a text in it replaced by as many others. */
async function edited(name: string, from: string, to: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(await files.read(name));
  const [old, next] = [from, to].map((text) => new TextEncoder().encode(text)) as [
    Uint8Array,
    Uint8Array,
  ];
  expect(next).toHaveLength(old.length);
  let found = 0;
  for (let at = 0; at + old.length <= bytes.length; at++) {
    if (!old.every((byte, i) => bytes[at + i] === byte)) continue;
    bytes.set(next, at);
    found++;
  }
  expect(found).toBeGreaterThan(0);
  return bytes;
}

const opening = async (bytes: Uint8Array): Promise<unknown> =>
  openGguf(memoryFiles({ "x.gguf": bytes }), "x.gguf");

test("what is not known is refused by its name", async () => {
  await expect(
    edited("llama.gguf", "llama.rope.freq_base", "llama.rope.freq_bass").then(opening),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf has "rope_freqs.weight" with other divisors than Llama 3.1's scaling.]`,
  );
  await expect(
    edited("llama.gguf", "blk.1.ffn_gate", "blk.1.ffn_gatf").then(opening),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf holds a tensor "blk.1.ffn_gatf.weight", which "llama" is not known to have; the nearest are blk.#.ffn_gate, blk.#.ffn_down, blk.#.ffn_norm.]`,
  );
  const renamed = await edited("qwen2.gguf", "qwen2", "qwen9");
  await expect(opening(renamed)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf is of llama.cpp's architecture "qwen9"; PatchClamp reads llama, granite, smollm3, qwen2, qwen3, olmo2, stablelm, phi3, gemma, gemma2, gemma3, gpt2, gptneox, bloom, phi2, qwen2moe, qwen3moe, olmoe, deepseek2, gpt-oss, mamba, mamba2.]`,
  );
  await expect(
    edited("llama.gguf", "model", "mmpro").then(opening),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf is of general.type "mmpro", not a network of its own.]`,
  );
});

test("metadata that is missing or says what cannot be computed is refused by its key", async () => {
  await expect(
    edited("llama.gguf", "llama.block_count", "other.block_count").then(opening),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf lacks the metadata key "llama.block_count".]`,
  );
  await expect(
    edited("llama.gguf", "llama.attention.value_length", "llama.attention.clamp_kqv123").then(
      opening,
    ),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf has the metadata "llama.attention.clamp_kqv123" = 8; it may change the numbers and is not handled.]`,
  );
  await expect(
    edited("deepseek2.gguf", "deepseek2.rope.scaling.type", "deepseek2.rope.scaling.tipe").then(
      opening,
    ),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf has the metadata "deepseek2.rope.scaling.tipe" = yarn; it may change the numbers and is not handled.]`,
  );
  await expect(
    edited("phi3.gguf", "rope_factors_short", "rope_factors_shirt").then(opening),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf has no tensor "rope_factors_short.weight".]`,
  );
  await expect(
    edited("llama.gguf", "rope_freqs.weight", "rope_freqz.weight").then(opening),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf holds a tensor "rope_freqz.weight", which "llama" is not known to have; the nearest are token_embd, output, output_norm.]`,
  );
});

test("half of a joined tensor is refused", async () => {
  await expect(
    edited("deepseek2.gguf", "blk.1.attn_k_b.weight", "blk.1.attn_q_b.weight").then(opening),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf holds "blk.1.attn_v_b.weight" without its other half.]`,
  );
});

test("a count of blocks beyond the file's tensors is refused", async () => {
  const bytes = new Uint8Array(await files.read("smollm3.gguf"));
  const key = new TextEncoder().encode("smollm3.block_count");
  const at = bytes.findIndex((_, i) => key.every((byte, j) => bytes[i + j] === byte));
  new DataView(bytes.buffer).setUint32(at + key.length + 4, 2 ** 31, true);
  await expect(opening(bytes)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: x.gguf claims 2147483648 blocks, but has 38 tensors.]`,
  );
});
