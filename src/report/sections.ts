// Builders: each takes what a section shows, checks that its parts fit together, and returns the section as plain data.

import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";
import { isFiniteNumber } from "./format.ts";
import { markCount } from "./palette.ts";
import type {
  BarsSection,
  Bar,
  Claim,
  ClaimsSection,
  Column,
  Heading,
  HeatmapSection,
  LinesSection,
  Series,
  TableCell,
  TableSection,
  TextPairsSection,
  TextSection,
  TokenGridSection,
  Value,
} from "./report.ts";

/** Any row of numbers: an array, a `Float32Array`, with or without gaps. */
export type Numbers = ArrayLike<Value | undefined>;

/** Paragraphs of prose. */
export function text(parts: Heading & { paragraphs: readonly string[] }): TextSection {
  return { kind: "text", ...heading(parts), paragraphs: [...parts.paragraphs] };
}

/** A column as its label alone, or with a unit, an alignment or a number of decimals. */
export type ColumnParts = string | (Omit<Column, "align"> & Partial<Pick<Column, "align">>);

/**
 * A table. Columns that hold only numbers stand right, all others left, unless they say otherwise.
 *
 * @throws PatchClampError `SHAPE_MISMATCH` when a row has more or fewer cells than there are columns
 */
export function table(
  parts: Heading & {
    columns: readonly ColumnParts[];
    rows: readonly (readonly (TableCell | undefined)[])[];
  },
): TableSection {
  const rows = parts.rows.map((row, i) => {
    expectLength("table", `row ${i} has`, [row.length, "cell"], [parts.columns.length, "column"]);
    return row.map((cell) => (typeof cell === "number" ? finite(cell) : (cell ?? null)));
  });
  const columns = parts.columns.map((given, j): Column => {
    const column = typeof given === "string" ? { label: given } : given;
    const cells = rows.map((row) => row[j]!);
    const isNumeric = cells.every((cell) => cell === null || typeof cell === "number");
    return { align: isNumeric && cells.length > 0 ? "right" : "left", ...column };
  });
  return { kind: "table", ...heading(parts), columns, rows };
}

/**
 * A grid of tokens coloured by a value in 0..1.
 *
 * @param parts - `cells[row][column]`; spaces and newlines in tokens stay as they are
 * @throws PatchClampError `SHAPE_MISMATCH` when the cells do not fit the rows and columns
 * @throws PatchClampError `BAD_INPUT` when a value is outside 0..1
 */
export function tokenGrid(
  parts: Heading & {
    rows: readonly string[];
    columns: readonly string[];
    cells: readonly (readonly { text: string; value: Value | undefined }[])[];
    rowTitle?: string;
    columnTitle?: string;
    unit?: string;
  },
): TokenGridSection {
  const { rows, columns, cells, rowTitle, columnTitle, unit } = parts;
  expectGrid("tokenGrid", cells, rows, columns);
  return compact({
    kind: "tokenGrid",
    ...heading(parts),
    rows: [...rows],
    columns: [...columns],
    rowTitle,
    columnTitle,
    unit,
    cells: cells.map((row, i) =>
      row.map((cell, j) => ({ text: cell.text, value: share(cell.value, i, j) })),
    ),
  });
}

/** Softmax in float32 can pass 1 by an ulp or two; anything further out is not a share. */
function share(value: Value | undefined, row: number, column: number): Value {
  const known = finite(value);
  if (known === null) return null;
  if (known < -1e-6 || known > 1 + 1e-6) {
    throw new PatchClampError("BAD_INPUT", {
      where: "tokenGrid",
      problem: `cell [${row}, ${column}] has value ${known}, outside 0..1.`,
      fix: "divide by the largest value, or draw a heatmap.",
    });
  }
  return Math.min(1, Math.max(0, known));
}

/**
 * A matrix in colour.
 *
 * @param parts - `values[row][column]`. `scale` defaults to `diverging` when any value is negative. `domain` defaults
 *   to a symmetric range (diverging) or to zero up to the largest value (sequential).
 * @throws PatchClampError `SHAPE_MISMATCH` when the values do not fit the rows and columns
 * @throws PatchClampError `BAD_OPTION` when the domain does not grow, or a diverging one does not hold zero inside
 */
export function heatmap(
  parts: Heading & {
    rows: readonly string[];
    columns: readonly string[];
    values: readonly Numbers[];
    scale?: "diverging" | "sequential";
    domain?: readonly [low: number, high: number];
    rowTitle?: string;
    columnTitle?: string;
    unit?: string;
  },
): HeatmapSection {
  const { rows, columns, rowTitle, columnTitle, unit } = parts;
  expectGrid("heatmap", parts.values, rows, columns);
  const values = parts.values.map(numbers);
  const known = values.flat().filter(isFiniteNumber);
  const scale = parts.scale ?? (known.some((value) => value < 0) ? "diverging" : "sequential");
  const domain = parts.domain ?? naturalDomain(known, scale);
  const [low, high] = domain;
  if (!(low < high) || (scale === "diverging" && !(low < 0 && high > 0))) {
    throw new PatchClampError("BAD_OPTION", {
      where: "heatmap",
      problem: `domain is [${low}, ${high}], which does not suit a ${scale} scale.`,
      fix: scale === "diverging" ? "give a range with zero inside." : "give the lower end first.",
    });
  }
  return compact({
    kind: "heatmap",
    ...heading(parts),
    rows: [...rows],
    columns: [...columns],
    rowTitle,
    columnTitle,
    unit,
    scale,
    domain: [low, high],
    values,
  });
}

