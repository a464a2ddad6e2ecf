import { assert, constantFrom, double, integer, property, record } from "fast-check";
import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { shapeClasses } from "./outlines.ts";
import { shapeColours, shapeTextures } from "./paints.ts";
import { boxOf } from "./scene.ts";
import { singleSample } from "./single.ts";
import type { SingleOptions, SingleSample } from "./single.ts";

function samples(seed: number, count: number, options: SingleOptions = {}): SingleSample[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => singleSample(rng, options));
}

test("the first labels of seed 1 stay what they are", () => {
  expect(samples(1, 3).map(({ label }) => label)).toMatchInlineSnapshot(`
    [
      {
        "box": {
          "bottom": 26,
          "left": 10,
          "right": 30,
          "top": 7,
        },
        "colour": "pink",
        "place": "top right",
        "shape": "heart",
        "texture": "plain",
      },
      {
        "box": {
          "bottom": 25,
          "left": 3,
          "right": 20,
          "top": 8,
        },
        "colour": "red",
        "place": "bottom left",
        "shape": "ring",
        "texture": "plain",
      },
      {
        "box": {
          "bottom": 27,
          "left": 4,
          "right": 18,
          "top": 13,
        },
        "colour": "white",
        "place": "bottom left",
        "shape": "star",
        "texture": "checked",
      },
    ]
  `);
});

test("the same seed gives the same bytes", () => {
  const options = { clutter: 0.5, occlusion: 0.3, colourJitter: 0.1, noise: 0.1 };
  expect(samples(2, 2, options)).toEqual(samples(2, 2, options));
  expect(samples(2, 1, options)[0]!.pixels).not.toEqual(samples(3, 1, options)[0]!.pixels);
});

test("what a label says is true of the masks", () => {
  const options = record({
    size: integer({ min: 16, max: 64 }),
    clutter: double({ min: 0, max: 1, noNaN: true }),
    shape: constantFrom(...shapeClasses),
  });
  assert(
    property(integer({ min: 0, max: 0xffffffff }), options, (seed, given) => {
      const { label, amodal, mask, visible, scene } = singleSample(new Rng(seed), given);
      expect(label.shape).toBe(given.shape);
      expect(label.box).toEqual(boxOf(amodal[0]!, given.size));
      expect(mask).toEqual(amodal[0]);
      expect(visible).toEqual([1]);
      const { x, y } = scene.objects[0]!;
      expect(label.place).toBe(`${y < 0.5 ? "top" : "bottom"} ${x < 0.5 ? "left" : "right"}`);
    }),
    { seed: 1, numRuns: 30 },
  );
});

test("the halves share no combination of shape, colour, texture and place", () => {
  for (const split of ["train", "heldOut"] as const) {
    for (const { key, label } of samples(4, 200, { split, size: 16 })) {
      const { shape, colour, texture, place } = label;
      expect(key).toBe(`single|${shape}|${colour}|${texture}|${place}`);
      expect(splitOf(key)).toBe(split);
    }
  }
});

test("training has every shape, colour, texture and place", () => {
  const labels = samples(5, 400, { size: 16 }).map(({ label }) => label);
  expect(new Set(labels.map(({ shape }) => shape))).toEqual(new Set(shapeClasses));
  expect(new Set(labels.map(({ colour }) => colour))).toEqual(new Set(shapeColours));
  expect(new Set(labels.map(({ texture }) => texture))).toEqual(new Set(shapeTextures));
  expect(new Set(labels.map(({ place }) => place)).size).toBe(4);
});

test.each([0.2, 0.5, 0.8])("a card hides %d of the object and leaves the label", (occlusion) => {
  const plain = samples(6, 10, { size: 64 });
  for (const [i, { visible, label, amodal }] of samples(6, 10, { size: 64, occlusion }).entries()) {
    // measured at 150 or more points; the picture's objects have 400 or more pixels
    expect(Math.abs(1 - visible[0]! - occlusion)).toBeLessThan(0.05);
    expect(label).toEqual(plain[i]!.label);
    expect(amodal).toEqual(plain[i]!.amodal);
  }
});

test("turning one knob leaves the rest of the picture", () => {
  const [plain] = samples(7, 1, { noise: 0 }) as [SingleSample];
  const cluttered = samples(7, 1, { noise: 0, clutter: 1 })[0]!;
  expect(cluttered.scene.objects).toEqual(plain.scene.objects);
  expect(cluttered.scene.background).toEqual(plain.scene.background);
  const noisy = samples(7, 1, { noise: 0.1 })[0]!;
  expect({ ...noisy.scene, noise: 0 }).toEqual(plain.scene);
});

test("knobs do what they say", () => {
  for (const { scene } of samples(8, 50, { scale: [0.1, 0.12], turn: 180, colourJitter: 0.2 })) {
    const { radius, tint, angleRad } = scene.objects[0]!;
    expect(radius).toBeGreaterThanOrEqual(0.1);
    expect(radius).toBeLessThan(0.12);
    expect(Math.max(...tint!.map(Math.abs))).toBeLessThanOrEqual(0.2);
    expect(Math.abs(angleRad)).toBeLessThanOrEqual(Math.PI);
  }
  const angles = samples(8, 50, { turn: 180 }).map(({ scene }) => scene.objects[0]!.angleRad);
  expect(Math.max(...angles)).toBeGreaterThan(2);
  expect(samples(9, 1, { clutter: 1 })[0]!.scene.clutter).toHaveLength(48);
  const { from, to } = samples(9, 1, { gradient: 0.3 })[0]!.scene.background;
  expect(to[0] - from[0]).toBeCloseTo(0.3, 10);
});

test("a knob out of its range says its range", () => {
  const fails = (options: SingleOptions): (() => SingleSample) => {
    return () => singleSample(new Rng(1), options);
  };
  expect(fails({ occlusion: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: singleSample: occlusion is 1, not a number from 0 to 0.8.]`,
  );
  expect(fails({ noise: -1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: singleSample: noise is -1, not a number from 0 to 0.5.]`,
  );
  expect(fails({ clutter: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: singleSample: clutter is 2, not a number from 0 to 1.]`,
  );
  expect(fails({ gradient: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: singleSample: gradient is 1, not a number from 0 to 0.4.]`,
  );
  expect(fails({ colourJitter: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: singleSample: colourJitter is 1, not a number from 0 to 0.3.]`,
  );
  expect(fails({ turn: 270 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: singleSample: turn is 270, not a number from 0 to 180.]`,
  );
  expect(fails({ scale: [0.3, 0.2] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: singleSample: scale[1] is 0.2, not a number from 0.3 to 0.45.]`,
  );
  expect(fails({ size: 20.5 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: singleSample: size is 20.5, not an integer of at least 16.]`,
  );
  expect(fails({ split: "test" as "train" })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: singleSample: split is "test", not one of "train", "heldOut".]`,
  );
  expect(fails({ shape: "blob" as "star" })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: singleSample: shape is "blob", not one of "circle", "square", "triangle", "star", "cross", "ring", "heart", "diamond", "half-moon", "hexagon".]`,
  );
});
