// A report as text for a terminal.

import Table from "cli-table3";

import { doseCurveTable } from "./dose-curve.ts";
import { columnText, numberFormat, showText, withUnit } from "./format.ts";
import { marked } from "./highlight.ts";
import { fold, shorten, widthOf, wrap } from "./layout.ts";
import type { Mode } from "./palette.ts";
import { pen as penFor } from "./pen.ts";
import type { ColorLevel, Pen } from "./pen.ts";
import type { ClaimsSection, Report, Section, TableSection, TextPairsSection } from "./report.ts";
import { printHeatmap, printTokenGrid } from "./terminal-grid.ts";
import { plotBars, plotLines } from "./terminal-plot.ts";

export interface PrintOptions {
  /** Columns of the terminal, at least 40; default 80. */
  width?: number;
  /** 0: none (the default), 1: 16 colours, 2: 256, 3: 24 bits. */
  color?: ColorLevel;
  /** The terminal's background; default `dark`. */
  background?: Mode;
}

/** The report as lines of text, each at most `width` columns wide, ending in a newline. */
export function printReport(report: Report, options: PrintOptions = {}): string {
  const { color = 0, background = "dark" } = options;
  const width = Math.max(40, options.width ?? 80);
  const pen = penFor(color, background);
  const title = wrap(showText(report.title), width);
  const subtitle = report.subtitle === undefined ? [] : wrap(showText(report.subtitle), width);
  const rule = "━".repeat(Math.max(...[...title, ...subtitle].map(widthOf)));
  const lines = [
    ...title.map(pen.bold),
    ...subtitle.map(pen.dim),
    pen.dim(rule),
    ...report.sections.flatMap((section) => ["", ...printSection(section, width, pen)]),
  ];
  return `${lines.join("\n")}\n`;
}

function printSection(section: Section, width: number, pen: Pen): string[] {
  const { title, note } = section;
  const head = title === undefined ? [] : wrap(showText(title), width);
  return [
    ...head.map(pen.bold),
    ...(head.length > 0 ? [pen.dim("─".repeat(Math.max(...head.map(widthOf))))] : []),
    ...sectionBody(section, width, pen),
    ...(note === undefined ? [] : ["", ...wrap(showText(note), width).map(pen.dim)]),
  ];
}

function sectionBody(section: Section, width: number, pen: Pen): string[] {
  switch (section.kind) {
    case "text":
      return section.paragraphs.flatMap((paragraph, i) => [
        ...(i > 0 ? [""] : []),
        ...wrap(showText(paragraph), width),
      ]);
    case "table":
      return printTable(section, width, pen);
    case "tokenGrid":
      return printTokenGrid(section, width, pen);
    case "heatmap":
      return printHeatmap(section, width, pen);
    case "lines":
      return plotLines(section, width, pen);
    case "bars":
      return plotBars(section, width, pen);
    case "doseCurve":
      return printTable(doseCurveTable(section), width, pen);
    case "textPairs":
      return printTextPairs(section, width, pen);
    case "claims":
      return printClaims(section, width, pen);
  }
}

const gap = 2;

