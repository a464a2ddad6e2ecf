// Findings as data, shown in a terminal or on a page.

export { doseCurveSection } from "./dose-curve.ts";
export { figureTable } from "./figure-table.ts";
export { figure, isFigure } from "./figure.ts";
export type { FigureSection } from "./figure.ts";
export { reportPage } from "./html.ts";
export type { PageOptions } from "./html.ts";
export type { Mode } from "./palette.ts";
export type { ColorLevel } from "./pen.ts";
export { report, toJson } from "./report.ts";
export type {
  Axis,
  Bar,
  BarsSection,
  Claim,
  ClaimsSection,
  Column,
  DoseCurveSection,
  Heading,
  HeatmapSection,
  LinesSection,
  Report,
  Section,
  Series,
  TableCell,
  TableSection,
  TextPair,
  TextPairsSection,
  TextSection,
  TokenCell,
  TokenGridSection,
  Value,
  WordClass,
} from "./report.ts";
export { bars, claims, heatmap, lines, table, text, textPairs, tokenGrid } from "./sections.ts";
export type { ColumnParts, Numbers } from "./sections.ts";
export { printReport } from "./terminal.ts";
export type { PrintOptions } from "./terminal.ts";
export { theme } from "./theme.ts";
