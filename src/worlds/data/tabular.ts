// Tables whose target follows a law, so that what every column contributes is known to the last digit.

import { Rng } from "../../core/rng.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { drawWithin, splits } from "../split.ts";
import type { Split } from "../split.ts";
import { requireBetween } from "./_options.ts";
import { lawSpread, requireSound, rowsOf, tableColumns } from "./_table-columns.ts";
import type { TableColumn } from "./_table-columns.ts";
import { derivativeOf, valueOf } from "./expression.ts";
import { lawNamed } from "./laws.ts";
import type { Law } from "./laws.ts";

export type { TableColumn } from "./_table-columns.ts";

export interface TableOptions {
  /** A law or the name of one in `lawNames`. */
  law: string | Law;
  /** At least 1; 256 by default. */
  rows?: number;
  /** Standard deviation of the noise on the target, as a share of the target's own; at least 0, 0 by default. */
  noise?: number;
  /** Columns of standard normal numbers that mean nothing; 0 by default. */
  irrelevant?: number;
  /** Columns that shadow the relevant ones, in turn, and have no say of their own; 0 by default. */
  correlated?: number;
  /** Correlation of a shadow with its column, 0..1; 0.9 by default. */
  correlation?: number;
  /** Classes that the target is cut into, about equally many rows in each; at least 2, 2 by default. */
  classes?: number;
  /** Which half: the ranges of the relevant columns are cut into cells, and a cell is in one half. `train` by default. */
  split?: Split;
}

/** Rows of measurements with the truth about them. */
export interface Table {
  readonly law: Law;
  /** The law's columns in its order, then shadows, then irrelevant ones: the same for every table of the same options. */
  readonly columns: readonly TableColumn[];
  /** [row, column], in the columns' units. */
  readonly values: Float32Array;
  /** [row]: what is measured, noise included, in the target's unit. */
  readonly target: Float32Array;
  /** [row]: what the law says. */
  readonly clean: Float32Array;
  /** [row, column]: by how much `clean` grows with each column, in the target's unit per the column's; 0 outside the law. */
  readonly derivatives: Float32Array;
  /** [row]: the class of `target`, 0 for the lowest values. */
  readonly labels: Int32Array;
  /** [classes - 1], rising: where one class ends and the next begins, in the target's unit. */
  readonly thresholds: readonly number[];
}

/**
 * Draws a table whose target follows a law.
 *
 * Noise, shadows and irrelevant columns have streams of their own: turning one on changes none of the others.
 *
 * @param rng - advances by one word; the same state gives the same table
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range, or the law names a column that it does not have
 * @throws PatchClampError `UNKNOWN_NAME` when there is no law of that name
 */
export function lawTable(rng: Rng, options: TableOptions): Table {
  const { rows = 256, noise = 0, irrelevant = 0, correlated = 0 } = options;
  const { correlation = 0.9, classes = 2, split = "train" } = options;
  requireAtLeast("lawTable", "rows", rows, 1);
  requireBetween("lawTable", "noise", noise, [0, Infinity]);
  requireAtLeast("lawTable", "irrelevant", irrelevant, 0);
  requireAtLeast("lawTable", "correlated", correlated, 0);
  requireBetween("lawTable", "correlation", correlation, [0, 1]);
  requireAtLeast("lawTable", "classes", classes, 2);
  requireOneOf("lawTable", "split", split, splits);
  const law = typeof options.law === "string" ? lawNamed(options.law) : options.law;
  requireSound(law);
  const columns = tableColumns(law, correlated, irrelevant);

  const own = new Rng(rng.word());
  const measured = own.split("law");
  const shadow = own.split("shadow");
  const nothing = own.split("nothing");
  const error = own.split("noise");
  const draw = rowsOf(law);
  const spread = lawSpread(law);
  const thresholds = Array.from(
    { length: classes - 1 },
    (_, i) => spread.sorted[Math.floor(((i + 1) * spread.sorted.length) / classes)]!,
  );
  const slopes = columns.map(({ name, role }) =>
    role === "relevant" ? derivativeOf(law.formula, name) : undefined,
  );

  const derivatives = new Float32Array(rows * columns.length);
  const values = new Float32Array(rows * columns.length);
  const clean = new Float32Array(rows);
  const target = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    const { row } = drawWithin(split, () => draw(measured));
    columns.forEach(({ name, mean, deviation, source }, i) => {
      const at = r * columns.length + i;
      derivatives[at] = slopes[i] === undefined ? 0 : valueOf(slopes[i], row);
      if (name in row) values[at] = row[name]!;
      else if (source === undefined) values[at] = nothing.normal();
      else {
        const z = (row[source]! - mean) / deviation;
        const apart = Math.sqrt(1 - correlation ** 2) * shadow.normal();
        values[at] = mean + deviation * (correlation * z + apart);
      }
    });
    const said = valueOf(law.formula, row);
    clean[r] = said;
    target[r] = said + noise * spread.deviation * error.normal();
  }
  const labels = Int32Array.from(target, (y) => thresholds.filter((t) => y >= t).length);
  return { law, columns, values, target, clean, derivatives, labels, thresholds };
}

/**
 * Shifts and scales every column to mean 0 and standard deviation 1, by what may be drawn and not by what was: tables of the
 * same options are scaled alike.
 *
 * @returns [row, column]; multiply `derivatives` by a column's `deviation` to have them per unit of these
 */
export function standardised({ columns, values }: Table): Float32Array {
  return values.map((value, i) => {
    const { mean, deviation } = columns[i % columns.length]!;
    return (value - mean) / deviation;
  });
}
