import type { TopLevelSpec } from "vega-lite";

import { describe, figureWidth, schema } from "./figure-parts.ts";
import type { Layer } from "./figure-parts.ts";
import { minus, numberFormat, showToken, withUnit } from "./format.ts";
import type { HeatmapSection } from "./report.ts";

/** A matrix in colour, with its numbers in the cells where they fit. */
export function heatmapFigure(section: HeatmapSection): TopLevelSpec {
  const { rows, columns, values, scale, domain } = section;
  const format = numberFormat(values.flat(), { digits: 2 });
  // Cells are placed by index, because the same token may label two columns.
  const cells = values.flatMap((row, i) =>
    row.map((value, j) => ({
      row: i,
      column: j,
      rowLabel: showToken(rows[i]!),
      columnLabel: showToken(columns[j]!),
      value,
      text: minus(format(value)),
    })),
  );
  const labelRoom = Math.min(160, 7 * longest(rows.map(showToken)));
  const room = figureWidth - labelRoom - 130; // 130: the axis title and the legend
  const step = Math.max(6, Math.min(56, Math.floor(room / Math.max(1, columns.length))));
  const height = Math.max(6, Math.min(34, Math.floor(560 / Math.max(1, rows.length))));
  const labelWidth = 7 * longest(columns.map(showToken));
  const value = withUnit({ label: "value", ...(section.unit ? { unit: section.unit } : {}) });
  const hasRoomForText = step >= 34 && height >= 18;
  return {
    $schema: schema,
    description: describe(section, `${rows.length} rows by ${columns.length} columns`),
    params: [
      { name: "rowLabels", value: rows.map(showToken) },
      { name: "columnLabels", value: columns.map(showToken) },
    ],
    data: { values: cells },
    width: { step },
    height: { step: height },
    encoding: {
      x: {
        field: "column",
        type: "ordinal",
        title: section.columnTitle ?? null,
        scale: { domain: columns.map((_, j) => j), padding: 0.04 },
        axis: {
          labelExpr: "columnLabels[datum.value]",
          labelAngle: labelWidth < step ? 0 : step >= 18 ? -45 : -90,
          labelOverlap: step < 14,
          labelLimit: 110,
        },
      },
      y: {
        field: "row",
        type: "ordinal",
        title: section.rowTitle ?? null,
        scale: { domain: rows.map((_, i) => i), padding: 0.04 },
        axis: { labelExpr: "rowLabels[datum.value]", labelOverlap: height < 13, labelLimit: 160 },
      },
      tooltip: [
        { field: "rowLabel", title: section.rowTitle ?? "row" },
        { field: "columnLabel", title: section.columnTitle ?? "column" },
        { field: "value", title: value },
      ],
    },
    layer: [
      {
        transform: [{ filter: "isValid(datum.value)" }],
        mark: { type: "rect", cornerRadius: 2 },
        encoding: {
          color: {
            field: "value",
            type: "quantitative",
            title: section.unit ?? null,
            scale: {
              domain: scale === "diverging" ? [domain[0], 0, domain[1]] : [...domain],
              range: scale === "diverging" ? "diverging" : "heatmap",
              interpolate: "rgb",
              clamp: true,
            },
            legend: { orient: "right", gradientLength: 120, gradientThickness: 10, tickCount: 3 },
          },
        },
      },
      ...(hasRoomForText ? [cellText] : []),
    ],
  };
}

function longest(labels: readonly string[]): number {
  return labels.reduce((most, label) => Math.max(most, label.length), 0);
}

/** The value in its cell, black or white by the colour behind it. */
const cellText: Layer = {
  mark: { type: "text", fontSize: 11, tooltip: false },
  encoding: {
    text: { field: "text", type: "nominal" },
    color: {
      value: {
        expr: `!isValid(datum.value) ? 'gray' : contrast('black', scale('color', datum.value)) >= contrast('white', scale('color', datum.value)) ? 'black' : 'white'`,
      },
    },
  },
};
