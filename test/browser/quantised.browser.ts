// Weights in few bits in a real tab: kernels that read them as they are, and what they stand for.

import { beforeAll, describe, expect, test } from "vitest";

import { gpt2Family } from "../../src/architectures/gpt2.ts";
import { buildNetwork } from "../../src/checkpoints/build.ts";
import { Rng } from "../../src/core/rng.ts";
import { leaves, treeOf } from "../../src/core/tree.ts";
import type { LanguageNetwork } from "../../src/network/language.ts";
import { quantise } from "../../src/network/quantise.ts";
import { isQuantised } from "../../src/network/stored-parts.ts";
import { configure } from "../../src/runtime/index.ts";
import type { Tensor } from "../../src/runtime/index.ts";
import { fromHost } from "../../src/tensor/leaf.ts";
import { sizeOf } from "../../src/tensor/tensor.ts";

const config = gpt2Family.config({
  n_embd: 64,
  n_layer: 2,
  n_head: 2,
  vocab_size: 96,
  n_positions: 32,
});

/** A small network of random weights. */
function network(): LanguageNetwork {
  const rng = new Rng(2);
  const params = gpt2Family.layout(config).map(({ path, shape }): [string, Tensor] => {
    const data = Float32Array.from(rng.normals(sizeOf(shape)), (x) => x * 0.2);
    return [path, fromHost(data, { shape, dtype: "float32" }, path)];
  });
  return buildNetwork({ name: "small", family: gpt2Family, config, params: treeOf(params) });
}

/** The same network with every packed weight as the numbers it stands for. */
async function unpacked(net: LanguageNetwork): Promise<LanguageNetwork> {
  const params: [string, Tensor][] = [];
  for (const [path, weight] of leaves<Tensor>(net.params)) {
    const { shape, dtype } = weight;
    params.push([path, fromHost(await weight.data(), { shape, dtype }, path)]);
  }
  return buildNetwork({ name: "whole", family: gpt2Family, config, params: treeOf(params) });
}

describe.each(["wasm", "webgpu"] as const)("on %s", (device) => {
  beforeAll(async () => configure({ device, threads: device === "wasm" ? 2 : 1 }));

  test.each(["q4", "q8"] as const)("%s weights compute what they stand for", async (weights) => {
    const small = quantise(network(), { weights, blockSize: 32 });
    expect(isQuantised(small.params)).toBe(true);
    const prompt = [[3, 17, 80, 5]];
    const ours = await (await small.run(prompt)).logits.numbers();
    const theirs = await (await (await unpacked(small)).run(prompt)).logits.numbers();
    const scale = Math.max(...theirs.map(Math.abs));
    const worst = Math.max(...theirs.map((x, i) => Math.abs(x - ours[i]!)));
    expect(worst / scale).toBeLessThan(0.05); // input in eight bits, where the device's kernel rounds it
    const ids: number[] = [];
    for await (const { id } of small.generate(prompt, { maxTokens: 4, stop: [] })) ids.push(id);
    expect(ids).toHaveLength(4);
  });
});
