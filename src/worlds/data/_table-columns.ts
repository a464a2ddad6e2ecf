// What the columns of a table are, and which rows a law may have.

import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import { columnsOf, valueOf } from "./expression.ts";
import { relevantColumns } from "./laws.ts";
import type { Law } from "./laws.ts";

/** A column of a table. */
export interface TableColumn {
  readonly name: string;
  readonly unit: string;
  /** Whether the target follows it; a shadow only looks as if it did. */
  readonly role: "relevant" | "irrelevant" | "shadow";
  /** The relevant column that a shadow goes with. */
  readonly source?: string;
  /** Of all values that may be drawn, in the column's unit. */
  readonly mean: number;
  /** Standard deviation of all values that may be drawn, in the column's unit. */
  readonly deviation: number;
}

/**
 * Refuses a law whose formula names no column, or one that it does not have.
 *
 * @throws PatchClampError `BAD_OPTION`
 */
export function requireSound(law: Law): void {
  const known = new Set(law.columns.map(({ name }) => name));
  const named = columnsOf(law.formula);
  const strange = named.find((name) => !known.has(name));
  if (strange === undefined && named.length > 0) return;
  throw new PatchClampError("BAD_OPTION", {
    where: "lawTable",
    problem:
      strange === undefined
        ? `the formula of "${law.name}" names no column, so its target never changes.`
        : `the formula of "${law.name}" names ${strange}, but its columns are ${[...known].join(", ")}.`,
  });
}

/** The columns of a table: the law's own, then as many shadows, then as many irrelevant ones. */
export function tableColumns(law: Law, correlated: number, irrelevant: number): TableColumn[] {
  const relevant = relevantColumns(law);
  // of a uniform distribution
  const own = law.columns.map(({ name, unit, range: [least, most] }): TableColumn => ({
    name,
    unit,
    role: relevant.some((column) => column.name === name) ? "relevant" : "irrelevant",
    mean: (least + most) / 2,
    deviation: (most - least) / Math.sqrt(12),
  }));
  const sources = own.filter(({ role }) => role === "relevant");
  const shadowAt = (i: number): TableColumn => {
    const source = sources[i % sources.length]!;
    return { ...source, name: `shadow${i}`, role: "shadow", source: source.name };
  };
  const nothingAt = (i: number): TableColumn => ({
    name: `nothing${i}`,
    unit: "1",
    role: "irrelevant",
    mean: 0,
    deviation: 1,
  });
  return [
    ...own,
    ...Array.from({ length: correlated }, (_, i) => shadowAt(i)),
    ...Array.from({ length: irrelevant }, (_, i) => nothingAt(i)),
  ];
}

/** A row of a law's columns by name, and the content that decides its half. */
export interface LawRow {
  readonly row: Record<string, number>;
  readonly key: string;
}

/** Makes what draws a law's rows: values as a table stores them, in float32, so that the law holds for what is read back. */
export function rowsOf(law: Law): (rng: Rng) => LawRow {
  const relevant = relevantColumns(law);
  // so few cells of a single column might all be in one half
  const cells = relevant.length === 1 ? 64 : 8;
  return (rng) => {
    const row: Record<string, number> = {};
    for (const { name, range } of law.columns) {
      row[name] = Math.fround(range[0] + (range[1] - range[0]) * rng.uniform());
    }
    const cell = relevant.map(({ name, range: [least, most] }) =>
      Math.min(cells - 1, Math.floor((cells * (row[name]! - least)) / (most - least))),
    );
    return { row, key: ["row", law.name, ...cell].join("|") };
  };
}

/** How a law's target spreads over 2,048 rows of either half, the same ones every time; `sorted` rises. */
export function lawSpread(law: Law): { sorted: Float64Array; deviation: number } {
  const rng = new Rng(0x7ab1e);
  const draw = rowsOf(law);
  const sorted = Float64Array.from({ length: 2048 }, () =>
    valueOf(law.formula, draw(rng).row),
  ).toSorted();
  const mean = sorted.reduce((a, b) => a + b, 0) / sorted.length;
  const squares = sorted.reduce((total, y) => total + (y - mean) ** 2, 0);
  return { sorted, deviation: Math.sqrt(squares / sorted.length) };
}
