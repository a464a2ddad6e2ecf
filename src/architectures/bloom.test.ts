import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openNetwork } from "../checkpoints/load.ts";
import { openCheckpoint } from "../checkpoints/checkpoint.ts";
import { saveCheckpoint } from "../checkpoints/save.ts";
import { memoryFiles } from "../core/files.ts";
import { alibiSlopes } from "../nn/masks.ts";

const prompt = [2, 60, 28, 71];

test("without queries, scores are the penalty on distance, by head", async () => {
  const net = await openNetwork((await readGolden("bloom")).files, { check: false });
  const name = "blocks.1.attn.scores";
  const edit = { "blocks.1.attn.q": (x: ReturnType<typeof net.trace>["logits"]) => x.mul(0) };
  const scores = await (await net.run(prompt, { capture: name, edit })).at(name).numbers();
  const want: number[] = [];
  const seen: number[] = [];
  for (const [head, slope] of alibiSlopes(6).entries())
    for (let query = 0; query < 4; query++)
      for (let key = 0; key <= query; key++) {
        want.push(slope * (key - query));
        seen.push(scores[(head * 4 + query) * 4 + key]!);
      }
  // float32 products of order 1
  expect(maxDifference(seen, want)).toBeLessThanOrEqual(1e-6);
  expect(Math.min(...want)).toBe(-1.5);
});

/** The golden's checkpoint under other names, and with tensors that it lacks. */
async function logitsOf(rename: (name: string) => string, extra: string[]): Promise<number[]> {
  const { files, config } = await readGolden("bloom");
  const { tensors, float32 } = await openCheckpoint(files);
  const stored: Record<string, { shape: readonly number[]; data: Float32Array }> = {};
  for (const [name, { shape }] of tensors) {
    stored[rename(name)] = { shape, data: await float32(name) };
  }
  for (const name of extra) stored[name] = { shape: [101, 18], data: new Float32Array(101 * 18) };
  const folder = memoryFiles({}, "renamed");
  await saveCheckpoint(folder, { config: config as Record<string, unknown>, tensors: stored });
  const net = await openNetwork(folder, { check: false });
  return Array.from(await (await net.run(prompt)).logits.numbers());
}

test("the names of the first checkpoints, and a second copy of the tied unembedding, are read", async () => {
  const plain = await logitsOf((name) => name, []);
  const early = await logitsOf((name) => name.replace("transformer.", ""), ["lm_head.weight"]);
  expect(maxDifference(plain, early)).toBe(0);
});

test("a tensor of no use is refused", async () => {
  await expect(logitsOf((name) => name, ["score.weight"])).rejects.toThrow('"score.weight"');
});
