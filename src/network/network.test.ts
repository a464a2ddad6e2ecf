import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

import { maxDifference, tinyGpt2Config, tinyNetwork } from "../../test/tiny.ts";
import { buildNetwork } from "../checkpoints/build.ts";
import { gpt2Family } from "../architectures/gpt2.ts";
import { mapTree } from "../core/tree.ts";
import { collect, evaluate, randn, tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { LanguageNetwork } from "./language.ts";
import type { Edits } from "./network.ts";
import { defineNetwork } from "./network.ts";
import type { Edit, Tap } from "./tap.ts";

const clean = [3, 1, 4, 1, 5];
const corrupt = [2, 7, 1, 8, 2];
// float32 sums of at most 24 terms of order 1, through two blocks
const TOLERANCE = 2e-5;

const nets = {} as Record<"gpt2" | "llama", LanguageNetwork>;
beforeAll(async () => {
  nets.gpt2 = await tinyNetwork("gpt2");
  nets.llama = await tinyNetwork("llama");
});

const siteNames = (net: LanguageNetwork): string[] => net.sites().map(({ name }) => name);

async function logitsWith(net: LanguageNetwork, edit: Edits, ids = clean): Promise<Float32Array> {
  const { logits } = await net.run(ids, { edit });
  return (await logits.data()) as Float32Array;
}

async function cleanLogits(net: LanguageNetwork, ids = clean): Promise<Float32Array> {
  return (await (await net.run(ids)).logits.data()) as Float32Array;
}

/** Logit of token 6 minus that of token 9, at the last position of every row: [batch]. */
function difference(logits: Tensor): Tensor {
  const [, pos, dVocab] = logits.shape as [number, number, number];
  const sign = (id: number): number => Number(id === 6) - Number(id === 9);
  const weights = Array.from({ length: pos }, (_, i) =>
    Array.from({ length: dVocab }, (_unused, id) => (i === pos - 1 ? sign(id) : 0)),
  );
  return logits.mul(tensor(weights)).sum({ axis: [1, 2] });
}

describe.each(["gpt2", "llama"] as const)("%s", (name) => {
  test("what run records equals what trace and evaluate give", async () => {
    const net = nets[name];
    const out = await net.run(clean, { capture: "**" });
    const pass = net.trace(clean);
    const traced = siteNames(net).map((site) => pass.at(site));
    await evaluate(traced);
    for (const [i, site] of siteNames(net).entries()) {
      expect(
        maxDifference(await out.at(site).numbers(), await traced[i]!.numbers()),
      ).toBeLessThanOrEqual(TOLERANCE);
    }
  });

  test("recording an early site computes no later block", () => {
    const graph = collect([nets[name].trace(clean).at("blocks.0.resid_post")]);
    const count = (op: string): number => graph.nodes.filter((node) => node.op.name === op).length;
    const whole = collect([nets[name].trace(clean).logits]);
    expect(
      graph.nodes.filter(({ label }) => /^(blocks\.1|ln_final|logits)/.test(label ?? "")),
    ).toEqual([]);
    expect(count("softmax")).toBe(1);
    expect(whole.nodes.filter((node) => node.op.name === "softmax")).toHaveLength(2);
    expect(graph.nodes.length).toBeLessThan(0.55 * whole.nodes.length);
  });

  test("nobody pays for attn.result who does not ask for it", () => {
    const labels = collect([nets[name].trace(clean).logits]).nodes.map(({ label }) => label);
    expect(labels).not.toContain("blocks.0.attn.result");
    expect(labels).toContain("blocks.0.attn.pattern");
  });

  test("a block's output taken from another pass, inside one graph, brings that pass's logits", async () => {
    const net = nets[name];
    const source = net.trace(clean);
    for (const site of ["blocks.0.resid_post", "blocks.1.resid_pre", "ln_final.normalized"]) {
      const patched = await logitsWith(net, { [site]: () => source.at(site) }, corrupt);
      expect(maxDifference(patched, await cleanLogits(net))).toBeLessThanOrEqual(TOLERANCE);
      expect(maxDifference(patched, await cleanLogits(net, corrupt))).toBeGreaterThan(0.1);
    }
  });

  test("an added vector of scale 0 changes nothing, at any site", async () => {
    const net = nets[name];
    const direction = randn([1], { seed: 3 });
    const edit: Edit = (x) => x.add(direction.mul(0));
    const before = await cleanLogits(net);
    // sites whose edit takes the slow path sum in another order
    const plain = siteNames(net).filter((site) => !/normalized|result/.test(site));
    expect(
      maxDifference(
        await logitsWith(net, Object.fromEntries(plain.map((site) => [site, edit]))),
        before,
      ),
    ).toBeLessThanOrEqual(1e-6);
    expect(maxDifference(await logitsWith(net, { "**": edit }), before)).toBeLessThanOrEqual(
      TOLERANCE,
    );
  });

  test("adding to every head's result equals adding the sum to attn_out", async () => {
    const net = nets[name];
    const vector = randn([net.config.dModel], { seed: 4 });
    const byHead = await logitsWith(net, { "blocks.0.attn.result": (x) => x.add(vector) });
    const bySum = await logitsWith(net, {
      "blocks.0.attn_out": (x) => x.add(vector.mul(net.config.nHeads)),
    });
    expect(maxDifference(byHead, bySum)).toBeLessThanOrEqual(TOLERANCE);
    expect(maxDifference(byHead, await cleanLogits(net))).toBeGreaterThan(0.1);
  });

  test("removing one head's result equals zeroing its z", async () => {
    const net = nets[name];
    const keep = tensor(Array.from({ length: net.config.nHeads }, (_, i) => [Number(i !== 1)]));
    const byResult = await logitsWith(net, { "blocks.1.attn.result": (x) => x.mul(keep) });
    const byZ = await logitsWith(net, { "blocks.1.attn.z": (x) => x.mul(keep) });
    expect(maxDifference(byResult, byZ)).toBeLessThanOrEqual(TOLERANCE);
    expect(maxDifference(byZ, await cleanLogits(net))).toBeGreaterThan(1e-3);
  });

  test("edits of one site through two names apply in the order written", async () => {
    const net = nets[name];
    const vector = randn([net.config.dModel], { seed: 7 });
    const there = await logitsWith(net, {
      "blocks.0.resid_post": (x) => x.mul(2),
      "blocks.0.hook_resid_post": (x) => x.add(vector),
    });
    const back = await logitsWith(net, {
      "blocks.0.hook_resid_post": (x) => x.add(vector),
      "blocks.0.resid_post": (x) => x.mul(2),
    });
    const once = await logitsWith(net, { "blocks.0.resid_post": (x) => x.mul(2).add(vector) });
    expect(maxDifference(there, once)).toBeLessThanOrEqual(1e-6);
    expect(maxDifference(there, back)).toBeGreaterThan(0.01);
  });

  test("an edit by pattern touches every site that matches and no other", () => {
    const net = nets[name];
    const known = siteNames(net);
    fc.assert(
      fc.property(fc.subarray(known, { minLength: 1 }), (chosen) => {
        const touched: string[] = [];
        const edit: Edit = (x, { site }) => {
          touched.push(site);
          return x;
        };
        // braces around one name are no choice
        const pattern = chosen.length === 1 ? chosen[0]! : `{${chosen.join()}}`;
        net.trace(clean, { edit: { [pattern]: edit } });
        expect(touched).toEqual(known.filter((site) => chosen.includes(site)));
      }),
      { seed: 6, numRuns: 30, examples: [[["logits", "embed"]]] },
    );
  });

  test("the gradient at every site agrees with central differences of edits there", async () => {
    const net = nets[name];
    const known = siteNames(net);
    const { value, grads } = await net.grad(clean, {
      of: ({ logits }) => difference(logits).squeeze(0),
      at: "**",
    });
    const h = 0.002;
    const wrong: string[] = [];
    for (const [i, site] of known.entries()) {
      // along the gradient, where an error of scale shows, and across it, where a missing part does
      const random = randn(grads[site]!.shape, { seed: i + 100 });
      const direction = unit(grads[site]!).add(unit(random));
      const moved = (by: number): Tensor =>
        difference(net.trace(clean, { edit: { [site]: (x) => x.add(direction.mul(by)) } }).logits);
      const measured = moved(h)
        .sub(moved(-h))
        .div(2 * h);
      const predicted = grads[site]!.mul(direction).sum();
      await evaluate([measured, predicted]);
      const want = await predicted.item();
      const got = await measured.item();
      // float32 rounding of a loss of order 10 over 2h, and h^2 / 6 times a third derivative of up to 10^5
      const isNear = Math.abs(got - want) <= 3e-3 * (1 + Math.abs(want));
      // a direction along which nothing changes would prove nothing
      if (!isNear || !(Math.abs(want) > 0.01)) wrong.push(`${site}: ${got}, not ${want}`);
    }
    expect(wrong).toEqual([]);
    expect(value).toBeCloseTo(await difference((await net.run(clean)).logits).item(), 4);
  });
});

/** A tensor scaled to length 1 in the Euclidean norm. */
function unit(x: Tensor): Tensor {
  return x.div(x.square().sum().sqrt());
}

test("editing a normalised input equals scaling the norm's gain", async () => {
  const net = nets.gpt2;
  const doubled = buildNetwork({
    name: "doubled",
    family: gpt2Family,
    config: gpt2Family.config(tinyGpt2Config),
    params: mapTree<Tensor, Tensor>(net.params, (leaf, path) =>
      path === "blocks.0.ln1.weight" ? leaf.mul(2) : leaf,
    ),
  });
  const edited = await logitsWith(net, { "blocks.0.ln1.normalized": (x) => x.mul(2) });
  expect(maxDifference(edited, await cleanLogits(doubled))).toBeLessThanOrEqual(TOLERANCE);
  expect(maxDifference(edited, await cleanLogits(net))).toBeGreaterThan(0.01);
});

test("a gradient at an edited site is the edited value's own, however else that tensor is used", async () => {
  const { grads } = await nets.gpt2.grad(clean, {
    of: ({ logits }) => difference(logits).squeeze(0),
    at: ["blocks.1.mlp_out", "blocks.1.resid_post"],
    // what attention adds is added twice; each time counts by itself
    edit: { "blocks.1.mlp_out": (_, { sites }) => sites.get("blocks.1.attn_out")! },
  });
  const [added, sum] = Object.values(grads);
  expect(maxDifference(await added!.numbers(), await sum!.numbers())).toBeLessThanOrEqual(1e-6);
  expect(await sum!.square().sum().item()).toBeGreaterThan(0.01);
});

test("grad records sites beside the gradient", async () => {
  const { activations } = await nets.gpt2.grad(clean, {
    of: ({ logits }) => difference(logits).squeeze(0),
    at: "embed",
    capture: "blocks.0.hook_mlp_out",
  });
  const out = await nets.gpt2.run(clean, { capture: "blocks.0.mlp_out" });
  expect(Object.keys(activations)).toEqual(["blocks.0.mlp_out"]);
  expect(
    maxDifference(
      await activations["blocks.0.mlp_out"]!.numbers(),
      await out.at("blocks.0.mlp_out").numbers(),
    ),
  ).toBeLessThanOrEqual(TOLERANCE);
});

test("a site that was not recorded can be read later", async () => {
  const out = await nets.gpt2.run(clean, { capture: "embed" });
  const z = await nets.gpt2.run(clean, { capture: "blocks.1.attn.z" });
  expect(Object.keys(out.activations)).toEqual(["embed"]);
  expect(
    maxDifference(
      await out.at("blocks.1.attn.z").numbers(),
      await z.at("blocks.1.attn.z").numbers(),
    ),
  ).toBeLessThanOrEqual(TOLERANCE);
});

test("a site that was not recorded in an edited run is the edited one", async () => {
  const out = await nets.gpt2.run(clean, { capture: "embed", edit: { embed: (x) => x.mul(0) } });
  expect(
    maxDifference(
      await out.logits.numbers(),
      await logitsWith(nets.gpt2, { embed: (x) => x.mul(0) }),
    ),
  ).toBe(0);
});

describe("bad input", () => {
  test("an unknown site to record is refused", async () => {
    await expect(nets.gpt2.run(clean, { capture: "blocks.0.attn.k_rot" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: tiny-gpt2 has no site "blocks.0.attn.k_rot".
        fix: the nearest are "blocks.0.attn.k", "blocks.0.attn_out", "blocks.0.attn.q"; all 36 are listed by \`patchclamp sites\`.]
    `);
  });

  test("a pattern that records nothing is refused", async () => {
    await expect(nets.llama.run(clean, { capture: "layers.*.z" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: no site of tiny-llama matches "layers.*.z".
        fix: the nearest are "logits", "embed", "blocks.0.attn.z"; all 41 are listed by \`patchclamp sites\`.]
    `);
  });

  test("a block out of range is refused", async () => {
    await expect(nets.gpt2.run(clean, { capture: "blocks.2.attn.z" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: tiny-gpt2 has no site "blocks.2.attn.z": its blocks are 0..1.
        fix: the nearest are "blocks.0.attn.z", "blocks.1.attn.z", "blocks.0.attn.k"; all 36 are listed by \`patchclamp sites\`.]
    `);
  });

  test("sites that a family lacks are refused with the reason", async () => {
    await expect(nets.gpt2.run(clean, { capture: "blocks.0.mlp.gate" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: tiny-gpt2 has no site "blocks.0.mlp.gate": its MLP has no gates.
        fix: the nearest are "blocks.0.mlp.pre", "blocks.0.mlp.post", "blocks.0.mlp_out"; all 36 are listed by \`patchclamp sites\`.]
    `);
    await expect(nets.gpt2.run(clean, { capture: "blocks.0.attn.rot_q" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: tiny-gpt2 has no site "blocks.0.attn.rot_q": GPT-2 has learned positions and rotates nothing.
        fix: the nearest are "blocks.0.attn.q", "blocks.0.attn.k", "blocks.0.attn.result"; all 36 are listed by \`patchclamp sites\`.]
    `);
    await expect(nets.llama.run(clean, { capture: "pos_embed" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: tiny-llama has no site "pos_embed": rotary positions turn queries and keys, and nothing is added to the stream.
        fix: the nearest are "embed", "logits", "blocks.0.attn.k"; all 41 are listed by \`patchclamp sites\`.]
    `);
  });

  test("an empty list to record is refused", async () => {
    await expect(nets.gpt2.run(clean, { capture: [] })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: the list of sites is empty, so nothing would be selected.
        fix: name at least one site, or leave the option out.]
    `);
  });

  test("an edit that is no function is refused", async () => {
    const edit = { embed: 3 } as unknown as Edits;
    await expect(nets.gpt2.run(clean, { edit })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: edit: the edit of "embed" is number, not a function of the tensor there.
        fix: write it as (x) => x.add(...).]
    `);
  });

  test("an edit that changes the shape is refused", async () => {
    const edit: Edits = { embed: (x) => x.slice({ axis: 1, end: 2 }) };
    await expect(nets.gpt2.run(clean, { edit })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: edit: the edit at "embed" made float32[1, 2, 16] of float32[1, 5, 16].
        fix: return a tensor of the same shape and type; broadcastTo repeats a smaller one.]
    `);
  });

  test("an edit that changes the type is refused", async () => {
    const edit: Edits = { embed: (x) => x.cast("float16") };
    await expect(nets.gpt2.run(clean, { edit })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: edit: the edit at "embed" made float16[1, 5, 16] of float32[1, 5, 16].
        fix: return a tensor of the same shape and type; broadcastTo repeats a smaller one.]
    `);
  });

  test("an edit that matches nothing is refused", async () => {
    const edit: Edits = { "blocks.*.attn.w": (x) => x };
    await expect(nets.gpt2.run(clean, { edit })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: edit: no site of tiny-gpt2 matches "blocks.*.attn.w".
        fix: the nearest are "blocks.0.attn.k", "blocks.0.attn.q", "blocks.0.attn.v"; all 36 are listed by \`patchclamp sites\`.]
    `);
  });

  test("a pattern where one site is meant is refused", () => {
    expect(() => nets.gpt2.trace(clean).at("blocks.*.attn.z")).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: at: "blocks.*.attn.z" matches 2 sites of tiny-gpt2, where one is meant.
        fix: name one of them, such as "blocks.0.attn.z".]
    `);
  });

  test("a gradient of many numbers is refused", async () => {
    await expect(nets.gpt2.grad(clean, { of: ({ logits }) => logits, at: "embed" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: gradients: y has shape [1, 5, 23], but only a scalar has a gradient.
        fix: reduce it (sum, mean), or give the cotangent.]
    `);
  });

  test("a gradient at a site that the quantity does not depend on is refused", async () => {
    await expect(
      nets.gpt2.grad(clean, { of: (pass) => pass.at("embed").sum(), at: "blocks.0.mlp_out" }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: gradients: y does not depend on Tensor float32[1, 5, 16] from blocks.0.mlp_out.
        fix: leave it out, or pass { unused: "zero" }.]
    `);
  });
});

describe("a network of one's own", () => {
  interface MlpParams {
    readonly first: Tensor;
    readonly second: Tensor;
  }
  const mlp = defineNetwork<number[][]>({
    name: "two-layer MLP",
    params: {
      first: tensor([
        [1, -2],
        [3, 1],
      ]),
      second: tensor([[1], [0.5]]),
    },
    forward: ({ first, second }: MlpParams, { x }: { x: Tensor }, tap: Tap) => {
      const hidden = tap.in("hidden")("pre", x.matmul(first));
      return tap("post", hidden.relu()).matmul(second);
    },
    prepare: (x) => ({ x: tensor(x) }),
    example: () => [[0, 0]],
    absent: { "attn.z": "it has no attention" },
  });

  test("lists the sites it names, and its output", () => {
    expect(mlp.sites().map(({ name, shape }) => [name, shape])).toEqual([
      ["hidden.pre", [1, 2]],
      ["post", [1, 2]],
      ["logits", [1, 1]],
    ]);
  });

  test("runs, and records what is asked for", async () => {
    const out = await mlp.run(
      [
        [1, 1],
        [0, 2],
      ],
      { capture: ["post", "logits"] },
    );
    // [1, 1] @ first = [4, -1]; [0, 2] @ first = [6, 2]
    expect(await out.at("post").data()).toEqual(Float32Array.of(4, 0, 6, 2));
    expect(await out.logits.data()).toEqual(Float32Array.of(4, 7));
  });

  test("is edited", async () => {
    const out = await mlp.run([[1, 1]], { edit: { "hidden.pre": (x) => x.neg() } });
    expect(await out.logits.data()).toEqual(Float32Array.of(0.5));
  });

  test("has gradients at its sites", async () => {
    const { value, grads } = await mlp.grad([[1, 1]], {
      of: ({ logits }) => logits.sum(),
      at: "**",
    });
    expect(value).toBe(4);
    expect(await grads["hidden.pre"]!.data()).toEqual(Float32Array.of(1, 0));
    expect(await grads["post"]!.data()).toEqual(Float32Array.of(1, 0.5));
    expect(await grads["logits"]!.data()).toEqual(Float32Array.of(1));
  });

  test("says why it lacks a site", async () => {
    await expect(mlp.run([[1, 1]], { capture: "attn.z" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: two-layer MLP has no site "attn.z": it has no attention.
        fix: the nearest are "logits", "post", "hidden.pre"; all 3 are listed by \`patchclamp sites\`.]
    `);
  });
});
