// Whole networks in a real tab: the numbers of transformers, on WebAssembly and on WebGPU.

import { beforeAll, describe, expect, test } from "vitest";

import { openNetwork } from "../../src/checkpoints/load.ts";
import { compile, configure, randn } from "../../src/runtime/index.ts";
import type { Tensor } from "../../src/runtime/index.ts";
import { difference, readGolden } from "../golden/read.ts";

// WebGPU sums in another order and its exp and tanh are less exact than those of a CPU
const MAX_ABS = { wasm: 1e-4, webgpu: 1e-3 } as const;

describe.each(["wasm", "webgpu"] as const)("on %s", (device) => {
  beforeAll(async () => configure({ device, threads: device === "wasm" ? 2 : 1 }));

  test.each(["gpt2", "llama3-rope", "gemma2", "bloom", "deepseek-v3", "mamba"] as const)(
    "%s: every site equals that of transformers",
    async (name) => {
      const golden = await readGolden(name);
      const net = await openNetwork(golden.files);
      const { ids, sites } = golden.prompts[0];
      const out = await net.run(ids, { capture: [...sites.keys()] });
      const wrong: string[] = [];
      for (const [site, want] of sites) {
        const tensor = out.at(site);
        const data = (await tensor.data()) as Float32Array;
        const { maxAbs } = difference(site, { shape: tensor.shape, data }, want);
        if (!(maxAbs <= MAX_ABS[device])) wrong.push(`${site}: off by ${maxAbs}`);
      }
      expect(wrong).toEqual([]);
    },
  );

  test("generation gives the tokens of transformers", async () => {
    const golden = await readGolden("gpt2");
    const net = await openNetwork(golden.files, { check: false });
    const { ids, greedy } = golden.prompts[0];
    const made: number[] = [];
    for await (const { id } of net.generate(ids, { maxTokens: 8, stop: [] })) made.push(id);
    expect(made).toEqual(greedy.slice(0, 8));
  });

  test("a donated argument is replaced by the result, call after call", async () => {
    const step = compile((x: Tensor) => x.mul(0.5).add(1), { donate: [0] });
    let x = randn([300, 1000], { seed: 1 });
    const first = (await x.numbers())[0]!;
    for (let i = 0; i < 4; i++) x = await step(x);
    expect((await x.numbers())[0]).toBeCloseTo(first / 16 + 1.875, 5);
  });
});
