import { expect, test } from "vitest";

import { shapeArea, shapeClasses } from "./outlines.ts";
import { palette, secondTone, shapeColours, shapeTextures } from "./paints.ts";
import { boxOf, drawScene, sizeOf } from "./scene.ts";
import type { Scene, SceneObject } from "./scene.ts";
import { surfaces } from "./_surroundings.ts";

const red: SceneObject = {
  shape: "circle",
  colour: "red",
  texture: "plain",
  x: 0.5,
  y: 0.5,
  radius: 0.4,
  angleRad: 0,
};

const grey = [0.6, 0.6, 0.6] as const;

function sceneOf(...objects: SceneObject[]): Scene {
  const background = { from: grey, to: grey, angleRad: 0 };
  return { background, clutter: [], objects, covers: [], noise: 0, seed: 1 };
}

function sum(values: ArrayLike<number>): number {
  return Array.from(values).reduce((total, value) => total + value, 0);
}

function colourAt(pixels: Float32Array, pixel: number): number[] {
  return Array.from(pixels.subarray(pixel * 3, pixel * 3 + 3));
}

test.each(shapeClasses)("the mask of a %s has its area, however it is turned", (shape) => {
  for (const angleRad of [0, 0.3, 1, 2.5]) {
    const { amodal, size } = drawScene(sceneOf({ ...red, shape, angleRad }), { size: 96 });
    const ratio = sum(amodal[0]!) / size ** 2 / shapeArea(shape, red.radius);
    expect(Math.abs(ratio - 1)).toBeLessThan(0.03); // counts of some 1,500 pixels, of which an edge has 200
  }
});

test("a circle has 0.88 of its disc's radius, so its area is pi r^2 of that", () => {
  const { amodal } = drawScene(sceneOf(red), { size: 96 });
  const r = 0.88 * 0.4 * 96;
  expect(Math.abs(sum(amodal[0]!) - Math.PI * r ** 2)).toBeLessThan(0.005 * Math.PI * r ** 2);
});

test.each(shapeClasses)(
  "a %s has its centre of mass at its place and lies in its disc",
  (shape) => {
    const size = 96;
    const { amodal } = drawScene(sceneOf({ ...red, shape, x: 0.45, y: 0.52 }), { size });
    const inside = Array.from(amodal[0]!.keys()).filter((pixel) => amodal[0]![pixel] === 1);
    const xs = inside.map((pixel) => ((pixel % size) + 0.5) / size);
    const ys = inside.map((pixel) => (Math.floor(pixel / size) + 0.5) / size);
    // a tenth of a pixel and the pixels that an edge along the lattice loses on one side
    expect(Math.abs(sum(xs) / xs.length - 0.45)).toBeLessThan(0.006);
    expect(Math.abs(sum(ys) / ys.length - 0.52)).toBeLessThan(0.006);
    for (const [i, x] of xs.entries()) {
      expect((x - 0.45) ** 2 + (ys[i]! - 0.52) ** 2).toBeLessThan(red.radius ** 2);
    }
  },
);

test("masks say who is seen: the front object hides the back one, and a card hides both", () => {
  const back = { ...red, x: 0.4 };
  const front: SceneObject = { ...red, shape: "square", colour: "blue", x: 0.6 };
  const card = { x: 0.5, y: 0.9, length: 1, width: 0.3, angleRad: 0, colour: grey };
  const { mask, amodal, visible, size } = drawScene(
    { ...sceneOf(back, front), covers: [card] },
    { size: 64 },
  );
  for (const [pixel, owner] of mask.entries()) {
    const isCovered = (Math.floor(pixel / size) + 0.5) / size > 0.75;
    const expected = isCovered ? 0 : amodal[1]![pixel] === 1 ? 2 : amodal[0]![pixel];
    expect(owner).toBe(expected);
  }
  for (const index of [0, 1]) {
    const seen = mask.filter((owner) => owner === index + 1).length;
    expect(visible[index]).toBe(seen / sum(amodal[index]!));
    expect(seen).toBeGreaterThan(0);
  }
  expect(visible[0]).toBeLessThan(visible[1]!);
});

test.each(shapeColours)("inside a plain %s object, pixels are the palette's colour", (colour) => {
  const { pixels, size } = drawScene(sceneOf({ ...red, colour }));
  const middle = (size / 2) * size + size / 2;
  expect(colourAt(pixels, middle)).toEqual(Array.from(Float32Array.from(palette[colour])));
});

