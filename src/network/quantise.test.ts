import { expect, test } from "vitest";

import { collectGarbage } from "../../test/garbage.ts";
import { goldensOf, readGolden } from "../../test/golden/read.ts";
import { gpt2Family } from "../architectures/gpt2.ts";
import { mixtralFamily } from "../architectures/mixtral.ts";
import { buildNetwork } from "../checkpoints/build.ts";
import { openNetwork } from "../checkpoints/load.ts";
import { Rng } from "../core/rng.ts";
import { leaves, treeOf } from "../core/tree.ts";
import { loadNetwork } from "../organisms/load-network.ts";
import { account, collect, packedParts, printGraph } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { rewritten } from "../tensor/passes.ts";
import { fromHost, fromSource } from "../tensor/leaf.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { storiesBatch, storiesVocabulary } from "../worlds/index.ts";
import { checkInvariants } from "./invariants.ts";
import { LanguageNetwork } from "./language.ts";
import type { WeightForm } from "./quantise.ts";
import { quantise, storedBytes } from "./quantise.ts";
import { isQuantised } from "./stored-parts.ts";

const stories = await loadNetwork("organism:stories");

/** Rows of the world that the organism knows, which it was not trained on. */
function heldOut(): number[][] {
  const ids = new Map(stories.tokenizer.encode("<bos>").map((id) => ["<bos>", id]));
  for (const word of storiesVocabulary) ids.set(word, stories.tokenizer.encode(word).at(-1)!);
  const flat = storiesBatch(new Rng(5), ids, { batch: 8, pos: 64, split: "heldOut" });
  return Array.from({ length: 8 }, (_, row) => [...flat.subarray(row * 64, row * 64 + 64)]);
}

/** Mean KL divergence, in nats, of the predictions from those of the whole network. */
async function klFrom(whole: LanguageNetwork, other: LanguageNetwork): Promise<number> {
  const rows = heldOut();
  const p = whole.trace(rows).logits.logSoftmax();
  const q = other.trace(rows).logits.logSoftmax();
  return p.exp().mul(p.sub(q)).sum({ axis: -1 }).mean().item();
}

test.each([
  ["fp16", 1e-7, 1e-6, 0.51],
  ["q8", 1e-6, 1e-3, 0.28],
  ["q4", 1e-4, 1e-2, 0.16],
] as const)("%s weights keep the predictions of the organism", async (weights, low, high, part) => {
  const small = quantise(stories, { weights });
  const kl = await klFrom(stories, small);
  expect(kl).toBeLessThan(high);
  expect(kl).toBeGreaterThan(low / 10);
  expect(storedBytes(small.params) / storedBytes(stories.params)).toBeLessThan(part);
  expect(small.sites()).toEqual(stories.sites());
});

test("fp32 is the network itself", () => {
  expect(quantise(stories, { weights: "fp32" })).toBe(stories);
});

test("prepacked weights are the same numbers: predictions, gradients, steps and identity", async () => {
  const fast = quantise(stories, { weights: "fp32-prepacked" });
  expect(storedBytes(fast.params)).toBe(storedBytes(stories.params));
  expect(await fast.identity()).toEqual(await stories.identity());
  const graphOf = (pos: number): string =>
    printGraph(rewritten(collect([fast.trace([heldOut()[0]!.slice(0, pos)]).logits])));
  // weights lie in the graphs of few rows, and those of many read them as they are
  expect(graphOf(2).match(/ leaf /g)).toHaveLength(25);
  expect(graphOf(2)).not.toContain("prepacked");
  expect(graphOf(40)).not.toMatch(/ leaf |prepacked/);
  const prompt = heldOut().slice(0, 2);
  const [plain, packed] = await Promise.all(
    [stories, fast].map(async (net) => (await net.run(prompt)).logits.numbers()),
  );
  // another order of the same sums, in float32
  expect(largestDifference(plain!, packed!)).toBeLessThan(1e-4);
  const slopes = await Promise.all(
    [stories, fast].map(async (net) => {
      const { grads } = await net.grad(prompt, {
        of: ({ logits }) => logits.square().mean(),
        at: "blocks.1.resid_post",
      });
      return grads["blocks.1.resid_post"]!.numbers();
    }),
  );
  expect(cosine(slopes[0]!, slopes[1]!)).toBeGreaterThan(0.999999);
  const story = "Mira was at the park. That day she found a red kite and";
  const options = { maxTokens: 20, temperature: 1, seed: 3 };
  expect(await fast.complete([story, "Tomo"], options)).toEqual(
    await stories.complete([story, "Tomo"], options),
  );
});