function naturalDomain(known: readonly number[], scale: HeatmapSection["scale"]): [number, number] {
  const low = known.reduce((least, value) => Math.min(least, value), 0);
  const high = known.reduce((most, value) => Math.max(most, value), 0);
  if (low === 0 && high === 0) return scale === "diverging" ? [-1, 1] : [0, 1];
  const reach = Math.max(-low, high);
  return scale === "diverging" ? [-reach, reach] : [low, high];
}

/**
 * Curves over shared axes, each with an optional band.
 *
 * @throws PatchClampError `SHAPE_MISMATCH` when the arrays of a series differ in length
 * @throws PatchClampError `BAD_OPTION` when a band has one edge only
 */
export function lines(
  parts: Heading & {
    x: LinesSection["x"];
    y: LinesSection["y"];
    series: readonly { label: string; x: Numbers; y: Numbers; low?: Numbers; high?: Numbers }[];
  },
): LinesSection {
  const series = parts.series.map(({ label, x, y, low, high }): Series => {
    if ((low === undefined) !== (high === undefined)) {
      throw new PatchClampError("BAD_OPTION", {
        where: "lines",
        problem: `the band of "${label}" has one edge only.`,
        fix: "give both `low` and `high`.",
      });
    }
    for (const [name, other] of Object.entries({ y, low, high })) {
      if (other)
        expectLength(
          "lines",
          `"${label}" has`,
          [other.length, `${name} value`],
          [x.length, "x value"],
        );
    }
    const band = low && high ? { low: numbers(low), high: numbers(high) } : {};
    return { label, x: numbers(x), y: numbers(y), ...band };
  });
  return { kind: "lines", ...heading(parts), x: parts.x, y: parts.y, series };
}

/** Horizontal bars from zero, in the order given. */
export function bars(
  parts: Heading & { value: BarsSection["value"]; bars: readonly Bar[] },
): BarsSection {
  const given = parts.bars.map(({ label, value, low, high }): Bar =>
    low === undefined || high === undefined
      ? { label, value: finite(value) }
      : { label, value: finite(value), low: finite(low), high: finite(high) },
  );
  return { kind: "bars", ...heading(parts), value: parts.value, bars: given };
}

/**
 * Text beside text, with words marked by class.
 *
 * @param parts - `highlight` lists words by class name, such as `{ happy: ["glad"], sad: ["lost"] }`; whole words
 *   are marked, upper or lower case
 * @throws PatchClampError `BAD_OPTION` when there are more classes than marks
 */
export function textPairs(
  parts: Heading & {
    columns: TextPairsSection["columns"];
    pairs: TextPairsSection["pairs"];
    highlight?: Readonly<Record<string, readonly string[]>>;
  },
): TextPairsSection {
  const classes = Object.entries(parts.highlight ?? {});
  if (classes.length > markCount) {
    throw new PatchClampError("BAD_OPTION", {
      where: "textPairs",
      problem: `${classes.length} classes of words are to be marked, but there are ${markCount} marks.`,
    });
  }
  return {
    kind: "textPairs",
    ...heading(parts),
    columns: parts.columns,
    pairs: parts.pairs.map((pair) => ({ ...pair })),
    highlight: classes.map(([name, words]) => ({ name, words: [...words] })),
  };
}

/** Sentences, whether each held, and the numbers behind it. */
export function claims(
  parts: Heading & {
    claims: readonly (Omit<Claim, "numbers"> & { numbers?: Claim["numbers"] })[];
  },
): ClaimsSection {
  const given = parts.claims.map(({ sentence, holds, numbers: measured = {} }) => ({
    sentence,
    holds,
    numbers: Object.fromEntries(
      Object.entries(measured).map(([name, value]) => [name, finite(value)]),
    ),
  }));
  return { kind: "claims", ...heading(parts), claims: given };
}

function heading({ title, note }: Heading): Heading {
  return compact({ title, note });
}

/** The same object without the fields that are undefined, so that it equals its own JSON. */
function compact<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

function finite(value: Value | undefined): Value {
  return isFiniteNumber(value) ? value : null;
}

function numbers(values: Numbers): Value[] {
  return Array.from(values, finite);
}

function expectGrid(
  where: string,
  cells: readonly ArrayLike<unknown>[],
  rows: readonly string[],
  columns: readonly string[],
): void {
  expectLength(where, "the cells have", [cells.length, "row"], [rows.length, "row label"]);
  for (const [i, row] of cells.entries()) {
    expectLength(where, `row ${i} has`, [row.length, "cell"], [columns.length, "column label"]);
  }
}

type Count = readonly [count: number, noun: string];

function expectLength(where: string, subject: string, got: Count, expected: Count): void {
  if (got[0] === expected[0]) return;
  const are = expected[0] === 1 ? "is" : "are";
  throw new PatchClampError("SHAPE_MISMATCH", {
    where,
    problem: `${subject} ${plural(...got)}, but there ${are} ${plural(...expected)}.`,
  });
}