test.each(shapeTextures.slice(1))(
  "a %s object has two tones, and what is between them",
  (texture) => {
    const size = 96;
    const { pixels } = drawScene(sceneOf({ ...red, shape: "square", texture }), { size });
    const [light, dark] = [palette.red, secondTone(palette.red)];
    let [lights, darks] = [0, 0];
    for (let row = 32; row < 64; row++) {
      for (let column = 32; column < 64; column++) {
        const colour = colourAt(pixels, row * size + column);
        const share = (colour[0]! - light[0]) / (dark[0] - light[0]);
        for (const c of [1, 2] as const) {
          expect(colour[c]).toBeCloseTo(light[c] + share * (dark[c] - light[c]), 5); // float32
        }
        if (share < 0.01) lights++;
        if (share > 0.99) darks++;
      }
    }
    expect(Math.min(lights, darks)).toBeGreaterThan(100);
  },
);

test("every tone of an object stands out from every background", () => {
  for (const colour of shapeColours) {
    for (const tone of [palette[colour], secondTone(palette[colour])]) {
      for (const surface of surfaces) {
        const distance = Math.hypot(...tone.map((value, c) => value - surface[c]!));
        expect(distance, `${colour} on ${surface.join(" ")}`).toBeGreaterThan(0.2);
      }
    }
  }
});

test("edges are smooth: the picture's mean moves evenly as an object does", () => {
  const means = Array.from({ length: 8 }, (_, i) => {
    const { pixels } = drawScene(sceneOf({ ...red, radius: 0.2 + i / 1000 }));
    return sum(pixels) / pixels.length;
  });
  for (let i = 1; i < means.length; i++) expect(means[i]).toBeLessThan(means[i - 1]!);
});

test("one scene is the same picture at every size", () => {
  const scene = sceneOf({ ...red, shape: "star", angleRad: 0.2 });
  const [small, large] = [drawScene(scene, { size: 32 }), drawScene(scene, { size: 96 })];
  for (let pixel = 0; pixel < 32 ** 2; pixel++) {
    const [row, column] = [Math.floor(pixel / 32), pixel % 32];
    let mean = 0;
    for (let i = 0; i < 9; i++) {
      mean += large.pixels[((row * 3 + Math.floor(i / 3)) * 96 + column * 3 + (i % 3)) * 3]! / 9;
    }
    // coverage by the distance from a pixel's centre is off by up to a third at a tip, and tones differ by 0.28
    expect(Math.abs(small.pixels[pixel * 3]! - mean)).toBeLessThan(0.12);
  }
});

test("noise has the deviation that is asked for, and tints shift a colour", () => {
  const { pixels } = drawScene({ ...sceneOf(), noise: 0.1 }, { size: 96 });
  const deviation = Math.sqrt(sum(pixels.map((value) => (value - 0.6) ** 2)) / pixels.length);
  expect(deviation).toBeCloseTo(0.1, 2); // 27,648 values: a standard error of 0.0004
  const tinted = drawScene(sceneOf({ ...red, tint: [-0.1, 0.2, 0] }));
  const colour = colourAt(tinted.pixels, 16 * 32 + 16);
  expect(colour[0]).toBeCloseTo(palette.red[0] - 0.1, 6);
  expect(colour[1]).toBeCloseTo(palette.red[1] + 0.2, 6);
});

test("a box holds its mask and nothing more, and an empty mask has none", () => {
  const { amodal, size } = drawScene(sceneOf({ ...red, shape: "square", radius: 0.25 }));
  // half a side is 0.7 * 0.25 * 32 = 5.6 pixels from the middle, 16
  expect(boxOf(amodal[0]!, size)).toEqual({ left: 10, top: 10, right: 22, bottom: 22 });
  expect(boxOf(new Uint8Array(4), 2)).toBeUndefined();
});

test("an object is small below a radius of 0.16", () => {
  expect(sizeOf({ ...red, radius: 0.159 })).toBe("small");
  expect(sizeOf({ ...red, radius: 0.16 })).toBe("large");
});

test("a scene that cannot be drawn says what is wrong with it", () => {
  expect(() => drawScene(sceneOf(red), { size: 8 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: drawScene: size is 8, not an integer of at least 16.]`,
  );
  expect(() => drawScene(sceneOf(red), { size: 97 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: drawScene: size is 97, not a number from 16 to 96.]`,
  );
  expect(() =>
    drawScene(sceneOf({ ...red, shape: "blob" as "star" })),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: drawScene: objects[0].shape is "blob", not one of "circle", "square", "triangle", "star", "cross", "ring", "heart", "diamond", "half-moon", "hexagon".]`,
  );
  expect(() =>
    drawScene(sceneOf(red, { ...red, radius: Number.NaN })),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: drawScene: objects[1].radius is NaN, not a number from 0.02 to 1.]`,
  );
  expect(() =>
    drawScene(sceneOf(...Array.from({ length: 256 }, () => red))),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: drawScene: the scene has 256 objects, and a mask has numbers for 255.]`,
  );
});
