// Curves and bars in characters. Braille dots give eight points a character, which asciichart and its like do not, and
// they place x by value and leave gaps where numbers are missing.

import { isFiniteNumber, numberFormat, showText, withUnit } from "./format.ts";
import { fold, pad, shorten, widthOf } from "./layout.ts";
import type { Pen } from "./pen.ts";
import type { BarsSection, LinesSection, Series } from "./report.ts";

/** Each series has its own sign at its points, so curves can be told apart without colour. */
const symbols = ["●", "▲", "■", "◆", "○", "△"];
const targetRows = 11;

/** A small plot of the curves with axes and a legend, at most `width` columns wide. */
export function plotLines(section: LinesSection, width: number, pen: Pen): string[] {
  const xs = extent(section.series.flatMap(({ x }) => x));
  const ys = extent(section.series.flatMap(({ y }) => y));
  if (!xs || !ys) return ["(no numbers)"];
  const yTicks = ticks(ys[0], ys[1], 5);
  const low = Math.min(ys[0], yTicks[0]!);
  const high = Math.max(ys[1], yTicks.at(-1)!);
  const yFormat = numberFormat(yTicks);
  const margin = Math.max(...yTicks.map((tick) => widthOf(yFormat(tick))));
  const columns = Math.min(72, width - margin - 3);
  const steps = Math.max(1, yTicks.length - 1);
  const rows = steps * Math.max(1, Math.round((targetRows - 1) / steps)) + 1; // ticks stand evenly
  const canvas = new Canvas(columns, rows, { x: xs, y: [low, high] });
  for (const [i, series] of section.series.entries()) drawSeries(canvas, series, i, columns);

  const yLabels = new Map(yTicks.map((tick) => [canvas.rowOf(tick), yFormat(tick)]));
  const plot = canvas.rows(pen).map((row, i) => {
    const label = yLabels.get(i);
    return `${pen.dim(`${pad(label ?? "", margin, "right")} ${label ? "┤" : "│"}`)}${row}`;
  });
  const indent = " ".repeat(margin + 2);
  return [
    ...legendLines(section, width, pen),
    ...plot,
    pen.dim(`${" ".repeat(margin + 1)}└${"─".repeat(columns)}`),
    pen.dim(indent + xLabels(section, canvas, columns).trimEnd()),
    pen.dim(indent + pad(shorten(withUnit(section.x), columns), columns, "center").trimEnd()),
  ];
}

/** What the y axis is and, where there are several series, the sign of each. */
function legendLines({ series, y }: LinesSection, width: number, pen: Pen): string[] {
  const signs = series.map(({ label }, i) => {
    const sign = `${symbols[i % symbols.length]!} ${shorten(showText(label), 30)}`;
    return pen.series(i, sign);
  });
  const items = [pen.dim(shorten(withUnit(y), width)), ...(series.length > 1 ? signs : [])];
  const gap = 3;
  return fold(
    items.map((item) => widthOf(item) + gap),
    width + gap,
  ).map((line) => line.map((i) => items[i]!).join(" ".repeat(gap)));
}

function drawSeries(canvas: Canvas, { x, y }: Series, index: number, columns: number): void {
  for (let i = 1; i < x.length; i++) {
    const [x0, y0, x1, y1] = [x[i - 1], y[i - 1], x[i], y[i]];
    if ([x0, y0, x1, y1].every(isFiniteNumber)) canvas.line([x0!, y0!], [x1!, y1!], index);
  }
  if (x.length > columns / 4) return;
  for (const [i, at] of x.entries()) {
    const value = y[i];
    if (isFiniteNumber(at) && isFiniteNumber(value)) canvas.symbol([at, value], index);
  }
}

/** The places on the x axis as one line, leaving out what would touch its neighbour. */
function xLabels(section: LinesSection, canvas: Canvas, columns: number): string {
  const places = [...new Set(section.series.flatMap(({ x }) => x.filter(isFiniteNumber)))];
  const [low, high] = extent(places)!;
  const shownPlaces = places.length <= 12 ? places.toSorted((a, b) => a - b) : ticks(low, high, 5);
  const format = numberFormat(shownPlaces);
  let line = "";
  for (const place of shownPlaces.filter((at) => at >= low && at <= high)) {
    const text = format(place);
    const centre = canvas.columnOf(place) - Math.floor(text.length / 2);
    const start = Math.max(0, Math.min(columns - text.length, centre));
    if (line !== "" && start < line.length + 1) continue;
    line = line.padEnd(start) + text;
  }
  return line;
}

type Point = readonly [x: number, y: number];

/** Characters of 2 x 4 dots over a range of x and y; every character has the colour of what was drawn last. */
class Canvas {
  readonly #columns: number;
  readonly #rows: number;
  readonly #x: readonly [number, number];
  readonly #y: readonly [number, number];
  readonly #dots: Uint8Array;
  readonly #owner: Uint8Array;
  readonly #symbols = new Map<number, string>();

  constructor(
    columns: number,
    rows: number,
    range: { x: readonly [number, number]; y: readonly [number, number] },
  ) {
    this.#columns = columns;
    this.#rows = rows;
    this.#x = range.x;
    this.#y = range.y;
    this.#dots = new Uint8Array(columns * rows);
    this.#owner = new Uint8Array(columns * rows);
  }