test.each(await goldensOf("decoder"))(
  "%s in four bits: cached decoding equals the full pass, and an edit of scale 0 changes nothing",
  async (name) => {
    const golden = await readGolden(name);
    const net = await openNetwork(golden.files, { check: false });
    const small = quantise(net, { weights: "q4", blockSize: 16 });
    const { dModel } = net.config as { readonly dModel?: number };
    expect(isQuantised(small.params)).toBe(dModel! >= 16);
    // more exact than what is asked of networks in general: these are too small for ties in rounding
    for (const { claim, error } of await checkInvariants(small))
      expect([claim, error <= 1e-5]).toEqual([claim, true]);
    const at = "blocks.0.resid_post";
    const { ids } = golden.prompts[0];
    const { grads } = await small.grad(ids, { of: (pass) => pass.logits.square().mean(), at });
    const slope = await grads[at]!.numbers();
    expect(slope.every(Number.isFinite) && slope.some((value) => value !== 0)).toBe(true);
  },
);

test("products and look-ups never make packed weights whole, tied ones neither", () => {
  const small = quantise(stories, { weights: "q4" });
  const graph = rewritten(collect([small.trace([[2, 9, 4]]).logits]));
  const whole = graph.nodes.filter(
    ({ op, outputs }) => op.name === "dequantise" && outputs[0]!.shape[0]! > 3,
  );
  expect(whole).toEqual([]);
  expect(graph.nodes.filter(({ op }) => op.name === "packedLinear")).toHaveLength(4 * 6 + 1);
  expect(printGraph(graph)).toMatch(/input uint8\[\d+, 2, 32\] leaf \d+/);
  const { leafBytes, peakBytes } = account([small.trace([[2, 9, 4]]).logits]);
  expect(leafBytes).toBeLessThan(0.2 * account([stories.trace([[2, 9, 4]]).logits]).leafBytes);
  expect(peakBytes).toBeLessThan(100_000);
});

test("gradients are those of a network that holds what the packed weights stand for", async () => {
  const small = quantise(stories, { weights: "q4" });
  const whole = await unpacked(small);
  const [prompt, at] = [[2, 9, 4, 30], "blocks.2.resid_post"] as const;
  const of = (pass: { logits: Tensor }) => pass.logits.slice({ axis: 1, start: -1 }).logSumExp();
  const slopes = async (net: LanguageNetwork): Promise<ArrayLike<number>> =>
    (await net.grad([[...prompt]], { of: (pass) => of(pass).sum(), at })).grads[at]!.numbers();
  const [ours, theirs] = [await slopes(small), await slopes(whole)];
  expect(cosine(ours, theirs)).toBeGreaterThan(0.995);
  expect(cosine(ours, await slopes(stories))).toBeLessThan(0.9999);
});

test("captures and edits at a site of a network in four bits are those of one that holds what it stands for", async () => {
  const small = quantise(stories, { weights: "q4" });
  const whole = await unpacked(small);
  const prompt = [[2, 9, 4, 30, 12]];
  const site = "blocks.1.resid_post";
  const runs = [];
  for (const net of [small, whole]) {
    const out = await net.run(prompt, {
      capture: [site, "logits"],
      edit: { "blocks.1.attn_out": (x) => x.mul(3) },
    });
    runs.push([await out.at(site).numbers(), await out.logits.numbers()]);
  }
  expect(cosine(runs[0]![0]!, runs[1]![0]!)).toBeGreaterThan(0.9995);
  expect(cosine(runs[0]![1]!, runs[1]![1]!)).toBeGreaterThan(0.999);
});

