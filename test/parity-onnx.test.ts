// ONNX exports of transformers models against PyTorch: the exports are made by test/golden/onnx/exports/make_exports.py.

import { describe, expect, test } from "vitest";

import type { OnnxNetwork } from "../src/network/onnx/onnx-network.ts";
import type { Tensor } from "../src/runtime/index.ts";
import { fromHost } from "../src/tensor/leaf.ts";
import { values, wrongSites } from "./golden/compare.ts";
import { difference } from "./golden/read.ts";
import type { Values } from "./golden/read.ts";
import { exportNames, openExport } from "./golden/onnx/exports.ts";

/** Sites that PyTorch's hooks saw and an export has no value for, which the report must account for. */
const LACKING: Readonly<Record<string, readonly string[]>> = {
  "bert-fused": ["embed", "attn.q", "attn.k", "attn.v", "attn.z", "attn_out", "mlp_out"],
  "bert-fused-mha": ["embed", "attn.q", "attn.k", "attn.v", "attn.z", "attn_out", "mlp_out"],
  "gpt2-fused": ["mlp_out"],
  "llama-fused": ["attn.q", "attn.k", "attn.v", "attn.z"],
  "vit-fused": ["attn_out", "mlp_out"],
};

const isSite = (name: string): boolean => /^(?:blocks\.\d+\.|embed$|logits$)/.test(name);

function leaf({ data, shape }: Values): Tensor {
  return fromHost(data, { shape, dtype: "float32" });
}

/** The scalar that PyTorch differentiated. */
function weighted(network: OnnxNetwork, wanted: ReadonlyMap<string, Values>) {
  return (pass: { readonly at: (site: string) => Tensor }): Tensor =>
    pass
      .at(network.output)
      .mul(leaf(wanted.get("weight")!))
      .sum();
}

describe.each(exportNames)("%s", async (name) => {
  const { network, given, wanted } = await openExport(name);
  const own = new Set(network.sites().map((site) => site.name));
  const recorded = [...wanted].filter(([site]) => isSite(site));

  test("every site that PyTorch's hooks saw is recognised, or the export is known to have no such value", () => {
    const missing = recorded
      .map(([site]) => site)
      .filter((site) => !own.has(site) && network.output !== site)
      .map((site) => site.replace(/^blocks\.\d+\./, ""));
    expect([...new Set(missing)].toSorted()).toEqual([...(LACKING[name] ?? [])].toSorted());
    for (const site of new Set(missing)) expect(network.recognised.absent).toHaveProperty([site]);
  });

  test("what is recognised equals what PyTorch's hooks saw", async () => {
    const shared = recorded.filter(([site]) => own.has(site));
    const pass = await network.run(given, { capture: shared.map(([site]) => site) });
    expect(await wrongSites(pass, shared)).toEqual([]);
  });

  test("the stream before every block is output_hidden_states", async () => {
    const states = [...wanted.keys()].filter((key) => key.startsWith("hidden/")).length;
    const before = Array.from({ length: states - 1 }, (_, i) => `blocks.${i}.resid_pre`);
    const isStream = own.has("blocks.0.resid_pre");
    expect(isStream).toBe(!name.startsWith("resnet"));
    if (!isStream) return;
    const pass = await network.run(given, { capture: before });
    const pairs = before.map((site, i) => [site, wanted.get(`hidden/${i}`)!] as const);
    expect(await wrongSites(pass, pairs)).toEqual([]);
  });

  test("gradients at sites are those of autograd", async () => {
    const at = [...wanted.keys()]
      .flatMap((key) => (key.startsWith("grad/") ? [key.slice("grad/".length)] : []))
      .filter((site) => own.has(site));
    const { grads } = await network.grad(given, { of: weighted(network, wanted), at });
    const wrong: string[] = [];
    for (const site of at) {
      const want = wanted.get(`grad/${site}`)!;
      const largest = want.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const { maxAbs } = difference(site, await values(grads[site]!), want);
      // relative to the largest: small entries are differences of large ones
      if (!(maxAbs <= 1e-3 * largest)) wrong.push(`${site}: off by ${maxAbs / largest}`);
    }
    expect(wrong).toEqual([]);
    expect(at.length).toBeGreaterThan(0);
  });

  test("every site can be named by itself, and no two have one name", () => {
    const names = network.sites().map((site) => site.name);
    expect(new Set(names).size).toBe(names.length);
    const pass = network.trace(given);
    expect(() => names.map((site) => pass.at(site))).not.toThrow();
  });
});

