import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { SiteSpace } from "./sites.ts";
import { blockCount, canonicalName, describeSite, selectSites } from "./sites.ts";

const block = "resid_pre attn.q attn.z attn_out mlp.pre mlp.post mlp_out resid_post".split(" ");
const names = (extra: readonly string[] = []): string[] => [
  "embed",
  "pos_embed",
  ...[0, 1].flatMap((i) => [...block, ...extra].map((site) => `blocks.${i}.${site}`)),
  "ln_final.normalized",
  "logits",
];
const gpt2: SiteSpace = {
  network: "gpt2",
  sites: new Set(names()),
  absent: { "mlp.gate": "its MLP has no gates" },
};
const gated: SiteSpace = { network: "llama", sites: new Set(names(["mlp.gate"])) };

describe.each([
  ["blocks.0.attn.hook_z", "blocks.0.attn.z"],
  ["hook_embed", "embed"],
  ["hook_pos_embed", "pos_embed"],
  ["blocks.1.hook_mlp_out", "blocks.1.mlp_out"],
  ["blocks.1.hook_resid_post", "blocks.1.resid_post"],
  ["ln_final.hook_normalized", "ln_final.normalized"],
  ["transformer.wte", "embed"],
  ["transformer.wpe", "pos_embed"],
  ["transformer.h.1", "blocks.1.resid_post"],
  ["transformer.h.0.attn", "blocks.0.attn_out"],
  ["transformer.h.0.mlp", "blocks.0.mlp_out"],
  ["model.embed_tokens", "embed"],
  ["model.layers.1", "blocks.1.resid_post"],
  ["model.layers.1.self_attn", "blocks.1.attn_out"],
  ["model.layers.0.mlp", "blocks.0.mlp_out"],
  ["lm_head", "logits"],
  ["gpt_neox.embed_in", "embed"],
  ["gpt_neox.layers.1", "blocks.1.resid_post"],
  ["gpt_neox.layers.1.attention", "blocks.1.attn_out"],
  ["gpt_neox.layers.0.mlp", "blocks.0.mlp_out"],
  ["gpt_neox.layers.0.mlp.dense_h_to_4h", "blocks.0.mlp.pre"],
  ["embed_out", "logits"],
  ["transformer.word_embeddings_layernorm", "embed"],
  ["transformer.h.1.mlp.dense_4h_to_h", "blocks.1.mlp_out"],
  ["model.decoder.layers.1", "blocks.1.resid_post"],
  ["model.decoder.layers.0.self_attn", "blocks.0.attn_out"],
  ["model.decoder.layers.0.fc1", "blocks.0.mlp.pre"],
  ["model.layers.0.mlp.fc2", "blocks.0.mlp_out"],
])("%s", (alias, site) => {
  test(`is ${site} in both families`, () => {
    expect(canonicalName(alias, gpt2.sites)).toBe(site);
    expect(canonicalName(alias, gated.sites)).toBe(site);
  });
});

test.each([
  ["blocks.0.mlp.hook_pre", "blocks.0.mlp.gate"],
  ["blocks.0.mlp.hook_pre_linear", "blocks.0.mlp.pre"],
  ["model.layers.0.mlp.gate_proj", "blocks.0.mlp.gate"],
  ["model.layers.0.mlp.up_proj", "blocks.0.mlp.pre"],
])("on gated networks %s is %s", (alias, site) => {
  expect(canonicalName(alias, gated.sites)).toBe(site);
});

test.each([
  ["model.layers.0.self_attn", "blocks.0.attn.raw_out"],
  ["model.layers.1.mlp", "blocks.1.mlp.raw_out"],
  ["blocks.1.hook_mlp_out", "blocks.1.mlp_out"],
])("where outputs of modules are normalised, %s is %s", (alias, site) => {
  const sites = new Set(names(["attn.raw_out", "mlp.raw_out"]));
  expect(canonicalName(alias, sites)).toBe(site);
});

test.each(["blocks.1.mlp.hook_pre", "transformer.h.1.mlp.c_fc"])(
  "without gates %s is the input of the activation function",
  (alias) => {
    expect(canonicalName(alias, gpt2.sites)).toBe("blocks.1.mlp.pre");
  },
);

test("a prefixed pattern picks what the plain one picks", () => {
  expect(selectSites("run", gpt2, "blocks.*.attn.hook_{q,z}")).toEqual(
    selectSites("run", gpt2, "blocks.*.attn.{q,z}"),
  );
});

