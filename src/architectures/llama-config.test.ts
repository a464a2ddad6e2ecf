import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { llamaConfig } from "./llama-config.ts";

test("an empty config is Llama 7B, as in transformers", () => {
  expect(llamaConfig({ model_type: "llama" })).toEqual({
    nLayers: 32,
    nHeads: 32,
    nKvHeads: 32,
    dModel: 4096,
    dHead: 128,
    dMlp: 11008,
    dVocab: 32000,
    nCtx: 2048,
    epsilon: 1e-6,
    ropeTheta: 10000,
    ropeScaling: null,
    attentionBias: false,
    mlpBias: false,
    activation: "silu",
    ties: false,
  });
});

test("the config that transformers 4 wrote is read with every key accounted for", async () => {
  const { config } = await readGolden("llama");
  expect(config).toHaveProperty("rope_theta");
  expect(llamaConfig(config)).toMatchObject({
    nLayers: 3,
    nKvHeads: 2,
    dHead: 12,
    ropeScaling: null,
  });
});

const scaling = {
  kind: "llama3",
  factor: 8,
  lowFreqFactor: 1,
  highFreqFactor: 4,
  originalContext: 64,
};

test("the config that transformers 5 wrote is read with every key accounted for", async () => {
  const { config } = await readGolden("llama3-rope");
  expect(config).toHaveProperty("rope_parameters");
  expect(llamaConfig(config)).toMatchObject({
    nHeads: 4,
    nKvHeads: 1,
    dModel: 40,
    dHead: 12,
    attentionBias: true,
    mlpBias: true,
    ties: true,
    ropeTheta: 10000,
    ropeScaling: scaling,
  });
});

const stretched = {
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 64,
};

test.each([
  ["rope_scaling with rope_type", { rope_scaling: { rope_type: "llama3", ...stretched } }],
  ["rope_scaling with type", { rope_scaling: { type: "llama3", ...stretched } }],
  ["rope_parameters", { rope_parameters: { rope_type: "llama3", ...stretched } }],
])("%s and a theta beside it say the same", (_form, keys) => {
  const { ropeTheta, ropeScaling } = llamaConfig({ rope_theta: 500000, ...keys });
  expect(ropeTheta).toBe(500000);
  expect(ropeScaling).toEqual(scaling);
});

test("a theta within rope_parameters counts for more than one beside it", () => {
  const rope = { rope_type: "default", rope_theta: 20000 };
  expect(llamaConfig({ rope_theta: 10000, rope_parameters: rope }).ropeTheta).toBe(20000);
});

test("the first training's context is the whole context where nothing else is said", () => {
  const { original_max_position_embeddings: _, ...rest } = stretched;
  const rope = { rope_type: "llama3", ...rest };
  const config = llamaConfig({ max_position_embeddings: 256, rope_parameters: rope });
  expect(config.ropeScaling?.originalContext).toBe(256);
});

test("a rotary scaling that is not handled is refused with its value", () => {
  const json = { rope_scaling: { rope_type: "yarn", factor: 4 } };
  expect(() => llamaConfig(json, "loadNetwork")).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadNetwork: config key "rope_scaling" = {"rope_type":"yarn","factor":4} is not supported at rope_type: invalid option: expected one of "default"|"llama3".]`,
  );
});

test("llama3 scaling without its factors is refused", () => {
  const json = { rope_parameters: { rope_type: "llama3", factor: 8 } };
  expect(() => llamaConfig(json)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: llamaConfig: config key "rope_parameters" = {"rope_type":"llama3","factor":8} is not supported: llama3 needs factor, low_freq_factor and high_freq_factor.]`,
  );
});

test.each([
  ["partial_rotary_factor", 0.5],
  ["rope_interleaved", true],
  ["sliding_window", 4096],
  ["rope_parameters", { rope_type: "default", attention_factor: 2 }],
  ["head_dim", 15],
  ["hidden_act", "quick_gelu"],
])("%s = %j is refused", (key, value) => {
  expect(() => llamaConfig({ [key]: value })).toThrow(`config key "${key}" = `);
});

test("key-value heads that do not divide the heads are refused", () => {
  const json = { num_attention_heads: 32, num_key_value_heads: 5 };
  expect(() => llamaConfig(json)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: llamaConfig: config key "num_attention_heads" = 32 is not a multiple of "num_key_value_heads" = 5.]`,
  );
});