test("experts are packed, routers are not, and a group of rows meets its own weights", async () => {
  const config = mixtralFamily.config({
    architectures: ["MixtralForCausalLM"],
    hidden_size: 32,
    intermediate_size: 48,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    vocab_size: 40,
    num_local_experts: 32,
    num_experts_per_tok: 3,
  });
  const rng = new Rng(4);
  const params = treeOf(
    mixtralFamily.layout(config).map(({ path, shape }): [string, Tensor] => {
      const data = Float32Array.from(rng.normals(sizeOf(shape)), (x) => x * 0.3);
      return [path, fromHost(data, { shape, dtype: "float32" }, path)];
    }),
  );
  const net = buildNetwork({ name: "experts", family: mixtralFamily, config, params });
  const small = quantise(net, { weights: "q8" });
  const packed = leaves<Tensor>(small.params).flatMap(([path, w]) =>
    packedParts(w) ? [path] : [],
  );
  expect(packed.filter((path) => path.includes("experts"))).toHaveLength(3 * 32);
  expect(packed.some((path) => path.includes("router"))).toBe(false);
  const prompt = [[3, 9, 21, 14, 30]];
  const ours = await (await small.run(prompt)).logits.numbers();
  const theirs = await (await (await unpacked(small)).run(prompt)).logits.numbers();
  expect(cosine(ours, theirs)).toBeGreaterThan(0.9995);
});

test("the original's weights are let go of when they are packed", async () => {
  const config = gpt2Family.config({ n_embd: 32, n_layer: 1, n_head: 2, vocab_size: 64 });
  const loaded: WeakRef<Float32Array>[] = [];
  const params = gpt2Family.layout(config).map(({ path, shape }): [string, Tensor] => {
    const load = async (): Promise<Float32Array> => {
      const data = new Float32Array(sizeOf(shape)).fill(0.1);
      if (shape.length === 2) loaded.push(new WeakRef(data));
      return data;
    };
    return [path, fromSource(load, { shape, dtype: "float32" }, path)];
  });
  const family = { name: "short-lived", family: gpt2Family, config };
  const small = quantise(buildNetwork({ ...family, params: treeOf(params.splice(0)) }), {
    weights: "q4",
  });
  await small.run([[1, 2, 3]]);
  await collectGarbage();
  expect(loaded).toHaveLength(8);
  // the last one, which frames of the last calls may still hold
  expect(loaded.filter((data) => data.deref() !== undefined).length).toBeLessThanOrEqual(1);
  await small.run([[1, 2]]);
  expect(loaded).toHaveLength(8);
});

test("asking for a form or block size that does not exist is refused, as is quantising twice", () => {
  expect(() => quantise(stories, { weights: "q5" as WeightForm }))
    .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: quantise: weights cannot be stored as "q5".
        fix: use one of q4, q8, fp16, fp32, fp32-prepacked.]
    `);
  expect(() => quantise(stories, { weights: "q4", blockSize: 48 }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: quantise: blockSize is 48, not a power of two from 16 to 256.
      fix: leave it out, or use 32, 64 or 128.]
  `);
  const small = quantise(stories, { weights: "q8" });
  expect(() => quantise(small, { weights: "q4" })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: quantise: the weights of organism:stories are stored in another form already.
      fix: give the network that it was made of.]
  `);
});

/** The same network with every packed weight as the float32 numbers it stands for. */
async function unpacked(net: LanguageNetwork): Promise<LanguageNetwork> {
  const all: [string, Tensor][] = [];
  for (const [path, weight] of leaves<Tensor>(net.params)) {
    const { shape, dtype } = weight;
    all.push([path, fromHost(await weight.data(), { shape, dtype }, path)]);
  }
  const { name, config, forward } = net;
  return new LanguageNetwork({ name, config, params: treeOf(all), forward });
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return dot / Math.sqrt(aa * bb);
}
