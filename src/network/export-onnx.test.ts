import { beforeAll, describe, expect, test } from "vitest";

import { interventionSet } from "../values/index.ts";
import { loadNetwork } from "../organisms/load-network.ts";
import { PlainSession } from "../runtime/plain-session.ts";
import { exportOnnx } from "./export-onnx.ts";
import type { Steering } from "./interventions.ts";
import type { LanguageNetwork } from "./language.ts";
import { onnxParity } from "./onnx-parity.ts";
import { quantise, WEIGHT_FORMS } from "./quantise.ts";

const TEXTS = ["Mira was at the park. That day she found a red kite.", "Tomo was sad."];
const SITE = "blocks.1.resid_post";

let net: LanguageNetwork;
beforeAll(async () => {
  net = await loadNetwork("organism:stories");
});

/** A direction of 128 numbers. */
const wave = (phase: number): number[] =>
  Array.from({ length: 128 }, (_, i) => Math.sin(i + phase));

test("inputs and outputs have the names and sizes of Hugging Face's exports", async () => {
  await using session = await PlainSession.open(await exportOnnx(net));
  const cache = ["0", "1", "2", "3"].flatMap((i) => [`${i}.key`, `${i}.value`]);
  expect(session.inputs).toEqual([
    "input_ids",
    "attention_mask",
    "position_ids",
    ...cache.map((name) => `past_key_values.${name}`),
  ]);
  expect(session.outputs).toEqual(["logits", ...cache.map((name) => `present.${name}`)]);
  expect(session.shapeOf("attention_mask")).toEqual([
    "batch_size",
    "sequence_length + past_sequence_length",
  ]);
  expect(session.shapeOf("past_key_values.0.key")).toEqual([
    "batch_size",
    4,
    "past_sequence_length",
    32,
  ]);
});

test("the same network gives the same bytes", async () => {
  const again = await loadNetwork("organism:stories");
  expect(Buffer.compare(await exportOnnx(again), await exportOnnx(net))).toBe(0);
});

test.each(WEIGHT_FORMS)(
  "%s weights go out as they are stored, and compute the same",
  async (weights) => {
    const own = quantise(net, { weights });
    const bytes = await exportOnnx(own);
    const whole = weights.startsWith("fp32")
      ? 1
      : { fp16: 0.5, q8: 0.27, q4: 0.16 }[weights as "q4"];
    expect(bytes.length / 3_380_000).toBeCloseTo(whole, 1);
    const { maxAbs, greedy } = await onnxParity(bytes, own, { texts: TEXTS });
    expect(maxAbs).toBeLessThan(1e-4); // float32, logits of order 10
    expect(greedy).toEqual({ tokens: 24, same: 24 });
  },
);

describe("interventions are built in:", () => {
  const direction = wave(0);
  const cases: Record<string, Steering> = {
    add: { kind: "add", site: SITE, vector: direction, scale: 0.5 },
    "project-out": { kind: "project-out", site: SITE, basis: [direction, wave(1)] },
    clamp: { kind: "clamp", site: SITE, direction, min: 2, max: 3 },
    scale: { kind: "scale", site: SITE, gain: 0.5 },
    affine: {
      kind: "affine",
      site: SITE,
      weight: Array.from({ length: 128 }, (_, i) => wave(i).map((x) => x / 128)),
      bias: direction,
    },
    replace: { kind: "replace", site: "blocks.2.mlp_out", value: direction },
    ablate: { kind: "ablate", site: "blocks.2.attn_out" },
    mask: { kind: "mask", site: SITE, keep: direction.map((x) => (x > 0 ? 1 : 0)) },
    "two sets, with a pattern": interventionSet({
      interventions: [
        { kind: "scale", site: "blocks.*.attn_out", gain: 0.7 },
        { kind: "add", site: SITE, vector: direction, scale: 0.25 },
      ],
    }),
  };

  test.each(Object.entries(cases))("%s", async (_, intervention) => {
    const options = { interventions: [intervention], strength: 0.5 };
    const bytes = await exportOnnx(net, options);
    const { maxAbs, change } = await onnxParity(bytes, net, { ...options, texts: TEXTS });
    expect(maxAbs).toBeLessThan(1e-4); // float32, logits of order 10
    expect(change!.maxAbs).toBeGreaterThan(0.01);
  });
});

test("strength 0 changes nothing", async () => {
  const interventions = [{ kind: "add", site: SITE, vector: wave(0), scale: 3 }] as const;
  const bytes = await exportOnnx(net, { interventions, strength: 0 });
  const { maxAbs } = await onnxParity(bytes, net, { texts: TEXTS });
  expect(maxAbs).toBeLessThan(1e-5); // float32, logits of order 10
});

test("a file that is steered otherwise than the network is told from it", async () => {
  const interventions = [{ kind: "add", site: SITE, vector: wave(0), scale: 1 }] as const;
  const { maxAbs, klNats, greedy } = await onnxParity(await exportOnnx(net), net, {
    interventions,
    texts: TEXTS,
  });
  expect(maxAbs).toBeGreaterThan(1);
  expect(klNats).toBeGreaterThan(0.01);
  expect(greedy.same).toBeLessThan(greedy.tokens);
});

test("what acts at some places only is refused", async () => {
  const interventions = [
    { kind: "add", site: SITE, vector: wave(0), scale: 1, at: { phase: "generated" } },
  ] as const;
  await expect(exportOnnx(net, { interventions })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: exportOnnx: the intervention "add" at "blocks.1.resid_post" acts at some places only, and a plain ONNX file knows no places.
      fix: leave out \`at\` and \`when\`, or steer with PatchClamp itself.]
  `);
});

test("a site that the network lacks is refused", async () => {
  const interventions = [{ kind: "scale", site: "blocks.9.mlp_out", gain: 0 }] as const;
  await expect(exportOnnx(net, { interventions })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: interventions: organism:stories has no site "blocks.9.mlp_out": its blocks are 0..3.
      fix: the nearest are "blocks.0.mlp_out", "blocks.1.mlp_out", "blocks.2.mlp_out"; all 68 are listed by \`patchclamp sites\`.]
  `);
});
