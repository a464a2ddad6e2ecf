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
import { minus, numberFormat, showText, withUnit } from "./format.ts";
import type { BarsSection } from "./report.ts";

/** Horizontal bars from zero, each with its number and interval. */
export function barsFigure(section: BarsSection): TopLevelSpec {
  const values = section.bars.flatMap(({ value }) => value ?? []);
  const format = numberFormat(values);
  const data = section.bars.map(({ label, value, low = null, high = null }, row) => ({
    row,
    label: showText(label),
    value,
    low,
    high,
    text: minus(format(value)),
    end: Math.max(0, value ?? 0, high ?? 0),
  }));
  return {
    $schema: schema,
    description: describe(section, withUnit(section.value)),
    params: [{ name: "labels", value: data.map(({ label }) => label) }],
    data: { values: data },
    width: "container",
    height: 30 * Math.max(1, data.length),
    padding: { left: 4, top: 4, bottom: 4, right: 48 }, // room for the number after the longest bar
    encoding: {
      y: {
        field: "row",
        type: "ordinal",
        title: null,
        scale: { domain: data.map(({ row }) => row), paddingInner: 0.3, paddingOuter: 0.15 },
        axis: { labelExpr: "labels[datum.value]", labelLimit: 240 },
      },
      tooltip: [
        { field: "label", title: "bar" },
        { field: "value", title: withUnit(section.value) },
      ],
    },
    layer: [
      {
        mark: "bar",
        encoding: {
          x: {
            field: "value",
            type: "quantitative",
            title: withUnit(section.value),
            scale: domainWithout(values),
            axis: { tickCount: 5, ...axisFormat(values) },
          },
        },
      },
      ...(data.some(hasBothEnds) ? [interval] : []),
      {
        mark: { type: "text", align: "left", dx: 6 },
        encoding: {
          x: { field: "end", type: "quantitative" },
          text: { field: "text", type: "nominal" },
        },
      },
    ],
  };
}

const interval: Layer = {
  transform: withBothEnds,
  mark: { type: "rule", strokeWidth: 1.5 },
  encoding: { x: { field: "low", type: "quantitative" }, x2: { field: "high" } },
};
