import { describe, expect, test } from "vitest";
import { z } from "zod";

import { intervention } from "./intervention.ts";
import type { InterventionInput } from "./intervention.ts";
import { combined, interventionSet, interventionSetSchema, originOf } from "./intervention-set.ts";

const site = "blocks.0.resid_post";
const row = { encoder: [1, 0], bias: 0, decoder: [0, 1], activation: { kind: "relu" } };

describe("an intervention", () => {
  test("takes numbers as lists, arrays or arrays with their shape, and fills in defaults", () => {
    const expected = {
      kind: "add",
      site,
      vector: { shape: [2], data: Float32Array.of(1, 2) },
      scale: 1,
    };
    const { vector } = expected;
    for (const given of [[1, 2], Float32Array.of(1, 2), vector]) {
      expect(intervention({ kind: "add", site, vector: given })).toEqual(expected);
    }
    expect(intervention(intervention({ kind: "add", site, vector }))).toEqual(expected);
  });

  test.each<[string, object]>([
    ["a key that nobody knows", { kind: "add", site, vector: [1], color: 1 }],
    ["an unknown kind", { kind: "nudge", site }],
    ["no site", { kind: "ablate" }],
    ["no vector", { kind: "add", site }],
    ["an empty vector", { kind: "add", site, vector: [] }],
    ["NaN", { kind: "add", site, vector: [1, Number.NaN] }],
    ["a number beyond float32", { kind: "add", site, vector: [1e39] }],
    ["rows of unequal length", { kind: "project-out", site, basis: [[1, 2], [3]] }],
    [
      "a shape that the numbers do not fill",
      { kind: "add", site, vector: { shape: [3], data: new Float32Array(2) } },
    ],
    ["a scale that is no number", { kind: "add", site, vector: [1], scale: "4" }],
    ["a direction that is zero", { kind: "clamp", site, direction: [0, 0], max: 1 }],
    ["a range that is empty", { kind: "clamp", site, direction: [1], min: 2, max: 1 }],
    ["no range", { kind: "clamp", site, direction: [1] }],
    ["a matrix that is not square", { kind: "affine", site, weight: [[1, 2]] }],
    ["a bias that does not fit", { kind: "affine", site, weight: [[1]], bias: [1, 2] }],
    ["a mask that is none", { kind: "mask", site, keep: [2] }],
    ["an expert on and off", { kind: "experts", site, on: [1], off: [1] }],
    ["no experts", { kind: "experts", site }],
    ["a feature without its row", { kind: "feature", site, index: 1, value: 2 }],
    [
      "a feature that writes another width than it reads",
      { kind: "feature", site, index: 1, value: 2, row: { ...row, decoder: [1, 2, 3] } },
    ],
    [
      "a feature that writes nothing",
      { kind: "feature", site, index: 1, value: 2, row: { ...row, decoder: [0, 0] } },
    ],
    [
      "a feature that nothing can beat",
      {
        kind: "feature",
        site,
        index: 1,
        value: 2,
        row: { ...row, activation: { kind: "topk", k: 2, weight: [[1, 2]], bias: [0] } },
      },
    ],
    ["a window that is empty", { kind: "ablate", site, at: { windows: [{ from: 3, to: 3 }] } }],
    ["a window without edges", { kind: "ablate", site, at: { windows: [{}] } }],
    ["no positions", { kind: "ablate", site, at: { positions: [] } }],
    ["half a position", { kind: "ablate", site, at: { exclude: { positions: [0.5] } } }],
  ])("with %s is refused in one sentence", (_, given) => {
    let message = "";
    try {
      intervention(given as InterventionInput);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message.split("\n")).toHaveLength(1);
    expect({ given: JSON.stringify(given), message }).toMatchSnapshot();
  });
});

test("the schema can be written as JSON Schema, for a server's document", () => {
  const schema = z.toJSONSchema(interventionSetSchema, { io: "input", unrepresentable: "any" });
  const { interventions } = schema.properties as Record<string, { items: { oneOf: object[] } }>;
  expect(interventions!.items.oneOf[0]).toMatchObject({
    properties: { kind: { const: "add" }, vector: { type: "array" }, scale: { type: "number" } },
    required: ["kind", "site", "vector"],
  });
});

describe("a set", () => {
  const one: InterventionInput = { kind: "ablate", site };
  const madeFor = { network: "a", hash: "1", dModel: 4 };

  test("composes by default", () => {
    expect(interventionSet({ interventions: [one, one] }).conflict).toBe("compose");
  });

  test("that says error is refused when two share a site", () => {
    expect(() => interventionSet({ interventions: [one, one], conflict: "error" }))
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: interventionSet: "blocks.0.resid_post" is changed by "ablate" at "blocks.0.resid_post" and by "ablate" at "blocks.0.resid_post", and the set says conflict: "error".
        fix: take one of them out, or say conflict: "compose" to apply them in their order.]
    `);
  });

  test("without interventions is refused", () => {
    expect(() => interventionSet({ interventions: [] })).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: interventionSet: interventions of the set is empty.]`,
    );
  });

  test("with a curve out of order is refused", () => {
    const points = [
      { strength: 1, effect: 0 },
      { strength: 0, effect: 0 },
    ];
    expect(() =>
      interventionSet({ interventions: [one], curve: { metric: "m", points } }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: interventionSet: curve.points of the set is not in the order of rising strengths.]`,
    );
  });

  test("combined with another holds the interventions of both, in their order", () => {
    const other: InterventionInput = { kind: "scale", site, gain: 2 };
    const set = combined([
      interventionSet({ name: "a", interventions: [one] }),
      interventionSet({ name: "b", interventions: [other], madeFor }),
    ]);
    expect(set.interventions.map(({ kind }) => kind)).toEqual(["ablate", "scale"]);
    expect(set).toMatchObject({ name: "a + b", madeFor, conflict: "compose" });
  });

  test("combined with one for a wider network is refused", () => {
    const wide = { ...madeFor, network: "b", dModel: 8 };
    const sets = [madeFor, wide].map((network) =>
      interventionSet({ interventions: [one], madeFor: network }),
    );
    expect(() => combined(sets)).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: combined: one set was made for a, which is 4 wide, another for b, which is 8 wide.
        fix: combine sets that were made for one network.]
    `);
  });

  test("of unknown origin is said to be so", () => {
    expect(originOf("test", undefined, madeFor)).toBe("unknown");
    expect(originOf("test", madeFor, undefined)).toBe("unknown");
  });
});
