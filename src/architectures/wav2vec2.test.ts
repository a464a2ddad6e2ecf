import { expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import { recordingsOf } from "../../test/golden/recordings.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openAudio } from "../checkpoints/open-audio.ts";
import { readSafetensors, writeSafetensors } from "../checkpoints/safetensors.ts";
import { memoryFiles } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import { Rng } from "../core/rng.ts";
import type { AudioNetwork } from "../network/audio.ts";
import type { Pass } from "../network/network.ts";
import { tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";

async function opened(name: string): Promise<AudioNetwork> {
  return openAudio((await openGolden(name)).files, { check: false });
}

async function samplesOf(name: string): Promise<[Float32Array, Float32Array]> {
  const [short, long] = await recordingsOf(await openGolden(name));
  return [short.samples, long.samples];
}

test.each(["wav2vec2-layer", "wav2vec2-group-ctc"])(
  "in %s the gradient of a logit at the samples agrees with finite differences",
  async (name) => {
    const net = await opened(name);
    const [samples] = await samplesOf(name);
    const logit = (pass: Pass): Tensor =>
      pass.logits.slice({ axis: 1, start: 4, end: 5 }).slice({ axis: 2, start: 7, end: 8 }).sum();
    const { grads } = await net.grad(samples, { of: logit, at: "samples" });
    const gradient = await grads["samples"]!.numbers();
    const rng = new Rng(5);
    for (let i = 0; i < 3; i++) {
      const direction = rng.normals(samples.length);
      const along = async (step: number): Promise<number> => {
        const moved = tensor(Array.from(direction)).unsqueeze(0).mul(step);
        return logit(net.trace(samples, { edit: { samples: (x) => x.add(moved) } })).item();
      };
      const step = 1e-3;
      const measured = ((await along(step)) - (await along(-step))) / (2 * step);
      const predicted = direction.reduce((sum, x, j) => sum + x * gradient[j]!, 0);
      // float32 logits of order 1, each off by 1e-7 and more, over a step of 2e-3
      expect(Math.abs(predicted - measured)).toBeLessThan(1e-3);
      expect(Math.abs(measured)).toBeGreaterThan(3e-2);
    }
  },
);

test("the samples behind the last whole frame change nothing", async () => {
  const net = await opened("wav2vec2-layer");
  const [samples] = await samplesOf("wav2vec2-layer");
  const gradient = (
    await net.grad(samples, { of: (pass) => pass.logits.square().sum(), at: "samples" })
  ).grads["samples"]!;
  const slopes = Array.from(await gradient.numbers());
  const read = (9 - 1) * 30 + 50;
  expect(slopes.slice(0, read).filter((x) => x === 0)).toEqual([]);
  expect(slopes.slice(read).filter((x) => x !== 0)).toEqual([]);
});

test("checkpoints with the former names of kernels give the same numbers", async () => {
  const { files } = await openGolden("wav2vec2-layer");
  const [samples] = await samplesOf("wav2vec2-layer");
  const former = await openAudio(await withFormerNames(files), { check: false });
  const [want, got] = await Promise.all(
    [await openAudio(files, { check: false }), former].map(async (net) =>
      (await net.run(samples)).logits.numbers(),
    ),
  );
  expect(maxDifference(got!, want!)).toBe(0);
});

async function withFormerNames(files: Files): Promise<Files> {
  const { tensors } = await readSafetensors(files, "model.safetensors");
  const renamed: Record<string, { shape: readonly number[]; data: Float32Array }> = {};
  for (const [name, stored] of tensors) {
    const former = name
      .replace("parametrizations.weight.original0", "weight_g")
      .replace("parametrizations.weight.original1", "weight_v");
    renamed[former] = { shape: stored.shape, data: (await stored.data()) as Float32Array };
  }
  expect(Object.keys(renamed).filter((name) => /weight_[gv]$/.test(name))).toHaveLength(2);
  return memoryFiles({
    "config.json": await files.read("config.json"),
    "model.safetensors": writeSafetensors(renamed),
  });
}

test("the length of a kernel's direction does not matter, its own length does", async () => {
  const { files } = await openGolden("wav2vec2-group-ctc");
  const [samples] = await samplesOf("wav2vec2-group-ctc");
  const embedding = async (part: string, factor: number): Promise<Float32Array> => {
    const { tensors } = await readSafetensors(files, "model.safetensors");
    const scaled: Record<string, { shape: readonly number[]; data: Float32Array }> = {};
    for (const [name, { shape, data }] of tensors) {
      const numbers = (await data()) as Float32Array;
      scaled[name] = {
        shape,
        data: name.endsWith(part) ? numbers.map((x) => x * factor) : numbers,
      };
    }
    const net = await openAudio(
      memoryFiles({
        "config.json": await files.read("config.json"),
        "model.safetensors": writeSafetensors(scaled),
      }),
      { check: false },
    );
    const pass = await net.run(samples, { capture: "pos_embed" });
    return (await pass.at("pos_embed").data()) as Float32Array;
  };
  const plain = await embedding("original1", 1);
  // float32 numbers of order 1
  expect(maxDifference(await embedding("original1", 3), plain)).toBeLessThan(1e-5);
  expect(maxDifference(await embedding("original0", 3), plain)).toBeGreaterThan(0.1);
});

test("an edit of what enters the blocks does not reach a recording's frames by way of its padding", async () => {
  const net = await opened("wav2vec2-layer");
  const [short, long] = await samplesOf("wav2vec2-layer");
  const edit = { projected: (x: Tensor) => x.add(3) };
  const alone = (await net.run(short, { edit })).logits;
  const beside = (await net.run([short, long], { edit })).logits;
  const own = beside.slice({ axis: 0, end: 1 }).slice({ axis: 1, end: alone.shape[1]! });
  const unchanged = (await net.run(short)).logits;
  // float32, a few sums in another order
  expect(maxDifference(await own.numbers(), await alone.numbers())).toBeLessThan(1e-5);
  expect(maxDifference(await unchanged.numbers(), await alone.numbers())).toBeGreaterThan(0.1);
});

test("without features, a network hears the same in every recording", async () => {
  for (const name of ["wav2vec2-layer", "wav2vec2-group-ctc"]) {
    const net = await opened(name);
    const [, samples] = await samplesOf(name);
    const other = samples.toReversed();
    const hear = async (row: Float32Array, isDeaf: boolean): Promise<ArrayLike<number>> => {
      const edit = { "features.1.post": (x: Tensor) => (isDeaf ? x.mul(0) : x) };
      return (await net.run(row, { edit })).logits.numbers();
    };
    expect(maxDifference(await hear(samples, true), await hear(other, true))).toBe(0);
    expect(maxDifference(await hear(samples, false), await hear(other, false))).toBeGreaterThan(
      0.1,
    );
  }
});

test("sites that one form of the network lacks say why", async () => {
  const [samples] = await samplesOf("wav2vec2-layer");
  const stable = await opened("wav2vec2-layer");
  const plain = await opened("wav2vec2-group");
  const asked = async (net: AudioNetwork, capture: string): Promise<unknown> =>
    net.run(samples, { capture });
  await expect(asked(stable, "ln_embed.normalized")).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: wav2vec2-layer has no site "ln_embed.normalized": its blocks read a normalised stream, which is normalised once more at the end.
      fix: the nearest are "ln_final.normalized", "ln_features.normalized", "blocks.0.ln1.normalized"; all 49 are listed by \`patchclamp sites\`.]
  `);
  await expect(asked(plain, "ln_final.normalized")).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: wav2vec2-group has no site "ln_final.normalized": the norm of its last block is the last one.
      fix: the nearest are "ln_embed.normalized", "ln_features.normalized", "blocks.0.ln1.normalized"; all 46 are listed by \`patchclamp sites\`.]
  `);
  await expect(asked(plain, "logits")).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: wav2vec2-group has no site "logits": its architecture has no head.
      fix: the nearest are "hidden", "samples", "features"; all 46 are listed by \`patchclamp sites\`.]
  `);
});
