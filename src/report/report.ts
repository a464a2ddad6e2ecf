// A report is data: what was found, in sections that the terminal, a page and the studio each draw in their own way.

import type { DoseCurve } from "../values/dose-curve.ts";

/** A number, or null where there is none. Builders turn NaN and infinities into null; every view shows it as "–". */
export type Value = number | null;

/** What every section may carry. */
export interface Heading {
  /** What the section shows, as a short line. */
  title?: string;
  /** One sentence under the figure: how to read it, or where the numbers come from. */
  note?: string;
}

/** Paragraphs of prose. */
export interface TextSection extends Heading {
  kind: "text";
  paragraphs: string[];
}

export interface Column {
  label: string;
  /** Shown beside the label, such as "ms" or "nats". */
  unit?: string;
  align: "left" | "right";
  /** Digits after the point; by default enough for three significant ones. */
  decimals?: number;
}

export type TableCell = string | boolean | Value;

/** Named columns over rows; numbers stay numbers and are formatted by column when shown. */
export interface TableSection extends Heading {
  kind: "table";
  columns: Column[];
  rows: TableCell[][];
}

export interface TokenCell {
  /** The token as it is, spaces and newlines included. */
  text: string;
  /** Sets the colour, 0..1. */
  value: Value;
}

/** Tokens in rows and columns, coloured by a value in 0..1: a logit lens has a row for each layer, a column for each position. */
export interface TokenGridSection extends Heading {
  kind: "tokenGrid";
  rows: string[];
  columns: string[];
  rowTitle?: string;
  columnTitle?: string;
  /** What the value is, such as "probability". */
  unit?: string;
  /** [row][column]. */
  cells: TokenCell[][];
}

/** A matrix drawn in colour. */
export interface HeatmapSection extends Heading {
  kind: "heatmap";
  rows: string[];
  columns: string[];
  rowTitle?: string;
  columnTitle?: string;
  unit?: string;
  /** `diverging` is white at zero, blue below and red above; `sequential` grows darker (brighter on dark pages). */
  scale: "diverging" | "sequential";
  /** The values at the two ends of the scale. */
  domain: [low: number, high: number];
  /** [row][column]. */
  values: Value[][];
}

export interface Series {
  label: string;
  x: Value[];
  y: Value[];
  /** The lower and upper edge of a band around `y`, such as a 95 % interval. */
  low?: Value[];
  high?: Value[];
}

export interface Axis {
  label: string;
  unit?: string;
}

/** One or more curves over shared axes. */
export interface LinesSection extends Heading {
  kind: "lines";
  x: Axis;
  y: Axis;
  series: Series[];
}

export interface Bar {
  label: string;
  value: Value;
  /** The ends of an interval around `value`. */
  low?: Value;
  high?: Value;
}

/** Horizontal bars from zero, in the order given. */
export interface BarsSection extends Heading {
  kind: "bars";
  value: Axis;
  bars: Bar[];
}

export interface TextPair {
  /** A short name of the row, such as a strength. */
  label?: string;
  left: string;
  right: string;
}

/** A class of words that is marked wherever it occurs, such as happy words. */
export interface WordClass {
  name: string;
  words: string[];
}

/** Text beside text. */
export interface TextPairsSection extends Heading {
  kind: "textPairs";
  columns: { label?: string; left: string; right: string };
  pairs: TextPair[];
  /** Each class has its own mark, in this order; at most four. */
  highlight: WordClass[];
}

export interface Claim {
  /** One sentence that can be false. */
  sentence: string;
  holds: boolean;
  /** What was measured, by name. */
  numbers: Record<string, Value>;
}

/** Sentences, whether each held, and the numbers behind it. */
export interface ClaimsSection extends Heading {
  kind: "claims";
  claims: Claim[];
}

/** What interventions do at several strengths. */
export interface DoseCurveSection extends Heading {
  kind: "doseCurve";
  curve: DoseCurve;
}

export type Section =
  | TextSection
  | TableSection
  | TokenGridSection
  | HeatmapSection
  | LinesSection
  | BarsSection
  | DoseCurveSection
  | TextPairsSection
  | ClaimsSection;

/** A title over sections. It is plain JSON: make it with the builders, then print it, save it or send it. */
export interface Report {
  title: string;
  subtitle?: string;
  sections: Section[];
}

/** A report from its parts, in this order. */
export function report({ title, subtitle, sections }: Report): Report {
  return subtitle === undefined ? { title, sections } : { title, subtitle, sections };
}

/** The report as JSON with sorted keys, so that equal reports give equal text; `JSON.parse` gives the report back. */
export function toJson(given: Report): string {
  const sorted = (_key: string, value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return `${JSON.stringify(given, sorted, 1)}\n`;
}