  columnOf(x: number): number {
    return this.#dotX(x) >> 1;
  }

  rowOf(y: number): number {
    return this.#dotY(y) >> 2;
  }

  /** A straight line of dots. */
  line([x0, y0]: Point, [x1, y1]: Point, owner: number): void {
    const [fromX, fromY, toX, toY] = [
      this.#dotX(x0),
      this.#dotY(y0),
      this.#dotX(x1),
      this.#dotY(y1),
    ];
    const steps = Math.max(Math.abs(toX - fromX), Math.abs(toY - fromY), 1);
    for (let i = 0; i <= steps; i++) {
      const x = Math.round(fromX + ((toX - fromX) * i) / steps);
      const y = Math.round(fromY + ((toY - fromY) * i) / steps);
      const cell = (y >> 2) * this.#columns + (x >> 1);
      // Dots 1-2-3-7 run down the left side of a braille character, 4-5-6-8 down the right.
      this.#dots[cell]! |= [0x01, 0x02, 0x04, 0x40, 0x08, 0x10, 0x20, 0x80][(x & 1) * 4 + (y & 3)]!;
      this.#owner[cell] = owner;
    }
  }

  /** The sign of a series in place of dots. */
  symbol([x, y]: Point, owner: number): void {
    const cell = this.rowOf(y) * this.#columns + this.columnOf(x);
    this.#symbols.set(cell, symbols[owner % symbols.length]!);
    this.#owner[cell] = owner;
  }

  rows(pen: Pen): string[] {
    return Array.from({ length: this.#rows }, (_, row) => {
      const cells = Array.from({ length: this.#columns }, (__, column) => {
        const cell = row * this.#columns + column;
        const dots = this.#dots[cell]!;
        const text = this.#symbols.get(cell) ?? (dots ? String.fromCodePoint(0x2800 + dots) : " ");
        return text === " " ? text : pen.series(this.#owner[cell]!, text);
      });
      return cells.join("").trimEnd();
    });
  }

  #dotX(x: number): number {
    return scaled(x, this.#x, this.#columns * 2 - 1);
  }

  #dotY(y: number): number {
    return this.#rows * 4 - 1 - scaled(y, this.#y, this.#rows * 4 - 1);
  }
}

function scaled(value: number, [low, high]: readonly [number, number], last: number): number {
  return high === low ? Math.round(last / 2) : Math.round(((value - low) / (high - low)) * last);
}

function extent(values: readonly (number | null)[]): [number, number] | undefined {
  const finite = values.filter(isFiniteNumber);
  if (finite.length === 0) return undefined;
  return finite.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
}

/** Round numbers (1, 2 or 5 times a power of ten) that span low..high in about `count` steps. */
function ticks(low: number, high: number, count: number): number[] {
  if (low === high) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

const shortestBar = 8;

/** Horizontal bars from zero, with the number and its interval after each. */
export function plotBars(section: BarsSection, width: number, pen: Pen): string[] {
  const { bars, value } = section;
  const format = numberFormat(bars.flatMap((bar) => [bar.value, bar.low, bar.high]));
  const values = bars.map((bar) => format(bar.value));
  const withIntervals = bars.map(({ low, high }, i) =>
    low === undefined || high === undefined
      ? values[i]!
      : `${values[i]!} [${format(low)}, ${format(high)}]`,
  );
  const labels = bars.map(({ label }) => shorten(showText(label), Math.floor(width / 3)));
  const labelWidth = Math.max(0, ...labels.map(widthOf));
  const roomBeside = (texts: readonly string[]): number =>
    width - labelWidth - 3 - Math.max(0, ...texts.map(widthOf));
  const texts = roomBeside(withIntervals) >= shortestBar ? withIntervals : values;
  const cells = Math.max(shortestBar, Math.min(40, roomBeside(texts)));
  const [low, high] = extent([0, ...bars.map((bar) => bar.value)])!;
  const place = (x: number): number => (high === low ? 0 : ((x - low) / (high - low)) * cells);
  return [
    pen.dim(`${" ".repeat(labelWidth + 2)}${shorten(withUnit(value), width - labelWidth - 2)}`),
    ...bars.map((bar, i) => {
      const ends = [place(0), place(bar.value ?? 0)].toSorted((a, b) => a - b);
      const blocks = barCells(ends[0]!, ends[1]!, cells);
      return `${pad(labels[i]!, labelWidth)}  ${pen.series(0, blocks)} ${texts[i]!}`;
    }),
  ];
}

const eighths = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];

/** A bar from `from` to `to` (in cells) in block characters: eighths at its right end, halves at its left. */
function barCells(from: number, to: number, cells: number): string {
  return Array.from({ length: cells }, (_, i) => {
    const covered = Math.max(0, Math.min(i + 1, to) - Math.max(i, from));
    if (from <= i) return eighths[Math.round(covered * 8)]!;
    return covered >= 0.75 ? "█" : covered >= 0.25 ? "▐" : " ";
  }).join("");
}