test.each(exportNames.filter((name) => !name.startsWith("resnet")))(
  "%s: a vector added to block 0 changes the logits as PyTorch's hook does",
  async (name) => {
    const { network, given, wanted } = await openExport(name);
    const vector = leaf(wanted.get("steer")!);
    const edit = { "blocks.0.resid_post": (x: Tensor) => x.add(vector) };
    const got = await values((await network.run(given, { edit })).at(network.output));
    expect(difference("logits", got, wanted.get("steered")!).maxAbs).toBeLessThan(1e-4);
    expect(difference("logits", got, wanted.get("logits")!).maxAbs).toBeGreaterThan(0.1);
  },
);

test.each(["gpt2-past-script", "llama-past-dynamo", "llama-fused"])(
  "%s goes on from the keys and values of a first run as if it had read all at once",
  async (name) => {
    const { network, given, wanted } = await openExport(name);
    const ids = given["input_ids"] as Tensor;
    const past = network.inputs
      .filter((port) => port.name.startsWith("past"))
      .map((port) => port.name);
    const present = past.map((port) => port.replace("past_key_values", "present"));
    const first = await network.run(
      { input_ids: ids.slice({ axis: 1, end: 3 }) },
      { capture: present },
    );
    const kept = Object.fromEntries(past.map((port, i) => [port, first.at(present[i]!)]));
    const second = await network.run({ input_ids: ids.slice({ axis: 1, start: 3 }), ...kept });
    const whole = leaf(wanted.get("logits")!).slice({ axis: 1, start: 3 });
    const { maxAbs } = difference(
      "logits",
      await values(second.at(network.output)),
      await values(whole),
    );
    expect(maxAbs).toBeLessThan(1e-4);
  },
);

// models without rotation of queries and keys
test.each(exportNames.filter((name) => /^(?:gpt2|vit|bert-(?:script|old|dynamo))/.test(name)))(
  "%s: queries and keys give the scores, and the pattern mixes values to z",
  async (name) => {
    const { network, given } = await openExport(name);
    const pass = await network.run(given, { capture: "blocks.1.attn.*" });
    const [q, k, v, z] = ["q", "k", "v", "z"].map((part) =>
      pass.at(`blocks.1.attn.${part}`).transpose([0, 2, 1, 3]),
    ) as [Tensor, Tensor, Tensor, Tensor];
    const [scores, pattern] = [pass.at("blocks.1.attn.scores"), pass.at("blocks.1.attn.pattern")];
    const raw = q.matmul(k, { transposeB: true }).div(Math.sqrt(q.shape[3]!));
    // hidden keys have another score
    const offScores = scores.greater(-1e4).where(scores.sub(raw), 0);
    const offMixed = pattern.matmul(v).sub(z);
    expect(await offScores.abs().max().item()).toBeLessThan(1e-5);
    expect(await offMixed.abs().max().item()).toBeLessThan(1e-5);
  },
);

test("token lists serve as input, and the mask follows", async () => {
  const { network, given, wanted } = await openExport("gpt2-script");
  const rows = Array.from(await (given["input_ids"] as Tensor).numbers());
  const pass = await network.run({ input_ids: [rows.slice(0, 5), rows.slice(5)] });
  const { maxAbs } = difference("logits", await values(pass.at("logits")), wanted.get("logits")!);
  expect(maxAbs).toBeLessThan(1e-4);
});
