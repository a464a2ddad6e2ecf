import type { TopLevelSpec } from "vega-lite";

import {
  axisFormat,
  describe,
  domainWithout,
  hasBothEnds,
  schema,
  withBothEnds,
} from "./figure-parts.ts";
import type { Layer } from "./figure-parts.ts";
import { showText, withUnit } from "./format.ts";
import type { LinesSection } from "./report.ts";

/** Curves with their bands and, where they are few, their points. */
export function linesFigure(section: LinesSection): TopLevelSpec {
  const points = section.series.flatMap(({ label, x, y, low, high }) =>
    x.flatMap((at, i) =>
      at === null
        ? []
        : [
            {
              series: showText(label),
              x: at,
              y: y[i]!,
              low: low?.[i] ?? null,
              high: high?.[i] ?? null,
            },
          ],
    ),
  );
  const drawn = points.filter(({ y }) => y !== null);
  const xs = drawn.map(({ x }) => x);
  const ys = drawn.flatMap(({ y }) => y ?? []);
  const mostPoints = section.series.reduce((most, { x }) => Math.max(most, x.length), 0);
  const names = section.series.map(({ label }) => showText(label));
  const legend = names.length > 1 ? ({ orient: "top" } as const) : null;
  const tooltip = [
    ...(names.length > 1 ? [{ field: "series", title: "series" }] : []),
    { field: "x", title: withUnit(section.x) },
    { field: "y", title: withUnit(section.y) },
  ];
  return {
    $schema: schema,
    description: describe(section, `${withUnit(section.y)} by ${withUnit(section.x)}`),
    data: { values: points },
    width: "container",
    height: 260,
    encoding: {
      x: {
        field: "x",
        type: "quantitative",
        title: withUnit(section.x),
        scale: { zero: false, nice: false, ...domainWithout(xs) },
        axis: { grid: false, ...ticksAt(xs) },
      },
      color: { field: "series", type: "nominal", title: null, scale: { domain: names }, legend },
    },
    layer: [
      ...(points.some(hasBothEnds) ? [band] : []),
      {
        mark: "line",
        encoding: {
          y: {
            field: "y",
            type: "quantitative",
            title: withUnit(section.y),
            scale: { zero: false, ...domainWithout(ys) },
            axis: new Set(ys).size === 1 ? ticksAt(ys) : { tickCount: 5, ...axisFormat(ys) },
          },
        },
      },
      {
        transform: [{ filter: "isValid(datum.y)" }],
        mark: { type: "point", opacity: mostPoints > 40 ? 0 : 1 },
        encoding: {
          y: { field: "y", type: "quantitative" },
          shape: {
            field: "series",
            type: "nominal",
            scale: { domain: names },
            legend,
            title: null,
          },
          tooltip,
        },
      },
    ],
  };
}

const band: Layer = {
  transform: withBothEnds,
  mark: "area",
  encoding: { y: { field: "low", type: "quantitative" }, y2: { field: "high" } },
};

interface Ticks {
  values?: number[];
  tickCount?: number;
  format?: string;
}

/** Few places on an axis are each named; many are left to Vega. */
function ticksAt(values: readonly number[]): Ticks {
  const places = [...new Set(values)].toSorted((a, b) => a - b);
  if (places.length > 12) return { tickCount: 8, ...axisFormat(values) };
  return { values: places, format: ",~r", ...axisFormat(values) };
}
