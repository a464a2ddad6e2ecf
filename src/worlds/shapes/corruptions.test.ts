import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { corruptPicture, shapeCorruptions } from "./corruptions.ts";
import type { ShapeCorruption } from "./corruptions.ts";
import type { Picture } from "./scene.ts";
import { singleSample } from "./single.ts";

const severities = [1, 2, 3, 4, 5];

function pictures(count: number): Picture[] {
  const rng = new Rng(1);
  return Array.from({ length: count }, () => singleSample(rng, { noise: 0 }));
}

/** Mean squared difference. */
function distance(a: Picture, b: Picture): number {
  return a.pixels.reduce((sum, value, i) => sum + (value - b.pixels[i]!) ** 2, 0) / a.pixels.length;
}

function corrupt(picture: Picture, kind: ShapeCorruption, severity: number, seed = 1): Picture {
  return corruptPicture(new Rng(seed), picture, { kind, severity });
}

test.each(shapeCorruptions)(
  "%s gets worse with its severity, on the mean of 40 pictures",
  (kind) => {
    const all = pictures(40);
    const harm = severities.map((severity) =>
      all.reduce(
        (sum, picture, seed) => sum + distance(picture, corrupt(picture, kind, severity, seed)),
        0,
      ),
    );
    for (let i = 1; i < harm.length; i++) expect(harm[i]).toBeGreaterThan(harm[i - 1]!);
    expect(harm[0]).toBeGreaterThan(0);
  },
);

test.each(shapeCorruptions)(
  "%s keeps the size, the range and the picture that it is given",
  (kind) => {
    const [picture] = pictures(1) as [Picture];
    const before = picture.pixels.slice();
    const worse = corrupt(picture, kind, 5);
    expect(picture.pixels).toEqual(before);
    expect(worse.size).toBe(picture.size);
    expect(worse.pixels.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(corrupt(picture, kind, 5)).toEqual(worse);
  },
);

/** A picture of one tone. */
function even(value: number): Picture {
  return { size: 32, pixels: new Float32Array(32 * 32 * 3).fill(value) };
}

test.each(["blur", "contrast", "pixelate", "rotation"] as const)(
  "%s leaves an even picture",
  (kind) => {
    expect(distance(corrupt(even(0.4), kind, 5), even(0.4))).toBeLessThan(1e-10); // float32 sums
  },
);

test("noise has the standard deviation of its severity", () => {
  expect(Math.sqrt(distance(corrupt(even(0.5), "noise", 3), even(0.5)))).toBeCloseTo(0.12, 2);
});

test("contrast keeps the mean, and a colour shift the brightness of each pixel", () => {
  const [picture] = pictures(1) as [Picture];
  const mean = ({ pixels }: Picture): number =>
    pixels.reduce((sum, v) => sum + v, 0) / pixels.length;
  expect(mean(corrupt(picture, "contrast", 4))).toBeCloseTo(mean(picture), 5);
  const [red, green, blue] = corrupt(even(0.5), "colour shift", 5).pixels;
  expect(red! + green! + blue!).toBeCloseTo(1.5, 5);
});

test("brightness goes up and down", () => {
  const tones = Array.from(
    { length: 20 },
    (_, seed) => corrupt(even(0.5), "brightness", 1, seed).pixels[0]!,
  );
  expect(new Set(tones.map((tone) => tone.toFixed(4)))).toEqual(new Set(["0.4200", "0.5800"]));
});

test("pixelate leaves 7 x 7 cells at its worst", () => {
  const rng = new Rng(3);
  const noise: Picture = { size: 32, pixels: rng.uniforms(32 * 32 * 3) };
  expect(new Set(corrupt(noise, "pixelate", 5).pixels).size).toBe(7 * 7 * 3);
});

test("a bar covers a share of the picture near its width", () => {
  const covered =
    corrupt(even(1), "bar", 5).pixels.filter((value) => value < 0.5).length / 3 / 1024;
  expect(covered).toBeGreaterThan(0.2); // at a corner of the middle half, it leaves the picture early
  expect(covered).toBeLessThan(0.3 * Math.SQRT2);
});

test("a corruption that is not there is refused", () => {
  const picture = even(0.5);
  expect(() => corrupt(picture, "fog" as "blur", 1)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: corruptPicture: kind is "fog", not one of "noise", "blur", "contrast", "brightness", "pixelate", "colour shift", "bar", "rotation".]`,
  );
  expect(() => corrupt(picture, "blur", 0)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: corruptPicture: severity is 0, not an integer of at least 1.]`,
  );
  expect(() => corrupt(picture, "blur", 6)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: corruptPicture: severity is 6, not a number from 1 to 5.]`,
  );
});
