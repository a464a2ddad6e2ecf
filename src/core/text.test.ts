import { expect, test } from "vitest";

import { dottedGlob, nearest, plural } from "./text.ts";

test.each([
  ["embed", "embed", true],
  ["embed", "pos_embed", false],
  ["blocks.*.attn.q", "blocks.3.attn.q", true],
  ["blocks.*.attn.q", "blocks.3.extra.attn.q", false],
  ["blocks.*", "blocks.3.resid_post", false],
  ["blocks.**", "blocks.3.attn.q", true],
  ["**", "ln_final.normalized", true],
  ["**.attn.q", "blocks.11.attn.q", true],
  ["blocks.0.attn.{q,k}", "blocks.0.attn.k", true],
  ["blocks.0.attn.{q,k}", "blocks.0.attn.v", false],
  ["blocks.[0-3].mlp_out", "blocks.2.mlp_out", true],
  ["blocks.[0-3].mlp_out", "blocks.4.mlp_out", false],
  ["blocks.{8,9,1[01]}.mlp_out", "blocks.10.mlp_out", true],
  ["*_embed", "pos_embed", true],
])("%s against %s is %s", (pattern, name, expected) => {
  expect(dottedGlob(pattern)(name)).toBe(expected);
});

test("the nearest names come first, ties in alphabetical order", () => {
  const sites = ["resid_pre", "resid_mid", "resid_post", "mlp_out"];
  expect(nearest("resid_pots", sites)).toEqual(["resid_post", "resid_pre", "resid_mid"]);
  expect(nearest("b", ["c", "a"], 1)).toEqual(["a"]);
  expect(nearest("x", [])).toEqual([]);
});

test("the distance counts insertions, deletions and substitutions alike", () => {
  expect(nearest("kitten", ["sitting", "kitchens", "kit"])).toEqual(["kit", "kitchens", "sitting"]);
  expect(nearest("", ["abc", "a"])).toEqual(["a", "abc"]);
});

test("one is singular and every other number plural", () => {
  expect([0, 1, 2].map((count) => plural(count, "site"))).toEqual(["0 sites", "1 site", "2 sites"]);
});

test("the nearest to a name of a million characters are found at once", () => {
  const start = performance.now();
  expect(nearest("b".repeat(1e6), ["aaa", "bbb", "c".repeat(1e6)], 1)).toEqual(["bbb"]);
  // all pairs of characters of the long two would take an hour
  expect(performance.now() - start).toBeLessThan(5000);
});
