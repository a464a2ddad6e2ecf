import { describe, expect, test } from "vitest";
import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { readRope, ropeFrom, ropeKeys, ropeParameters, yarnGain } from "./rope-config.ts";
import type { Rope } from "./rope-config.ts";

const defaults = { dHead: 8, nCtx: 64 };

function read(json: Readonly<Record<string, unknown>>): Rope {
  return readRope("test", readConfig("test", json, { handled: ropeKeys, ignored: [] }), defaults);
}

const llama3 = {
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 32,
};

describe("both spellings", () => {
  test.each([
    ["rope_scaling with rope_type", { rope_scaling: { rope_type: "llama3", ...llama3 } }],
    ["rope_scaling with type", { rope_scaling: { type: "llama3", ...llama3 } }],
    [
      "rope_scaling with both",
      { rope_scaling: { type: "llama3", rope_type: "llama3", ...llama3 } },
    ],
    ["rope_parameters", { rope_parameters: { rope_type: "llama3", ...llama3 } }],
  ])("%s and a theta beside it say the same", (_form, keys) => {
    expect(read({ rope_theta: 500000, ...keys })).toEqual({
      theta: 500000,
      dim: 8,
      scaling: {
        kind: "llama3",
        factor: 8,
        lowFreqFactor: 1,
        highFreqFactor: 4,
        originalContext: 32,
      },
      context: 64,
    });
  });

  test("nothing said is theta 10000 and no scaling", () => {
    expect(read({})).toEqual({ theta: 10000, dim: 8, scaling: null, context: 64 });
  });

  test("a theta and a part within the dictionary count for more than those beside it", () => {
    const inside = { rope_type: "default", rope_theta: 20000, partial_rotary_factor: 0.5 };
    const beside = { rope_theta: 10000, partial_rotary_factor: 0.75 };
    expect(read({ ...beside, rope_parameters: inside })).toMatchObject({ theta: 20000, dim: 4 });
    expect(read(beside)).toMatchObject({ theta: 10000, dim: 6 });
  });

  test("null within the dictionary is not set", () => {
    const scaling = { type: "yarn", factor: 4, attention_factor: null, beta_fast: null };
    expect(read({ rope_scaling: scaling }).scaling).toMatchObject({ betaFast: 32 });
  });
});

describe("scalings", () => {
  test("linear and dynamic name the context before it is stretched", () => {
    const linear = read({ rope_scaling: { type: "linear", factor: 4 } });
    expect(linear).toMatchObject({ scaling: { kind: "linear", factor: 4 }, context: 256 });
    const dynamic = read({ rope_scaling: { type: "dynamic", factor: 2 } });
    expect(dynamic).toMatchObject({
      scaling: { kind: "dynamic", originalContext: 64 },
      context: 128,
    });
  });

  test("llama3 and yarn are stretched from the whole context where nothing else is said", () => {
    const { original_max_position_embeddings: _, ...rest } = llama3;
    const scaling = { rope_type: "llama3", ...rest };
    expect(read({ rope_scaling: scaling }).scaling).toMatchObject({ originalContext: 64 });
    const yarn = read({ rope_scaling: { type: "yarn", factor: 4 } });
    expect(yarn).toMatchObject({ scaling: { originalContext: 64 }, context: 256 });
  });

  test("an original context beside the dictionary counts for more than one within it", () => {
    const scaling = { rope_type: "llama3", ...llama3 };
    const json = { original_max_position_embeddings: 16, rope_scaling: scaling };
    expect(read(json).scaling).toMatchObject({ originalContext: 16 });
  });

  test("the gain of yarn is that of its paper, a quotient of two, or what the config says", () => {
    const gain = (more: object): unknown =>
      read({ rope_scaling: { type: "yarn", factor: 40, ...more } }).scaling;
    const usual = 0.1 * Math.log(40) + 1;
    expect(yarnGain(40)).toBe(usual);
    expect(yarnGain(1)).toBe(1);
    expect(gain({})).toMatchObject({ gain: usual });
    expect(gain({ mscale: 1, mscale_all_dim: 1 })).toMatchObject({ gain: 1, mscaleAllDim: 1 });
    expect(gain({ mscale: 1, mscale_all_dim: 0.5 })).toMatchObject({
      gain: usual / (0.05 * Math.log(40) + 1),
    });
    expect(gain({ mscale: 0.75, mscale_all_dim: 0 })).toMatchObject({ gain: usual });
    expect(gain({ attention_factor: 1.25 })).toMatchObject({ gain: 1.25 });
  });

  test("longrope, also called su, gains with the logarithm of the stretching", () => {
    const factors = { short_factor: [1, 1, 1, 1], long_factor: [1, 2, 3, 4] };
    for (const type of ["longrope", "su"]) {
      const scaling = { type, original_max_position_embeddings: 16, ...factors };
      expect(read({ rope_scaling: scaling })).toEqual({
        theta: 10000,
        dim: 8,
        scaling: {
          kind: "longrope",
          originalContext: 16,
          shortFactors: [1, 1, 1, 1],
          longFactors: [1, 2, 3, 4],
          // the logarithm of 64 / 16 over that of 16
          gain: Math.sqrt(1.5),
        },
        context: 64,
      });
    }
  });

  test("longrope within its original context gains nothing", () => {
    const factors = { short_factor: [1, 1, 1, 1], long_factor: [1, 2, 3, 4] };
    expect(read({ rope_scaling: { type: "longrope", ...factors } }).scaling).toMatchObject({
      gain: 1,
    });
  });
});

