import { assert, constantFrom, integer, property, record } from "fast-check";
import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { multipleSample } from "./multiple.ts";
import type { MultipleOptions, MultipleSample } from "./multiple.ts";
import { pairKey, relationOf } from "./relations.ts";
import { sizeOf } from "./scene.ts";

function samples(seed: number, count: number, options: MultipleOptions = {}): MultipleSample[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => multipleSample(rng, options));
}

function centroid(mask: Uint8Array, value: number, size: number): { x: number; y: number } {
  let [x, y, count] = [0, 0, 0];
  for (const [pixel, owner] of mask.entries()) {
    if (owner !== value) continue;
    x += ((pixel % size) + 0.5) / size;
    y += (Math.floor(pixel / size) + 0.5) / size;
    count++;
  }
  return { x: x / count, y: y / count };
}

test("the first scenes of seed 1 stay what they are", () => {
  const told = samples(1, 4).map(({ scene: { objects }, told: { subject, relation, object } }) =>
    [objects[subject]!, relation, objects[object]!]
      .map((part) =>
        typeof part === "string" ? part : `${sizeOf(part)} ${part.colour} ${part.shape}`,
      )
      .join(" "),
  );
  expect(told).toMatchInlineSnapshot(`
    [
      "large red ring above small black cross",
      "small yellow half-moon left of large red ring",
      "small yellow hexagon right of small red hexagon",
      "large green star below small blue triangle",
    ]
  `);
});

test("the same seed gives the same bytes", () => {
  expect(samples(2, 2, { occlusion: 0.4 })).toEqual(samples(2, 2, { occlusion: 0.4 }));
});

test("relations agree with where the masks are", () => {
  const given = record({ count: constantFrom(2, 3, 4), split: constantFrom("train", "heldOut") });
  assert(
    property(integer({ min: 0, max: 0xffffffff }), given, (seed, options) => {
      const { mask, related, told, size, scene } = multipleSample(new Rng(seed), options);
      expect(scene.objects).toHaveLength(options.count);
      expect(related).toContainEqual(told);
      for (const { subject, relation, object } of related) {
        const [a, b] = [centroid(mask, subject + 1, size), centroid(mask, object + 1, size)];
        const isTrue = {
          "left of": a.x < b.x,
          "right of": a.x > b.x,
          above: a.y < b.y,
          below: a.y > b.y,
        };
        expect(isTrue[relation]).toBe(true);
      }
    }),
    { seed: 1, numRuns: 60 },
  );
});

test("every relation has its opposite the other way round", () => {
  const opposite = { "left of": "right of", "right of": "left of", above: "below", below: "above" };
  for (const { related } of samples(3, 50)) {
    for (const { subject, relation, object } of related) {
      const back = { subject: object, relation: opposite[relation], object: subject };
      expect(related).toContainEqual(back);
    }
  }
});

test("masks are disjoint and full where nothing is hidden, and no kind is there twice", () => {
  for (const { amodal, mask, visible, scene } of samples(4, 10, { count: 4 })) {
    expect(visible).toEqual([1, 1, 1, 1]);
    for (const [pixel, owner] of mask.entries()) {
      const owners = amodal.flatMap((inside, index) => (inside[pixel] === 1 ? [index + 1] : []));
      expect(owners).toEqual(owner === 0 ? [] : [owner]);
    }
    const kinds = scene.objects.map(({ shape, colour }) => `${colour} ${shape}`);
    expect(new Set(kinds).size).toBe(4);
  }
});

test.each([0.2, 0.35, 0.5])("one of the told pair hides %d of the other", (occlusion) => {
  for (const { visible, told, amodal, mask } of samples(5, 12, { size: 96, occlusion })) {
    const pair = [told.subject, told.object].toSorted((a, b) => a - b) as [number, number];
    // measured at 150 or more points; the objects have 150 or more pixels
    expect(Math.abs(1 - visible[pair[0]]! - occlusion)).toBeLessThan(0.07);
    expect(visible.filter((_, index) => index !== pair[0]).every((share) => share === 1)).toBe(
      true,
    );
    const front = mask.filter((_, pixel) => amodal[pair[1]]![pixel] === 1);
    expect(new Set(front)).toEqual(new Set([pair[1] + 1]));
  }
});

test("the told pair is in its half, and training has no pair of the other", () => {
  for (const split of ["train", "heldOut"] as const) {
    for (const { scene, told, related } of samples(6, 100, { split })) {
      for (const { subject, relation, object } of split === "train" ? related : [told]) {
        const key = pairKey(scene.objects[subject]!, relation, scene.objects[object]!);
        expect(splitOf(key)).toBe(split);
      }
    }
  }
});

test("objects that stand aslant, or too near, are in no relation", () => {
  const [{ scene }] = samples(7, 1) as [MultipleSample];
  const at = (x: number, y: number): (typeof scene.objects)[number] => {
    return { ...scene.objects[0]!, x, y };
  };
  expect(relationOf(at(0.2, 0.2), at(0.5, 0.5))).toBeUndefined();
  expect(relationOf(at(0.5, 0.5), at(0.57, 0.5))).toBeUndefined();
  expect(relationOf(at(0.2, 0.5), at(0.5, 0.6))).toBe("left of");
  expect(relationOf(at(0.5, 0.8), at(0.6, 0.5))).toBe("below");
});

test("a knob out of its range says its range", () => {
  const fails = (options: MultipleOptions): (() => MultipleSample) => {
    return () => multipleSample(new Rng(1), options);
  };
  expect(fails({ count: 5 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: multipleSample: count is 5, not a number from 2 to 4.]`,
  );
  expect(fails({ count: 2.5 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: multipleSample: count is 2.5, not an integer of at least 2.]`,
  );
  expect(fails({ occlusion: 0.9 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: multipleSample: occlusion is 0.9, not a number from 0 to 0.5.]`,
  );
  expect(fails({ split: "all" as "train" })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: multipleSample: split is "all", not one of "train", "heldOut".]`,
  );
});
