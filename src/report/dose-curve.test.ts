import * as fc from "fast-check";
import * as vega from "vega";
import { compile } from "vega-lite";
import { describe, expect, test } from "vitest";

import type { DoseCurve } from "../values/dose-curve.ts";
import { doseCurveSection, doseCurveTable } from "./dose-curve.ts";
import { figure } from "./figure.ts";
import { reportPage } from "./html.ts";
import { report } from "./report.ts";
import { printReport } from "./terminal.ts";
import { theme } from "./theme.ts";

const strengths = [-4, -2, -1, 0, 1, 2, 4, 8];
const curve: DoseCurve = {
  metric: "share of calm texts (0 to 1)",
  baseline: 0.4,
  points: strengths.map((strength) => ({
    strength,
    effect: 0.4 + 0.06 * strength,
    randomEffect: 0.4 + 0.005 * strength,
    randomSpread: 0.01 * Math.abs(strength),
    perplexity: 12 + strength ** 2 / 3,
    repetition: 0.02 + 0.01 * Math.abs(strength),
  })),
  band: [1, 4],
  bandBelow: [-2, -1],
  collapse: 8,
  bounds: { perplexity: 2, repetition: 0.3 },
};

interface Drawn {
  readonly svg: string;
  readonly complaints: readonly string[];
}

/** Draws a curve and hands back what Vega had to say. */
async function drawn(given: DoseCurve): Promise<Drawn> {
  const complaints: string[] = [];
  const note = (...parts: readonly unknown[]): unknown => {
    complaints.push(parts.join(" "));
    return logger;
  };
  const quiet = (): unknown => logger;
  const logger = { error: note, warn: note, info: quiet, debug: quiet, level: quiet } as never;
  const { spec } = compile(figure(doseCurveSection({ curve: given })), {
    config: theme("light"),
    logger,
  });
  const view = new vega.View(vega.parse(spec), { logger, renderer: "none" });
  const svg = await view.runAsync().then(() => view.toSVG());
  view.finalize();
  return { svg, complaints };
}

const marks = ({ svg }: Drawn, kind: string): number =>
  svg.match(new RegExp(`aria-roledescription="${kind}"`, "g"))?.length ?? 0;

describe("the figure", () => {
  test("has three panels with a point for every strength, and both bands and the collapse in each", async () => {
    const found = await drawn(curve);
    expect(found.complaints).toEqual([]);
    expect(marks(found, "point")).toBe(3 * strengths.length);
    expect(marks(found, "rect mark")).toBe(3 * 3); // two bands, and what lies beyond the collapse
    expect(marks(found, "rule mark")).toBe(3 * 2); // the collapse, and the baseline or the bound
    expect(marks(found, "area mark")).toBe(1); // the spread of random directions
    for (const words of [
      "share of calm texts (0 to 1)",
      "perplexity of neutral text",
      "repetition",
      "random directions",
      "usable",
      "falls apart",
    ])
      expect(found.svg).toContain(words);
    expect(found.svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  test("of a curve without random directions, bands and collapse has none of them", async () => {
    const { metric, points } = curve;
    const bare = points.map(({ strength, effect }) => ({ strength, effect }));
    const found = await drawn({ metric, points: bare });
    expect(found.complaints).toEqual([]);
    expect(marks(found, "point")).toBe(strengths.length);
    expect(["rect mark", "rule mark", "area mark"].map((kind) => marks(found, kind))).toEqual([
      0, 0, 0,
    ]);
  });

  test("cuts a perplexity beyond all measure, and stays readable", async () => {
    const points = curve.points.map((point) =>
      point.strength === 8 ? { ...point, perplexity: Number.MAX_VALUE } : point,
    );
    const found = await drawn({ ...curve, points });
    expect(found.complaints).toEqual([]);
    expect(found.svg).not.toMatch(/NaN|Infinity|0{20}/);
  });

  test("names no colour, so that light and dark share it", () => {
    expect(JSON.stringify(figure(doseCurveSection({ curve })))).not.toMatch(/#[0-9a-f]{6}/i);
  });

  test("of any curve is drawn without a warning", async () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const point = fc.record(
      {
        strength: fc.integer({ min: -50, max: 50 }),
        effect: fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        randomEffect: share,
        randomSpread: share,
        perplexity: fc.double({ min: 1, max: 1e12, noNaN: true }),
        repetition: share,
      },
      { requiredKeys: ["strength", "effect"] },
    );
    const points = fc.uniqueArray(point, {
      minLength: 1,
      maxLength: 9,
      selector: (p) => p.strength,
    });
    const property = fc.asyncProperty(points, fc.string(), async (given, metric) => {
      const rising = given.toSorted((a, b) => a.strength - b.strength);
      const { complaints } = await drawn({ metric, points: rising });
      expect(complaints).toEqual([]);
    });
    await fc.assert(property, { seed: 3, numRuns: 20 });
  });
});

test("the table has every number, and says what becomes of texts at each strength", () => {
  const { rows, columns } = doseCurveTable(doseCurveSection({ curve }));
  expect(columns.map(({ label, unit }) => `${label} ${unit ?? ""}`.trim())).toEqual([
    "strength",
    "effect",
    "random mean",
    "random spread",
    "perplexity",
    "repetition",
    "",
  ]);
  expect(rows.map((row) => [row[0], row.at(-1)])).toEqual([
    [-4, ""],
    [-2, "usable"],
    [-1, "usable"],
    [0, ""],
    [1, "usable"],
    [2, "usable"],
    [4, "usable"],
    [8, "falls apart"],
  ]);
});

test("a terminal shows the table and the curve in words", () => {
  const sections = [doseCurveSection({ title: "Calmer", curve })];
  expect(printReport(report({ title: "Steering", sections }))).toMatchSnapshot();
});

test("a page shows the figure and the numbers, or the table alone where nothing can draw", () => {
  const sections = [doseCurveSection({ curve })];
  const plain = reportPage(report({ title: "Steering", sections }));
  expect(plain).toContain("falls apart");
  expect(plain).not.toContain('class="figure"');
  const page = reportPage(report({ title: "Steering", sections }), { scripts: ["void 0;"] });
  expect(page).toContain('class="figure"');
  expect(page).toContain("usable at strengths 1 to 4");
});
