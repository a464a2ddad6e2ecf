import { describe, expect, test } from "vitest";

import { exportFiles, openExport } from "../../test/golden/onnx/exports.ts";
import type { OnnxNetwork } from "../network/onnx/onnx-network.ts";
import { surgery } from "../onnx/surgery/index.ts";
import type { Surgery } from "../onnx/surgery/index.ts";
import type { InterventionInput } from "../values/index.ts";
import { bakeOnnx, bakeParity } from "./bake-onnx.ts";

const WIDTH = 16;
const direction = Array.from({ length: WIDTH }, (_, i) => Math.cos(i));
const other = Array.from({ length: WIDTH }, (_, i) => Math.sin(2 * i));
const site = "blocks.0.resid_post";

const changes: readonly InterventionInput[] = [
  { kind: "add", site, vector: direction, scale: 2 },
  { kind: "project-out", site, basis: [direction, other] },
  { kind: "clamp", site, direction, min: 5 },
  { kind: "scale", site, gain: 1.2 },
  { kind: "mask", site, keep: direction.map((x) => (x > 0 ? 1 : 0)) },
  { kind: "affine", site, weight: direction.map((x) => other.map((y) => x * y)), bias: other },
  { kind: "replace", site, value: direction },
  { kind: "ablate", site },
];

async function opened(name: string): Promise<{ model: Surgery; network: OnnxNetwork }> {
  const { network } = await openExport(name);
  return { network, model: await surgery({ files: exportFiles, path: `${name}.onnx` }) };
}

const { model, network } = await opened("gpt2-script");
const tokens = { input_ids: [[3, 1, 4, 1, 5]] };

describe.each([1, 0.4, -2])("at strength %s,", (strength) => {
  test.each(changes.map((change) => [change.kind, change] as const))(
    "%s does in ONNX Runtime what it does here",
    async (_, change) => {
      const baked = bakeOnnx(model, network, [change], { strength });
      const given = { given: tokens, strength };
      const [logits] = await bakeParity(await baked.bytes(), network, [change], given);
      // float32: two blocks of width 16 and what an edit adds
      expect(logits!.maxAbs).toBeLessThan(1e-4 * Math.max(1, logits!.maxChange));
      expect(logits!.maxChange).toBeGreaterThan(1e-3);
    },
  );
});

test("strength 0 changes nothing", async () => {
  const baked = bakeOnnx(model, network, changes, { strength: 0 });
  const [logits] = await bakeParity(await baked.bytes(), network, [], { given: tokens });
  expect(logits!.maxAbs).toBeLessThan(1e-5); // as without edits: float32, two blocks
});

test.each(["bert-script", "bert-dynamo", "bert-fused", "gpt2-past-script", "llama-past-dynamo"])(
  "interventions at several sites by their standard names fit %s",
  async (name) => {
    const { model, network } = await opened(name);
    const sets: InterventionInput[] = [
      { kind: "add", site: "blocks.*.resid_post", vector: direction },
      // the same value under its other name, after the one before
      { kind: "scale", site: "blocks.1.resid_pre", gain: 0.5 },
      { kind: "clamp", site: "blocks.1.resid_mid", direction: other, min: 0.25 },
    ];
    const baked = bakeOnnx(model, network, sets);
    const differences = await bakeParity(await baked.bytes(), network, sets, { given: tokens });
    expect(differences.map(({ output }) => output)).toContain("logits");
    for (const { maxAbs } of differences) expect(maxAbs).toBeLessThan(1e-4);
  },
);

test("a value of the file is changed by its name there", async () => {
  const { model, network } = await opened("resnet-script");
  const value = network.sites().find(({ name, shape }) => /Relu/.test(name) && shape.length === 4)!;
  const sets: InterventionInput[] = [{ kind: "scale", site: value.name, gain: 0.5 }];
  const baked = bakeOnnx(model, network, sets);
  const differences = await bakeParity(await baked.bytes(), network, sets);
  expect(differences[0]!.maxAbs).toBeLessThan(1e-4 * Math.max(1, differences[0]!.maxChange));
});

test.each<[string, InterventionInput]>([
  ["places", { kind: "ablate", site, at: { positions: [0] } }],
  [
    "conditions",
    { kind: "ablate", site, when: { probe: { kind: "linear", site, direction, threshold: 0 } } },
  ],
  ["sites that are not there", { kind: "ablate", site: "blocks.7.resid_post" }],
  ["vectors of another width", { kind: "add", site, vector: [1, 2, 3] }],
  ["experts", { kind: "experts", site, topK: 1 }],
])("%s are refused", (_, change) => {
  expect(() => bakeOnnx(model, network, [change])).toThrowErrorMatchingSnapshot();
});

test("a value within a node is refused, with a neighbour's name", async () => {
  const { model, network } = await opened("bert-fused-mha");
  const known = new Set(model.values().map(({ name }) => name));
  const { sites } = network.recognised;
  const [, [inner]] = [...sites].find(([value]) => !known.has(value))! as [string, [string]];
  expect(() => bakeOnnx(model, network, [{ kind: "ablate", site: inner }])).toThrowError(
    /is computed within a node of bert-fused-mha, so no value of the file holds it/,
  );
});
