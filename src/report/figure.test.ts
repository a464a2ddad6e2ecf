import * as fc from "fast-check";
import { expect, test } from "vitest";
import * as vega from "vega";
import { compile } from "vega-lite";

import { sampleReport } from "../../test/sample-report.ts";
import { figure, isFigure } from "./figure.ts";
import type { FigureSection } from "./figure.ts";
import { bars, heatmap, lines } from "./sections.ts";
import { theme } from "./theme.ts";

/** Draws a figure as a page would, without a page, and hands back what Vega had to say. */
async function drawn(section: FigureSection): Promise<{ svg: string; complaints: string[] }> {
  const complaints: string[] = [];
  const note = (...parts: readonly unknown[]): vega.LoggerInterface => {
    complaints.push(parts.join(" "));
    return logger;
  };
  const quiet = (): vega.LoggerInterface => logger;
  const logger = {
    error: note,
    warn: note,
    info: quiet,
    debug: quiet,
    level: quiet,
  } as unknown as vega.LoggerInterface;
  const given = figure(section);
  // A page gives the width of its column.
  const sized = "width" in given && given.width === "container" ? { ...given, width: 600 } : given;
  const { spec } = compile(sized, { config: theme("light"), logger });
  const runtime = vega.parse(spec);
  const view = new vega.View(runtime, { logger, renderer: "none" });
  const svg = await view.runAsync().then(() => view.toSVG());
  view.finalize();
  return { svg, complaints };
}

const figures = sampleReport().sections.filter(isFigure);

test.each(figures)("the sample $kind is drawn without a warning", async (section) => {
  const { svg, complaints } = await drawn(section);
  expect(complaints).toEqual([]);
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
});

test("a figure names no colour, so that light and dark share it", () => {
  expect(JSON.stringify(figures.map(figure))).not.toMatch(/#[0-9a-f]{6}/i);
});

test("the two themes differ in colours only", () => {
  const withoutColours = (mode: "light" | "dark"): string =>
    JSON.stringify(theme(mode)).replaceAll(/#[0-9a-f]{6}/gi, "#");
  expect(withoutColours("dark")).toBe(withoutColours("light"));
  expect(theme("dark")).not.toEqual(theme("light"));
});

test("a heatmap draws one rectangle for each number and – for what is missing", async () => {
  const section = heatmap({
    rows: ["0", "1"],
    columns: [" a", " a"],
    values: [
      [1, -2],
      [Number.NaN, 0.5],
    ],
  });
  const { svg } = await drawn(section);
  expect(svg.match(/aria-roledescription="rect mark"/g)).toHaveLength(3);
  expect(svg.match(/>–</g)).toHaveLength(1);
  expect(svg.match(/>␣a</g)).toHaveLength(2);
  expect(svg).toContain(">−2.0<");
});

const value = fc.option(
  fc.oneof(
    fc.double({ min: -1e6, max: 1e6 }),
    fc.constantFrom(Number.NaN, Infinity, 0, 1e-12, 3e14),
  ),
);
const label = fc.oneof(fc.string(), fc.constantFrom('"', "\\", "</script>", "\n", "x'y", "𝔘"));

test("any heatmap, curves and bars are drawn without a warning", async () => {
  const grid = fc.nat({ max: 3 }).chain((columns) =>
    fc.record({
      columns: fc.array(label, { minLength: columns, maxLength: columns }),
      rows: fc.array(fc.tuple(label, fc.array(value, { minLength: columns, maxLength: columns })), {
        maxLength: 3,
      }),
    }),
  );
  const points = fc.array(fc.tuple(value, value, value), { maxLength: 4 });
  const property = fc.asyncProperty(
    grid,
    fc.array(fc.tuple(label, points), { maxLength: 3 }),
    async (g, curves) => {
      const sections = [
        heatmap({
          columns: g.columns,
          rows: g.rows.map(([name]) => name),
          values: g.rows.map(([, row]) => row),
        }),
        lines({
          x: { label: "x" },
          y: { label: "y", unit: "nats" },
          series: curves.map(([name, triples]) => ({
            label: name,
            x: triples.map(([x]) => x),
            y: triples.map(([, y]) => y),
            low: triples.map(([, , low]) => low),
            high: triples.map(([, y]) => y),
          })),
        }),
        bars({
          value: { label: "v" },
          bars: curves.flatMap(([name, triples]) =>
            triples.map(([v, low, high]) => ({ label: name, value: v, low, high })),
          ),
        }),
      ];
      for (const section of sections) {
        const { complaints } = await drawn(section);
        expect(complaints).toEqual([]);
      }
    },
  );
  await fc.assert(property, { seed: 6, numRuns: 15 });
});