test("a prefixed pattern for gates picks the gates of a gated network", () => {
  expect(selectSites("run", gated, "blocks.*.mlp.hook_pre")).toEqual([
    "blocks.0.mlp.gate",
    "blocks.1.mlp.gate",
  ]);
});

test("a star is one part of a name and not two", () => {
  expect(selectSites("run", gpt2, "blocks.*.*_out")).toEqual([
    "blocks.0.attn_out",
    "blocks.0.mlp_out",
    "blocks.1.attn_out",
    "blocks.1.mlp_out",
  ]);
  expect(selectSites("run", gpt2, "**")).toEqual(names());
});

test("any list of sites comes back in network order, each once", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...names()), { minLength: 1 }), (asked) => {
      expect(selectSites("run", gpt2, asked)).toEqual(names().filter((n) => asked.includes(n)));
    }),
    { seed: 1 },
  );
});

test("a pattern of some parts touches every site it spells and no other", () => {
  const parts = fc.subarray(block, { minLength: 1 });
  fc.assert(
    fc.property(parts, fc.subarray([0, 1], { minLength: 1 }), (chosen, blocks) => {
      const list = (xs: readonly unknown[]): string =>
        xs.length === 1 ? String(xs[0]) : `{${xs.join()}}`;
      const picked = selectSites("run", gpt2, `blocks.${list(blocks)}.${list(chosen)}`);
      const wanted = blocks.flatMap((i) =>
        block.filter((s) => chosen.includes(s)).map((s) => `blocks.${i}.${s}`),
      );
      expect(picked).toEqual(wanted);
    }),
    { seed: 2 },
  );
});

test("an unknown site is refused with the nearest ones", () => {
  expect(() => selectSites("run", gpt2, "blocks.0.resid_past")).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: gpt2 has no site "blocks.0.resid_past".
      fix: the nearest are "blocks.0.resid_post", "blocks.1.resid_post", "blocks.0.resid_pre"; all 20 are listed by \`patchclamp sites\`.]
  `);
});

test("a pattern that matches nothing is refused", () => {
  expect(() => selectSites("run", gpt2, "blocks.*.attn.zz*")).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: no site of gpt2 matches "blocks.*.attn.zz*".
      fix: the nearest are "blocks.0.attn.z", "blocks.1.attn.z", "blocks.0.attn.q"; all 20 are listed by \`patchclamp sites\`.]
  `);
});

test("one pattern of a list that matches nothing is refused, too", () => {
  expect(() => selectSites("run", gpt2, ["logits", "nothing.*"])).toThrow('"nothing.*"');
});

test("a block beyond the last is refused with the blocks there are", () => {
  expect(() => selectSites("run", gpt2, "blocks.2.attn.z")).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: gpt2 has no site "blocks.2.attn.z": its blocks are 0..1.
      fix: the nearest are "blocks.0.attn.z", "blocks.1.attn.z", "blocks.0.attn.q"; all 20 are listed by \`patchclamp sites\`.]
  `);
});

test("a site that the family lacks is refused with the reason", () => {
  expect(() => selectSites("run", gpt2, "blocks.0.mlp.gate")).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: gpt2 has no site "blocks.0.mlp.gate": its MLP has no gates.
      fix: the nearest are "blocks.0.mlp.pre", "blocks.0.mlp.post", "blocks.0.mlp_out"; all 20 are listed by \`patchclamp sites\`.]
  `);
  expect(() => selectSites("run", gpt2, "blocks.*.mlp.gate")).toThrow("its MLP has no gates");
});

test("an empty list of sites is refused", () => {
  expect(() => selectSites("run", gpt2, [])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: the list of sites is empty, so nothing would be selected.
      fix: name at least one site, or leave the option out.]
  `);
});

test("a standard site is described by the names of its axes, another by its sizes", () => {
  expect(describeSite("blocks.7.attn.z", [1, 3, 2, 4])).toEqual({
    name: "blocks.7.attn.z",
    axes: ["batch", "pos", "head", "dHead"],
    shape: [1, 3, 2, 4],
    meaning: "mixed values of each head",
  });
  expect(describeSite("hidden", [5, 4])).toMatchObject({ axes: ["5", "4"], meaning: "" });
});

test("blocks are counted by the highest number, from 0", () => {
  expect(blockCount(names())).toBe(2);
  expect(blockCount(["embed"])).toBe(0);
});
