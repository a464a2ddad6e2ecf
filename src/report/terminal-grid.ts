// Token grids and heat maps as blocks of colour; where there is no colour, as numbers.

import { isFiniteNumber, missing, numberFormat, showText, showToken } from "./format.ts";
import { clip, fold, pad, shorten, widthOf } from "./layout.ts";
import type { Pen } from "./pen.ts";
import type { HeatmapSection, TokenGridSection, Value } from "./report.ts";

const longestToken = 12;

/** A grid before it is cut to the width of a terminal: what stands in each cell, plain and painted. */
interface Grid {
  rowLabels: string[];
  rowTitle: string;
  columnLabels: string[];
  columnTitle: string;
  /** Columns of each cell, the space between cells included. */
  widths: number[];
  align: "left" | "right";
  paint: (row: number, column: number, width: number) => string;
}

/** Tokens on the colour of their value; without colour the value stands beside the token. */
export function printTokenGrid(section: TokenGridSection, width: number, pen: Pen): string[] {
  const { cells, columns, rows, rowTitle, columnTitle, unit = "value" } = section;
  const hasColour = pen.level >= 1;
  const textOf = (i: number, j: number): string => {
    const { text, value } = cells[i]![j]!;
    const token = shorten(showToken(text), longestToken);
    return hasColour ? token : `${token} ${shortShare(value)}`;
  };
  const columnLabels = columns.map((label) => shorten(showToken(label), longestToken));
  const grid: Grid = {
    rowLabels: rows.map((label) => shorten(showText(label), 16)),
    rowTitle: showText(rowTitle ?? ""),
    columnLabels,
    columnTitle: showText(columnTitle ?? ""),
    widths: columnLabels.map(
      (label, j) => Math.max(widthOf(label), ...rows.map((_, i) => widthOf(textOf(i, j)))) + 2,
    ),
    align: "left",
    paint: (i, j, cellWidth) => {
      const { value } = cells[i]![j]!;
      const block = pad(` ${textOf(i, j)}`, cellWidth);
      return isFiniteNumber(value) ? pen.cell("sequential", value, block) : pen.dim(block);
    },
  };
  const key = hasColour
    ? colourKey(pen, "sequential", ["0", "1"], unit)
    : `each cell: a token and its ${showText(unit)}`;
  return [...printGrid(grid, width, pen), "", pen.dim(key)];
}

/** Two digits of a share: `.07`, `.93`, `1.0`. */
function shortShare(value: Value): string {
  if (!isFiniteNumber(value)) return missing;
  return value >= 0.995 ? "1.0" : value.toFixed(2).slice(1);
}

/** A matrix as blocks with their numbers; when only colour fits the width, without numbers. */
export function printHeatmap(section: HeatmapSection, width: number, pen: Pen): string[] {
  const { values, rows, columns, scale, domain, unit, rowTitle, columnTitle } = section;
  const format = numberFormat(values.flat(), { digits: 2 });
  const texts = values.map((row) => row.map(format));
  const numberWidth = Math.max(0, ...texts.flat().map(widthOf)) + 2;
  const labels = columns.map((label) => showToken(label));
  const labelWidth = Math.min(6, Math.max(0, ...labels.map(widthOf))) + 2;
  const full = Math.max(numberWidth, labelWidth);
  const isCompact = pen.level >= 2 && columns.length * full > 2 * width;
  const cellWidth = isCompact ? 3 : full;
  const grid: Grid = {
    rowLabels: rows.map((label) => shorten(showToken(label), 16)),
    rowTitle: showText(rowTitle ?? ""),
    columnLabels: labels.map((label) =>
      isCompact ? clip(label.replace(/^␣/, ""), 2) : shorten(label, cellWidth - 2),
    ),
    columnTitle: showText(columnTitle ?? ""),
    widths: columns.map(() => cellWidth),
    align: isCompact ? "left" : "right",
    paint: (i, j, room) => {
      const value = values[i]![j]!;
      const block = isCompact ? " ".repeat(room) : pad(`${texts[i]![j]!} `, room, "right");
      return isFiniteNumber(value)
        ? pen.cell(scale, position(value, scale, domain), block)
        : pen.dim(isCompact ? pad(missing, room, "center") : block);
    },
  };
  const ends = domain.map(numberFormat(domain)) as [string, string];
  const key =
    pen.level >= 1
      ? [colourKey(pen, scale, ends, unit ?? "")]
      : unit
        ? [`unit: ${showText(unit)}`]
        : [];
  return [...printGrid(grid, width, pen), ...(key.length > 0 ? ["", pen.dim(key[0]!)] : [])];
}

/** Where a value stands in 0..1 of its scale; zero is the middle of a diverging one. */
function position(
  value: number,
  scale: HeatmapSection["scale"],
  [low, high]: HeatmapSection["domain"],
): number {
  if (scale === "sequential") return (value - low) / (high - low);
  return value < 0 ? 0.5 - 0.5 * (value / low) : 0.5 + 0.5 * (value / high);
}

/** The ends of a scale with its colours between them. */
function colourKey(
  pen: Pen,
  scale: "sequential" | "diverging",
  [low, high]: [string, string],
  unit: string,
): string {
  const steps = 20;
  const ramp = Array.from({ length: steps }, (_, i) => pen.cell(scale, i / (steps - 1), " "));
  return `${low} ${ramp.join("")} ${high} ${showText(unit)}`.trimEnd();
}

/** The rows of a grid, folded into blocks of columns where the width asks for it. */
function printGrid(grid: Grid, width: number, pen: Pen): string[] {
  const { rowLabels, rowTitle, columnLabels, columnTitle, widths, align, paint } = grid;
  if (rowLabels.length === 0 || columnLabels.length === 0) return [pen.dim("(nothing to show)")];
  const margin = Math.max(...[rowTitle, ...rowLabels].map(widthOf)) + 1;
  const blocks = foldEvenly(widths, width - margin);
  return blocks.flatMap((block, b) => {
    const head = block
      .map((j) => pad(` ${columnLabels[j]!}${align === "right" ? " " : ""}`, widths[j]!, align))
      .join("");
    const title =
      b === 0 && columnTitle !== "" ? [pen.dim(`${" ".repeat(margin)} ${columnTitle}`)] : [];
    return [
      ...(b > 0 ? [""] : []),
      ...title,
      pen.dim(`${pad(rowTitle, margin - 1, "right")} ${head}`.trimEnd()),
      ...rowLabels.map((label, i) => {
        const row = block.map((j) => paint(i, j, widths[j]!)).join("");
        return `${pen.dim(pad(label, margin - 1, "right"))} ${pen.level === 0 ? row.trimEnd() : row}`;
      }),
    ];
  });
}

/** No more blocks than needed, and about as many columns in each. */
function foldEvenly(widths: readonly number[], room: number): number[][] {
  const fewest = fold(widths, room).length;
  const even = Math.ceil(widths.length / fewest) * Math.max(...widths);
  return fold(widths, Math.min(room, even));
}
