// How every figure looks: fonts, colours and spacing as a Vega-Lite config, for light and for dark pages.

import type { Config } from "vega-lite";

import { palettes } from "./palette.ts";
import type { Mode } from "./palette.ts";

const fontStack =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

/** Fonts, colours and spacing of every figure, as a Vega-Lite config. */
export function theme(mode: Mode): Config {
  const { ink, muted, rule, sequential, diverging, series } = palettes[mode];
  return {
    background: "transparent",
    font: fontStack,
    padding: 4,
    view: { stroke: null },
    range: {
      category: [...series],
      heatmap: [...sequential],
      ramp: [...sequential],
      diverging: [...diverging],
    },
    axis: {
      labelColor: muted,
      labelFontSize: 12,
      labelPadding: 6,
      titleColor: ink,
      titleFontSize: 12,
      titleFontWeight: "normal",
      titlePadding: 10,
      gridColor: rule,
      domain: false,
      ticks: false,
    },
    legend: {
      labelColor: ink,
      labelFontSize: 12,
      titleColor: muted,
      titleFontSize: 12,
      titleFontWeight: "normal",
    },
    line: { strokeWidth: 2.25, strokeCap: "round", strokeJoin: "round" },
    area: { opacity: 0.18, line: false },
    point: { filled: true, size: 50, opacity: 1 },
    bar: { color: series[0]!, opacity: 0.8, cornerRadiusEnd: 2 },
    rule: { color: ink },
    text: { color: ink, fontSize: 12 },
  };
}
