// Every encoder-decoder against transformers: the goldens are made by test/golden/make.py.

import { describe, expect, test } from "vitest";

import { openSeq2Seq } from "../src/checkpoints/open-seq2seq.ts";
import type { GeneratedToken } from "../src/network/open-row.ts";
import type { Seq2SeqInput } from "../src/network/seq2seq-input.ts";
import type { Seq2SeqNetwork } from "../src/network/seq2seq.ts";
import type { Tensor } from "../src/runtime/index.ts";
import { randn } from "../src/runtime/index.ts";
import { MAX_ABS, values, wrongSites } from "./golden/compare.ts";
import { difference, goldensOf, openGolden } from "./golden/read.ts";
import type { GoldenFile, Values } from "./golden/read.ts";

interface Pair {
  readonly source: readonly number[];
  /** What the decoder reads, its start token included. */
  readonly target: readonly number[];
  /** The 20 tokens that greedy decoding puts behind the start token. */
  readonly greedy: readonly number[];
  /** Every site of the first pair, the logits of the second. */
  readonly sites: ReadonlyMap<string, Values>;
}

async function pairsOf({ floats, rows }: GoldenFile): Promise<[Pair, Pair]> {
  const row = async (name: string): Promise<number[]> => (await rows(name))[0]!;
  const pair = async (index: number): Promise<Pair> => ({
    source: await row(`${index}/source_ids`),
    target: await row(`${index}/target_ids`),
    greedy: await row(`${index}/greedy`),
    sites: await floats(`${index}/`),
  });
  return [await pair(0), await pair(1)];
}

async function opened(
  name: string,
  options: { check?: boolean } = { check: false },
): Promise<{ net: Seq2SeqNetwork; pairs: [Pair, Pair] }> {
  const golden = await openGolden(name);
  return { net: await openSeq2Seq(golden.files, options), pairs: await pairsOf(golden) };
}

/** Which positions of a row hold tokens. */
interface Real {
  readonly source: readonly number[];
  readonly target: readonly number[];
}

/** One row of a padded batch without its padding; what all rows share has one row. */
function alone(site: string, { shape, data }: Values, row: number, real: Real): Values {
  const own = site.startsWith("encoder.") ? real.source : real.target;
  const isSquare = /\.(?:scores|pattern)$/.test(site);
  const keys = site.includes(".cross.") ? real.source : own;
  const positions = /\.cross\.[kv]$/.test(site) ? real.source : own;
  const axes = shape.slice(1);
  const all = (size: number): number[] => Array.from({ length: size }, (_, i) => i);
  const kept = axes.map((size, axis) => {
    if (!isSquare) return axis === 0 ? positions : all(size);
    return [all(size), own, keys][axis]!;
  });
  let offsets = [shape[0] === 1 ? 0 : row];
  for (const [axis, indices] of kept.entries())
    offsets = offsets.flatMap((offset) => indices.map((i) => offset * axes[axis]! + i));
  return {
    shape: [1, ...kept.map((indices) => indices.length)],
    data: Float32Array.from(offsets, (offset) => data[offset]!),
  };
}

async function generated(
  net: Seq2SeqNetwork,
  given: Seq2SeqInput,
  options: Parameters<Seq2SeqNetwork["generate"]>[1] = {},
): Promise<GeneratedToken[]> {
  const made: GeneratedToken[] = [];
  for await (const token of net.generate(given, { stop: [], ...options })) made.push(token);
  return made;
}

function idsOf(made: readonly GeneratedToken[], row = 0): number[] {
  return made.filter((token) => token.row === row).map(({ id }) => id);
}