/** Columns of text side by side: a head, a rule under it, and cells that wrap inside their column. */
function printColumns(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  layout: { widths: readonly number[]; aligns: readonly ("left" | "right")[] },
): string[] {
  const grid = new Table({
    chars: {
      ...noBorders,
      middle: " ".repeat(gap),
    },
    colWidths: [...layout.widths],
    colAligns: [...layout.aligns],
    wordWrap: true,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  grid.push(
    [...head],
    layout.widths.map((width) => "─".repeat(width)),
    ...rows.map((row) => [...row]),
  );
  return grid
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
}

const noBorders = Object.fromEntries(
  "top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid"
    .split(" ")
    .map((place) => [place, ""]),
);

function printTable({ columns, rows }: TableSection, width: number, pen: Pen): string[] {
  const texts = columns.map((column, j) =>
    columnText(
      column,
      rows.map((row) => row[j]),
    ),
  );
  const heads = columns.map(withUnit);
  const natural = columns.map((_, j) => Math.max(1, ...[heads[j]!, ...texts[j]!].map(widthOf)));
  const mostOfWord = columns.length === 1 ? width : width / 2;
  const least = columns.map(({ align }, j) =>
    align === "left"
      ? Math.min(Math.max(12, Math.min(longestWord(texts[j]!), mostOfWord)), natural[j]!)
      : Math.max(4, ...texts[j]!.map(widthOf)),
  );
  const widths = narrowed(natural, least, width);
  // The first column names the rows, so it stands at the left of every block.
  const [first = 0, ...others] = widths;
  const blocks =
    others.length === 0
      ? [[]]
      : fold(
          others.map((w) => w + gap),
          width - first,
        );
  return blocks.flatMap((block, b) => {
    const shown = [0, ...block.map((j) => j + 1)].filter((j) => j < columns.length);
    const lines = printColumns(
      shown.map((j) => pen.bold(heads[j]!)),
      rows.map((_, i) => shown.map((j) => texts[j]![i]!)),
      { widths: shown.map((j) => widths[j]!), aligns: shown.map((j) => columns[j]!.align) },
    );
    return [...(b > 0 ? [""] : []), ...lines, ...(rows.length === 0 ? [pen.dim("(no rows)")] : [])];
  });
}

/**
 * Widths that fit: the widest column gives way first, columns of text down to their longest word (a name that is cut cannot be
 * copied), columns of numbers down to the numbers.
 * Where that is not enough, columns keep their widths up to half the terminal, and the table will be folded.
 */
function narrowed(natural: readonly number[], least: readonly number[], width: number): number[] {
  const total = (widths: readonly number[]): number =>
    widths.reduce((sum, w) => sum + w + gap, -gap);
  if (total(least) > width) {
    const most = natural.length === 1 ? width : Math.floor((width - gap) / 2);
    return natural.map((w) => Math.min(w, most));
  }
  const widths = [...natural];
  while (total(widths) > width) {
    const spare = [...widths.keys()].filter((j) => widths[j]! > least[j]!);
    widths[spare.reduce((most, j) => (widths[j]! > widths[most]! ? j : most))]! -= 1;
  }
  return widths;
}

function longestWord(texts: readonly string[]): number {
  return Math.max(0, ...texts.flatMap((text) => text.split(" ").map(widthOf)));
}

function printTextPairs(section: TextPairsSection, width: number, pen: Pen): string[] {
  const { columns, pairs, highlight } = section;
  const hasLabels = pairs.some(({ label }) => label !== undefined);
  const paint = (text: string): string =>
    marked(showText(text).trim(), highlight)
      .map((piece) => (piece.mark === undefined ? piece.text : pen.mark(piece.mark, piece.text)))
      .join("");
  const labels = pairs.map(({ label = "" }) => shorten(showText(label), 12));
  const labelWidth = Math.max(...[columns.label ?? "", ...labels].map(widthOf));
  const room = width - (hasLabels ? labelWidth + gap : 0) - gap;
  const longest = (texts: string[]): number =>
    Math.max(...texts.map((text) => widthOf(paint(text))));
  const natural = longest([columns.left, ...pairs.map(({ left }) => left)]);
  const left = Math.min(natural, Math.floor(room / 2));
  const right = Math.min(longest([columns.right, ...pairs.map((pair) => pair.right)]), room - left);
  const lines = printColumns(
    [...(hasLabels ? [columns.label ?? ""] : []), columns.left, columns.right].map((head) =>
      pen.bold(showText(head)),
    ),
    pairs.map((pair, i) => [
      ...(hasLabels ? [labels[i]!] : []),
      paint(pair.left),
      paint(pair.right),
    ]),
    {
      widths: [...(hasLabels ? [labelWidth] : []), left, right],
      aligns: [...(hasLabels ? (["right"] as const) : []), "left", "left"],
    },
  );
  const key = highlight.map(({ name }, i) => pen.mark(i, showText(name))).join("  ");
  return highlight.length === 0 ? lines : [...lines, "", `${pen.dim("marked words:")} ${key}`];
}

function printClaims({ claims }: ClaimsSection, width: number, pen: Pen): string[] {
  return claims.flatMap(({ sentence, holds, numbers }) => {
    const format = numberFormat(Object.values(numbers));
    const measured = Object.entries(numbers).map(
      ([name, value]) => `${showText(name)} ${format(value)}`,
    );
    const [first = "", ...rest] = wrap(showText(sentence), width - 10);
    const indent = " ".repeat(9);
    return [
      `${holds ? pen.good("✓ holds") : pen.bad("✗ fails")}  ${first}`,
      ...rest.map((line) => indent + line),
      ...(measured.length === 0
        ? []
        : wrap(measured.join(" · "), width - 10).map((line) => indent + pen.dim(line))),
    ];
  });
}
