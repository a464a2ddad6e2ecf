// Sections as Vega-Lite figures. A figure names no colour: `theme` holds them, so one figure serves light and dark pages.

import type { TopLevelSpec } from "vega-lite";

import { doseCurveFigure } from "./dose-curve.ts";
import { barsFigure } from "./figure-bars.ts";
import { heatmapFigure } from "./figure-heatmap.ts";
import { linesFigure } from "./figure-lines.ts";
import type {
  BarsSection,
  DoseCurveSection,
  HeatmapSection,
  LinesSection,
  Section,
} from "./report.ts";

/** The kinds of section that are drawn as figures; the others are text and tables. */
export type FigureSection = HeatmapSection | LinesSection | BarsSection | DoseCurveSection;

const KINDS: readonly Section["kind"][] = ["heatmap", "lines", "bars", "doseCurve"];

/** Whether a section is drawn as a figure. */
export function isFigure(section: Section): section is FigureSection {
  return KINDS.includes(section.kind);
}

/** The Vega-Lite figure of a section, with its data inside and without colours (see `theme`). */
export function figure(section: FigureSection): TopLevelSpec {
  switch (section.kind) {
    case "heatmap":
      return heatmapFigure(section);
    case "lines":
      return linesFigure(section);
    case "bars":
      return barsFigure(section);
    case "doseCurve":
      return doseCurveFigure(section);
  }
}