describe.each(await goldensOf("seq2seq"))("%s", (name) => {
  test("every site and the logits equal those of transformers", async () => {
    const { net, pairs } = await opened(name, {});
    const own = net.sites().map((site) => site.name);
    expect(own.toSorted()).toEqual([...pairs[0].sites.keys()].toSorted());
    for (const { source, target, sites } of pairs) {
      const out = await net.run({ source, target }, { capture: [...sites.keys()] });
      expect(await wrongSites(out, sites)).toEqual([]);
    }
  });

  test("greedy generation gives the tokens of transformers", async () => {
    const { net, pairs } = await opened(name);
    for (const { source, greedy } of pairs)
      expect(idsOf(await generated(net, source, { maxTokens: greedy.length }))).toEqual(greedy);
  });

  test.each(["left", "right"] as const)(
    "with targets padded on the %s every row gives the numbers it gives alone",
    async (padding) => {
      const { net, pairs } = await opened(name);
      const capture = [...pairs[0].sites.keys()];
      const prompts = pairs.map(({ target }) => target);
      const source = pairs.map((pair) => pair.source);
      const out = await net.run({ source, target: { prompts, padding } }, { capture });
      const longest = Math.max(...prompts.map((target) => target.length));
      for (const [row, { source: own, target }] of pairs.entries()) {
        const first = padding === "left" ? longest - target.length : 0;
        const real = { source: [...own.keys()], target: [...target.keys()].map((i) => first + i) };
        const single = await net.run({ source: own, target }, { capture });
        const wants = await Promise.all(
          capture.map(async (site) => [site, await values(single.at(site))] as const),
        );
        const got = async (site: string): Promise<Values> =>
          alone(site, await values(out.at(site)), row, real);
        expect(await wrongSites(got, wants)).toEqual([]);
      }
    },
  );

  test("batched generation of unequal sources equals one by one", async () => {
    const { net, pairs } = await opened(name);
    const made = await generated(
      net,
      pairs.map(({ source }) => source),
      { maxTokens: 20 },
    );
    expect([idsOf(made, 0), idsOf(made, 1)]).toEqual(pairs.map(({ greedy }) => greedy));
  });

  test("batched generation behind unequal targets equals one by one", async () => {
    const { net, pairs } = await opened(name);
    const source = pairs.map((pair) => pair.source);
    const target = pairs.map((pair) => pair.target);
    const made = await generated(net, { source, target }, { maxTokens: 8 });
    for (const [row, own] of pairs.entries())
      expect(idsOf(made, row)).toEqual(idsOf(await generated(net, own, { maxTokens: 8 })));
  });

  test("every site of the decoder at every cached step equals the full pass", async () => {
    const { net, pairs } = await opened(name);
    const [{ source, target }] = pairs;
    const made = await generated(net, { source, target }, { maxTokens: 6, capture: "decoder.**" });
    const text = [...target, ...idsOf(made)];
    const full = await net.run({ source, target: text }, { capture: "decoder.**" });
    for (const { step, activations } of made.slice(1)) {
      const at = target.length - 1 + step;
      const real = { source: [...source.keys()], target: [at] };
      const wrong: string[] = [];
      for (const [site, tensor] of Object.entries(activations)) {
        // keys of a step lie in a cache with room for more, so that these two are compared by what is made of them
        if (/\.attn\.(?:scores|pattern)$/.test(site)) continue;
        const step0 = { source: [...source.keys()], target: [0] };
        const got = alone(site, await values(tensor), 0, step0);
        const { maxAbs } = difference(site, got, alone(site, await values(full.at(site)), 0, real));
        if (!(maxAbs <= MAX_ABS)) wrong.push(`${site} at step ${step}: off by ${maxAbs}`);
      }
      expect(wrong).toEqual([]);
    }
  });

  test("edits act in the first pass and at every step, as in a loop without a cache", async () => {
    const { net, pairs } = await opened(name);
    const [{ source, greedy }] = pairs;
    const edit = {
      "encoder.blocks.0.resid_post": (x: Tensor) => x.add(randn([16], { seed: 5 })),
      "decoder.blocks.0.cross.k": (x: Tensor) => x.mul(1.5).add(0.1),
      "decoder.blocks.0.cross_out": (x: Tensor) => x.mul(2),
    };
    const slow = [net.config.decoderStart];
    for (let step = 0; step < 10; step++) {
      const { logits } = await net.run({ source, target: slow }, { edit });
      const last = await logits.slice({ axis: 1, start: -1 }).numbers();
      slow.push(last.indexOf(Math.max(...last)));
    }
    const made = await generated(net, source, { maxTokens: 10, edit, capture: "encoder.out" });
    expect(idsOf(made)).toEqual(slow.slice(1));
    expect(idsOf(made)).not.toEqual(greedy.slice(0, 10));
    expect(made.map(({ activations }) => "encoder.out" in activations)).toEqual(
      made.map(({ step }) => step === 0),
    );
  });

  test("the gradient of a logit at the encoder's output is its slope there", async () => {
    const { net, pairs } = await opened(name);
    const [{ source, target, greedy }] = pairs;
    const site = "encoder.out";
    const of = (logits: Tensor): Tensor =>
      logits
        .slice({ axis: 1, start: -1 })
        .slice({ axis: 2, start: greedy[0]!, end: greedy[0]! + 1 })
        .sum();
    const { grads } = await net.grad(
      { source, target },
      { of: (pass) => of(pass.logits), at: site },
    );
    const direction = randn([1, source.length, net.config.dModel], { seed: 3 });
    const slope = await grads[site]!.mul(direction).sum().item();
    // central differences with a step at which float32 noise and curvature are both small
    const step = 1e-2;
    const along = async (by: number): Promise<number> => {
      const edit = { [site]: (x: Tensor) => x.add(direction.mul(by)) };
      return of((await net.run({ source, target }, { edit })).logits).item();
    };
    const measured = ((await along(step)) - (await along(-step))) / (2 * step);
    expect(Math.abs(slope)).toBeGreaterThan(0.01);
    expect(Math.abs(slope - measured)).toBeLessThanOrEqual(0.01 * Math.abs(slope) + 1e-3);
  });
});
