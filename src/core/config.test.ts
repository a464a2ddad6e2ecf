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

test("more layers, experts or classes than any network has are refused before anybody lists them", () => {
  const count = z.int().positive().optional();
  const handled = {
    num_hidden_layers: count,
    n_layer: count,
    num_experts: count,
    num_labels: count,
    depths: z.array(z.int()).optional(),
    vocab_size: count,
  };
  const read = (json: object): unknown => readConfig("loadNetwork", json, { handled, ignored: [] });
  expect(() => read({ num_hidden_layers: 1e12 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadNetwork: config key "num_hidden_layers" = 1000000000000 is not supported: the limit is 512.]`,
  );
  expect(() => read({ depths: [3, 513] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadNetwork: config key "depths" = [3,513] is not supported: the limit is 512.]`,
  );
  expect(() => read({ num_labels: 2 ** 18 + 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadNetwork: config key "num_labels" = 262145 is not supported: the limit is 262144.]`,
  );
  expect(() => read({ n_layer: 513 })).toThrow("the limit is 512.");
  expect(() => read({ num_experts: 513 })).toThrow("the limit is 512.");
  const most = { num_hidden_layers: 512, num_labels: 2 ** 18, depths: [512], vocab_size: 1e12 };
  expect(read(most)).toEqual(most);
});

test("a number that float32 does not hold is refused, however deep it lies", () => {
  const handled = { eps: z.number(), rope: z.object({ factors: z.array(z.number()) }) };
  const read = (eps: number, factor: number): unknown =>
    readConfig("loadNetwork", { eps, rope: { factors: [1, factor] } }, { handled, ignored: [] });
  expect(() => read(1e300, 1)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadNetwork: config key "eps" = 1e+300 is not supported: it is too large for float32.]`,
  );
  expect(() => read(1, -1e39)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadNetwork: config key "rope" = {"factors":[1,-1e+39]} is not supported: it is too large for float32.]`,
  );
  expect(read(3e38, 1e-300)).toEqual({ eps: 3e38, rope: { factors: [1, 1e-300] } });
});
