import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { contourSample } from "./gestalt-contour.ts";
import type { ContourOptions } from "./gestalt-contour.ts";
import { figureGroundSample } from "./gestalt-figure-ground.ts";
import { groupingSample } from "./gestalt-grouping.ts";
import type { GroupingOptions } from "./gestalt-grouping.ts";
import { kanizsaSample } from "./gestalt-kanizsa.ts";
import type { KanizsaOptions } from "./gestalt-kanizsa.ts";

const seeds = Array.from({ length: 10 }, (_, i) => i);

function count(mask: Uint8Array): number {
  return mask.filter((value) => value !== 0).length;
}

test("every Gestalt figure is a function of its seed", () => {
  for (const sample of [kanizsaSample, groupingSample, contourSample, figureGroundSample]) {
    expect(sample(new Rng(1))).toEqual(sample(new Rng(1)));
    expect(sample(new Rng(1)).pixels).not.toEqual(sample(new Rng(2)).pixels);
  }
});

test.each([
  { figure: "triangle", discs: 3 },
  { figure: "square", discs: 4 },
] as const)("a Kanizsa $figure has nothing drawn in it", ({ figure, discs }) => {
  for (const seed of seeds) {
    const options: KanizsaOptions = { figure, size: 64, noise: 0 };
    const seen = kanizsaSample(new Rng(seed), { ...options, isIllusory: true });
    expect(new Set(seen.inducers).size).toBe(discs + 1);
    const outside = seen.pixels[0]!; // the corner of the picture is empty
    for (const [pixel, isIn] of seen.region.entries()) {
      if (isIn === 0) continue;
      expect(seen.inducers[pixel]).toBe(0);
      // up to half a pixel of a cut's edge is drawn on this side
      expect(Math.abs(seen.pixels[pixel * 3]! - outside)).toBeLessThan(0.5);
    }
  }
});

test("a Kanizsa control has as much drawn in the same places, and its discs reach into the region", () => {
  for (const seed of seeds) {
    const options: KanizsaOptions = { size: 96, noise: 0 };
    const seen = kanizsaSample(new Rng(seed), { ...options, isIllusory: true });
    const control = kanizsaSample(new Rng(seed), { ...options, isIllusory: false });
    expect([control.figure, control.region]).toEqual([seen.figure, seen.region]);
    const ratio = count(control.inducers) / count(seen.inducers);
    expect(Math.abs(ratio - 1)).toBeLessThan(0.05); // discs of some 500 pixels, turned
    const within = control.region.filter(
      (isIn, pixel) => isIn === 1 && control.inducers[pixel] !== 0,
    );
    expect(within.length).toBeGreaterThan(0.05 * count(control.region));
  }
});

test("more support draws more of a Kanizsa figure's sides", () => {
  const drawn = [0.2, 0.5, 0.9].map((support) =>
    count(kanizsaSample(new Rng(3), { support, size: 96 }).inducers),
  );
  expect(drawn).toEqual(drawn.toSorted((a, b) => a - b));
  expect(drawn[2]! / drawn[0]!).toBeGreaterThan(5);
});

test("grouped dots lie in the lines that their groups say", () => {
  for (const seed of seeds) {
    const { groups, lines, size } = groupingSample(new Rng(seed), { size: 64 });
    const along = (pixel: number): number =>
      lines === "rows" ? Math.floor(pixel / size) : pixel % size;
    const nLines = Math.max(...groups);
    const spans = Array.from({ length: nLines }, (_, i) => {
      const places = Array.from(groups.keys()).filter((pixel) => groups[pixel] === i + 1);
      return [Math.min(...places.map(along)), Math.max(...places.map(along))];
    });
    expect(nLines).toBeGreaterThan(3);
    expect(spans.flat()).toEqual(spans.flat().toSorted((a, b) => a - b));
    expect(new Set(spans.flat()).size).toBe(2 * nLines);
  }
});

test("rows are columns about the diagonal", () => {
  const options: GroupingOptions = { noise: 0, by: "similarity" };
  const rows = groupingSample(new Rng(4), { ...options, lines: "rows" });
  const columns = groupingSample(new Rng(4), { ...options, lines: "columns" });
  for (let pixel = 0; pixel < 32 ** 2; pixel++) {
    const turned = (pixel % 32) * 32 + Math.floor(pixel / 32);
    expect(columns.pixels[turned * 3]).toBeCloseTo(rows.pixels[pixel * 3]!, 5); // float32
  }
});

