import { expect, test } from "vitest";

import { cellShades } from "./page-style.ts";
import { ansi256Colour, contrast, palettes, readableOn, shade } from "./palette.ts";
import type { Mode } from "./palette.ts";

const modes: Mode[] = ["light", "dark"];
const everyThousandth = Array.from({ length: 1001 }, (_, i) => i / 1000);

/** What the W3C asks of text of ordinary size. */
const legible = 4.5;

test("black on white has contrast 21, a colour on itself 1", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 10);
  expect(contrast("#3366ad", "#3366ad")).toBe(1);
});

test.each(modes)("text in every token cell of a %s page is legible", (mode) => {
  const worst = Math.min(...cellShades(mode).map((s) => contrast(s.background, s.foreground)));
  expect(worst).toBeGreaterThanOrEqual(legible);
});

test.each(modes)("text on every colour of a %s terminal is legible", (mode) => {
  const { sequential, diverging, marks, ansi256 } = palettes[mode];
  const stepless = [sequential, diverging].flatMap((stops) =>
    everyThousandth.map((t) => shade(stops, t).background),
  );
  const codes = [...ansi256.sequential, ...ansi256.diverging, ...ansi256.marks];
  const backgrounds = [...stepless, ...marks, ...codes.map(ansi256Colour)];
  const worst = Math.min(...backgrounds.map((colour) => contrast(colour, readableOn(colour))));
  expect(worst).toBeGreaterThanOrEqual(legible);
});

test.each(modes)("every kind of running text on a %s page is legible", (mode) => {
  const { page, ink, muted, good, bad } = palettes[mode];
  const worst = Math.min(...[ink, muted, good, bad].map((colour) => contrast(colour, page)));
  expect(worst).toBeGreaterThanOrEqual(legible);
});

test.each(modes)("lines and bars stand out 3:1 from a %s page", (mode) => {
  const { page, series } = palettes[mode];
  expect(Math.min(...series.map((colour) => contrast(colour, page)))).toBeGreaterThanOrEqual(3);
});

test.each(modes)("the sequential palette only moves away from a %s page", (mode) => {
  const { page, sequential } = palettes[mode];
  const away = everyThousandth.map((t) => contrast(shade(sequential, t).background, page));
  // Rounding to bytes may step back by one unit of one channel.
  for (let i = 10; i < away.length; i += 10) expect(away[i]).toBeGreaterThan(away[i - 10]!);
});

test.each(modes)(
  "the 256-colour codes of a %s terminal run from one end to the other too",
  (mode) => {
    const { page, ansi256 } = palettes[mode];
    const away = ansi256.sequential.map((code) => contrast(ansi256Colour(code), page));
    if (mode === "dark") away[0] = 1; // the darkest blue of the cube is a little darker than the page
    expect(away).toEqual(away.toSorted((a, b) => a - b));
  },
);

test("codes of the cube and of the greys have the colours that xterm gives them", () => {
  expect([16, 67, 196, 231, 232, 255].map(ansi256Colour)).toEqual([
    "#000000",
    "#5f87af",
    "#ff0000",
    "#ffffff",
    "#080808",
    "#eeeeee",
  ]);
});
