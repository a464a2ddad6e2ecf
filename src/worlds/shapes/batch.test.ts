import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { shapesBatch } from "./batch.ts";
import { shapeClasses } from "./outlines.ts";
import { shapeColours } from "./paints.ts";
import { singleSample } from "./single.ts";

test("a batch is the pictures that singleSample draws, with the channel first", () => {
  const options = { size: 20, noise: 0.05, clutter: 0.3 };
  const { pixels, labels } = shapesBatch(new Rng(1), { batch: 4, ...options });
  expect(pixels).toHaveLength(4 * 3 * 20 * 20);
  const rng = new Rng(1);
  for (let row = 0; row < 4; row++) {
    const picture = singleSample(rng, options);
    expect(shapeClasses[labels[row]!]).toBe(picture.label.shape);
    const own = Array.from(
      { length: 3 * 400 },
      (_, i) => picture.pixels[(i % 400) * 3 + Math.floor(i / 400)],
    );
    expect(Array.from(pixels.subarray(row * 1200, (row + 1) * 1200))).toEqual(own);
  }
});

test("the target says what the labels tell", () => {
  const { labels } = shapesBatch(new Rng(2), { batch: 30, target: "colour", size: 16 });
  const rng = new Rng(2);
  const colours = Array.from({ length: 30 }, () => singleSample(rng, { size: 16 }).label.colour);
  expect(Array.from(labels, (label) => shapeColours[label])).toEqual(colours);
});

test("every class is about as frequent as the others", () => {
  const { labels } = shapesBatch(new Rng(3), { batch: 1000, size: 16 });
  for (const index of shapeClasses.keys()) {
    const count = labels.filter((label) => label === index).length;
    expect(Math.abs(count - 100)).toBeLessThan(35); // over three standard deviations, and halves differ a little
  }
});

test("a batch that cannot be drawn says why", () => {
  const rng = new Rng(1);
  expect(() => shapesBatch(rng, { batch: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: shapesBatch: batch is 0, not an integer of at least 1.]`,
  );
  expect(() =>
    shapesBatch(rng, { batch: 1, target: "mood" as "shape" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: shapesBatch: target is "mood", not one of "shape", "colour", "texture".]`,
  );
  expect(() => shapesBatch(rng, { batch: 1, occlusion: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: shapesBatch: occlusion is 1, not a number from 0 to 0.8.]`,
  );
});