test("a larger ratio brings the dots of a line nearer", () => {
  const dots = [1.2, 1.8, 2.5].map((ratio) => {
    const { groups } = groupingSample(new Rng(5), { by: "proximity", lines: "rows", ratio });
    return count(groups);
  });
  expect(new Set(dots).size).toBe(3);
});

test("the bars of a contour follow it, and a control has its bars in the same places", () => {
  for (const seed of seeds) {
    const options: ContourOptions = { size: 96, noise: 0 };
    const seen = contourSample(new Rng(seed), { ...options, isContour: true });
    const control = contourSample(new Rng(seed), { ...options, isContour: false });
    for (const { curve, bars } of [seen, control]) {
      expect(curve.every((value, pixel) => value <= bars[pixel]!)).toBe(true);
      expect(count(bars)).toBeGreaterThan(2 * count(curve));
    }
    // bars that differ are those of the curve alone
    const isChanged = seen.bars.map((value, pixel) => value ^ control.bars[pixel]!);
    const onCurve = seen.curve.map((value, pixel) => value | control.curve[pixel]!);
    expect(isChanged.every((value, pixel) => value <= onCurve[pixel]!)).toBe(true);
    expect(count(isChanged)).toBeGreaterThan(0);
  }
});

test("jitter turns the bars of a contour and no others", () => {
  const options: ContourOptions = { size: 96, noise: 0, isContour: true };
  const [even, aside] = [0, 45].map((jitter) => contourSample(new Rng(6), { ...options, jitter }));
  expect(aside!.curve).not.toEqual(even!.curve);
  const others = [even!, aside!].map(({ bars, curve }) => bars.map((bar, i) => bar - curve[i]!));
  const differ = others[0]!.filter((value, pixel) => value !== others[1]![pixel]);
  expect(differ.length).toBeLessThan(20); // where a turned bar lies over another one
});

test("figure and ground have half of the picture each, in either tone", () => {
  const tones = new Set<string>();
  for (const seed of seeds) {
    for (const figure of ["band", "sides"] as const) {
      const { mask, pixels, size } = figureGroundSample(new Rng(seed), { figure, noise: 0 });
      expect(Math.abs(count(mask) / size ** 2 - 0.5)).toBeLessThan(0.05); // not a whole number of waves
      const middle = (size / 2) * size + size / 2;
      expect(mask[middle]).toBe(figure === "band" ? 1 : 0);
      tones.add(`${figure} ${pixels[middle * 3]! > 0.5 ? "light" : "dark"}`);
    }
  }
  expect(tones.size).toBe(4);
});

test("a Gestalt knob out of its range says its range", () => {
  const rng = new Rng(1);
  expect(() => kanizsaSample(rng, { support: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: kanizsaSample: support is 1, not a number from 0.2 to 0.9.]`,
  );
  expect(() =>
    kanizsaSample(rng, { figure: "star" as "square" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: kanizsaSample: figure is "star", not one of "triangle", "square".]`,
  );
  expect(() => groupingSample(rng, { ratio: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: groupingSample: ratio is 1, not a number from 1.2 to 2.5.]`,
  );
  expect(() =>
    groupingSample(rng, { by: "fate" as "proximity" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: groupingSample: by is "fate", not one of "proximity", "similarity".]`,
  );
  expect(() =>
    groupingSample(rng, { lines: "rings" as "rows" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: groupingSample: lines is "rings", not one of "rows", "columns".]`,
  );
  expect(() => contourSample(rng, { jitter: 90 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: contourSample: jitter is 90, not a number from 0 to 45.]`,
  );
  expect(() => figureGroundSample(rng, { bulge: 0.5 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: figureGroundSample: bulge is 0.5, not a number from 0.04 to 0.16.]`,
  );
  expect(() =>
    figureGroundSample(rng, { figure: "vase" as "band" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: figureGroundSample: figure is "vase", not one of "band", "sides".]`,
  );
  expect(() => contourSample(rng, { noise: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: contourSample: noise is 1, not a number from 0 to 0.5.]`,
  );
  expect(() => kanizsaSample(rng, { size: 200 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: kanizsaSample: size is 200, not a number from 16 to 96.]`,
  );
});
