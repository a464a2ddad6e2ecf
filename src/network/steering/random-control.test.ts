import { describe, expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { cosine, interventionSet, normOf } from "../../values/index.ts";
import type { Intervention, InterventionInput } from "../../values/index.ts";
import { randomTwin } from "./random-control.ts";

const site = "blocks.1.resid_post";
const at = { phase: "generated" } as const;
const when = { probe: { kind: "linear", site, direction: [1, 0] }, threshold: 1 } as const;
const vector = new Rng(8).normals(64);

function twin<K extends Intervention["kind"]>(
  given: Extract<InterventionInput, { kind: K }>,
  seed = 1,
): Extract<Intervention, { kind: K }> {
  const set = interventionSet({ interventions: [given] });
  const [found] = randomTwin(set, new Rng(seed), () => 8)!.interventions;
  return found as Extract<Intervention, { kind: K }>;
}

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

describe("the random twin of an intervention", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "has a direction of the same norm, which points elsewhere (seed %i)",
    (seed) => {
      const found = twin<"add">({ kind: "add", site, vector, scale: 3, at, when }, seed);
      const { data } = found.vector;
      expect(normOf(data) / normOf(vector)).toBeCloseTo(1, 5); // 5: float32
      // 0.5: four standard deviations of the cosine of random directions, which is 1 / sqrt(64)
      expect(Math.abs(cosine(data, vector))).toBeLessThan(0.5);
    },
  );

  test("keeps site, places, condition and scale", () => {
    const given = { kind: "add", site, vector, scale: 3, at, when } as const;
    const { vector: own, ...rest } = twin<"add">(given);
    const { vector: theirs, ...expected } = interventionSet({ interventions: [given] })
      .interventions[0] as Extract<Intervention, { kind: "add" }>;
    expect(rest).toEqual(expected);
    expect(own.shape).toEqual(theirs.shape);
    expect(own.data).not.toEqual(theirs.data);
  });

  test("is the same for the same seed and another for another", () => {
    const given = { kind: "add", site, vector } as const;
    expect(twin<"add">(given, 1)).toEqual(twin<"add">(given, 1));
    expect(twin<"add">(given, 1)).not.toEqual(twin<"add">(given, 2));
  });

  test("has the norms of every row, where a value has several", () => {
    const value = [
      [3, 4, 0],
      [0, 0, 0.5],
    ];
    const { data } = twin<"replace">({ kind: "replace", site, value }).value;
    expect(normOf(data.subarray(0, 3))).toBeCloseTo(5, 5);
    expect(normOf(data.subarray(3))).toBeCloseTo(0.5, 6);
  });

  test("is as far from the identity as a matrix", () => {
    const weight = [
      [1, 2],
      [0, 1],
    ];
    const { data } = twin<"affine">({ kind: "affine", site, weight }).weight;
    const change = data.map((x, i) => x - (i % 3 === 0 ? 1 : 0));
    expect(normOf(change)).toBeCloseTo(2, 5);
    expect(Array.from(change)).not.toEqual([0, 2, 0, 0]);
  });

  test("silences as many units, and multiplies by the same gains", () => {
    const keep = Array.from({ length: 32 }, (_, i) => Number(i > 5));
    const mask = Array.from(twin<"mask">({ kind: "mask", site, keep }).keep.data);
    expect(mask).not.toEqual(keep);
    expect(sorted(mask)).toEqual(sorted(keep));
    const gain = twin<"scale">({ kind: "scale", site, gain: keep }).gain as { data: Float32Array };
    expect(sorted(Array.from(gain.data))).toEqual(sorted(keep));
  });

  test("switches as many other experts", () => {
    const { on, off } = twin<"experts">({ kind: "experts", site, on: [0, 1], off: [2] });
    expect(new Set([...on!, ...off!]).size).toBe(3);
    expect([on!.length, off!.length]).toEqual([2, 1]);
    expect(Math.max(...on!, ...off!)).toBeLessThan(8);
  });

  test("takes out as many directions, and holds another one in the same range", () => {
    const basis = [vector, new Rng(9).normals(64)].map((row) => Array.from(row));
    expect(twin<"project-out">({ kind: "project-out", site, basis }).basis.shape).toEqual([2, 64]);
    const clamped = twin<"clamp">({ kind: "clamp", site, direction: vector, max: 2 });
    expect(clamped.max).toBe(2);
    expect(clamped.direction.data).not.toEqual(vector);
  });
});

test("interventions without direction or choice have no twin, but stay in a set that has one", () => {
  const plain = { kind: "scale", site, gain: 2 } as const;
  const ablated = { kind: "ablate", site } as const;
  const width = (): number => 8;
  const none = interventionSet({ interventions: [plain, ablated] });
  expect(randomTwin(none, new Rng(1), width)).toBeUndefined();
  const some = interventionSet({ interventions: [plain, { kind: "add", site, vector }] });
  expect(randomTwin(some, new Rng(1), width)!.interventions[0]).toEqual(some.interventions[0]);
});
