// The numbers of a figure as a table: for readers who want them, who cannot see the figure, or have no scripts.

import { doseCurveTable } from "./dose-curve.ts";
import { showToken, withUnit } from "./format.ts";
import type { FigureSection } from "./figure.ts";
import type { BarsSection, HeatmapSection, LinesSection, TableSection } from "./report.ts";
import { table } from "./sections.ts";

/** A table with every number of the figure. */
export function figureTable(section: FigureSection): TableSection {
  switch (section.kind) {
    case "heatmap":
      return heatmapTable(section);
    case "lines":
      return linesTable(section);
    case "bars":
      return barsTable(section);
    case "doseCurve":
      return doseCurveTable(section);
  }
}

function heatmapTable({ rows, columns, rowTitle = "", values }: HeatmapSection): TableSection {
  return table({
    columns: [rowTitle, ...columns.map((label) => ({ label: showToken(label) }))],
    rows: rows.map((label, i) => [showToken(label), ...values[i]!]),
  });
}

function linesTable({ x, y, series }: LinesSection): TableSection {
  const hasBand = series.some(({ low }) => low !== undefined);
  return table({
    columns: ["series", withUnit(x), withUnit(y), ...(hasBand ? ["low", "high"] : [])],
    rows: series.flatMap((one) =>
      one.x.map((at, i) => [
        one.label,
        at,
        one.y[i]!,
        ...(hasBand ? [one.low?.[i], one.high?.[i]] : []),
      ]),
    ),
  });
}

function barsTable({ value, bars }: BarsSection): TableSection {
  const hasInterval = bars.some(({ low }) => low !== undefined);
  return table({
    columns: ["", withUnit(value), ...(hasInterval ? ["low", "high"] : [])],
    rows: bars.map((bar) => [bar.label, bar.value, ...(hasInterval ? [bar.low, bar.high] : [])]),
  });
}
