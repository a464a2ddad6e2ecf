import { expect, expectTypeOf, test } from "vitest";
import { z } from "zod";

import { readConfig } from "./config.ts";

const keys = {
  handled: {
    n_layer: z.int().positive(),
    n_inner: z.int().positive().optional(),
    activation: z.enum(["gelu", "relu"]).default("gelu"),
  },
  ignored: ["dropout"],
};

test("absent and null keys take their defaults, and ignored keys take anything", () => {
  const config = readConfig("t", { n_layer: 2, activation: null, dropout: "any" }, keys);
  expect(config).toEqual({ n_layer: 2, n_inner: undefined, activation: "gelu" });
  expectTypeOf(config.n_inner).toEqualTypeOf<number | undefined>();
});

test("a key that is neither handled nor ignored is refused with its value", () => {
  const json = { n_layer: 2, rope_scaling: { type: "yarn", factor: 4 } };
  expect(() => readConfig("loadNetwork", json, keys)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadNetwork: config key "rope_scaling" = {"type":"yarn","factor":4} may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});

test("an unknown key that is null counts as absent", () => {
  expect(readConfig("t", { n_layer: 2, rope_scaling: null }, keys).n_layer).toBe(2);
});

test("a value that the family cannot do is refused with what it can", () => {
  const json = { n_layer: 2, activation: "tanh" };
  expect(() => readConfig("loadNetwork", json, keys)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadNetwork: config key "activation" = "tanh" is not supported: invalid option: expected one of "gelu"|"relu".]`,
  );
});

test("a key without a default must be there", () => {
  expect(() => readConfig("loadNetwork", {}, keys)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadNetwork: the config lacks "n_layer".]`,
  );
});

test("a long value is shortened in the error", () => {
  const json = { n_layer: 2, extra: "x".repeat(1000) };
  expect(() => readConfig("t", json, keys)).toThrow(/"x{99}\.\.\. may change/);
});

test("a config that is no object is refused", () => {
  expect(() => readConfig("t", [1], keys)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: t: the config is [1], not a JSON object.]`,
  );
});

test("a key named __proto__ is refused like any other", () => {
  const json: unknown = JSON.parse('{"n_layer": 2, "__proto__": 1}');
  expect(() => readConfig("t", json, keys)).toThrow('config key "__proto__" = 1');
});