describe("refusals", () => {
  test("a type that nobody knows is refused with those we have", () => {
    expect(() => read({ rope_scaling: { rope_type: "mrope" } })).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: test: config key "rope_scaling" = {"rope_type":"mrope"} is not supported at rope_type: expected one of default, linear, dynamic, yarn, longrope, llama3.]`,
    );
  });

  test("a scaling without one of its numbers is refused with the key", () => {
    const json = { rope_parameters: { rope_type: "llama3", factor: 8, low_freq_factor: 1 } };
    expect(() => read(json)).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: test: config key "rope_parameters" = {"rope_type":"llama3","factor":8,"low_freq_factor":1} is not supported at high_freq_factor: invalid input: expected number, received undefined.]`,
    );
  });

  test("a key that another type has is refused", () => {
    const json = { rope_scaling: { type: "linear", factor: 2, beta_fast: 32 } };
    expect(() => read(json)).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: test: config key "rope_scaling" = {"type":"linear","factor":2,"beta_fast":32} is not supported: unrecognized key: "beta_fast".]`,
    );
  });

  test("another number of factors than heads have pairs is refused", () => {
    const factors = { short_factor: [1, 1, 1, 1], long_factor: [1, 2, 3] };
    const json = { rope_scaling: { type: "longrope", ...factors } };
    expect(() => read(json)).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: test: longrope has 3 numbers in "long_factor", but heads have 4 pairs that turn.
        fix: give one for every pair.]
    `);
  });

  test.each([
    ["rope_theta", 0],
    ["partial_rotary_factor", 1.5],
    ["rope_scaling", { type: "linear", factor: -1 }],
    ["rope_scaling", { type: "linear" }],
    ["rope_scaling", "linear"],
    ["rope_scaling", { type: "yarn", factor: 4, truncate: 1 }],
    ["rope_parameters", { rope_type: "default", attention_factor: 2 }],
  ])("%s = %j is refused", (key, value) => {
    expect(() => read({ [key]: value })).toThrow(`config key "${key}" = `);
  });
});

test("a dictionary among several is read alike", () => {
  const layer = z.object({ sliding_attention: ropeParameters });
  const { sliding_attention: given } = layer.parse({
    sliding_attention: { rope_type: "linear", factor: 8 },
  });
  expect(ropeFrom("test", given, { ...defaults, theta: 1000 })).toEqual({
    theta: 1000,
    dim: 8,
    scaling: { kind: "linear", factor: 8 },
    context: 512,
  });
});
