// Tables: a few people with a few properties each, as a table, as records or in sentences. What a cell holds is random, so
// every answer has to be looked up in the text.

import type { Rng } from "../../core/rng.ts";
import { animals, cities, colours, firstNames, foods, jobs } from "./lexicon.ts";
import type { LanguageSkill, Span, Text } from "./skill.ts";

/** A table: the first column is the name of the row. */
export interface Table {
  /** Heads of the columns, such as `["name", "colour", "food"]`. */
  readonly columns: readonly string[];
  /** Cells, [row][column]. */
  readonly rows: readonly (readonly string[])[];
}

/** How a table is written. */
export type TableForm = "table" | "records" | "sentences";

/** A question about one cell. */
export interface TableQuestion {
  /** What a named row has in a column, or the name of the row that has a cell. */
  readonly wanted: "cell" | "name";
  /** Head of the column. */
  readonly column: string;
  /** The name or the cell that is given. */
  readonly about: string;
}

/** What is true of a text about a table. */
export interface TablesLabel {
  readonly table: Table;
  /** How the table is given. */
  readonly form: TableForm;
  /** How it is written again, in texts that do that. */
  readonly rewritten?: TableForm;
  /** In texts that ask questions. */
  readonly questions: readonly TableQuestion[];
}

/** What a column can hold. */
const values: Readonly<Record<string, readonly string[]>> = {
  colour: colours,
  food: foods,
  pet: animals,
  job: jobs,
  city: cities,
};

/**
 * Writes a table: `| name | food | ; | Mira | soup | ; | Ben | rice |`.
 *
 * @returns its words, without a full stop
 */
export function writeTable({ columns, rows }: Table): string[] {
  return [columns, ...rows].flatMap((cells, i) => [...(i === 0 ? [] : [";"]), ...line(cells)]);
}

const line = (cells: readonly string[]): string[] => ["|", ...cells.flatMap((cell) => [cell, "|"])];

/**
 * Reads what `writeTable` writes.
 *
 * @param words - such as a network wrote
 * @returns the table; undefined when the words are none, or a row has too few or too many cells
 */
export function readTable(words: readonly string[]): Table | undefined {
  const [columns, ...rows] = words.join(" ").split(" ; ").map(cellsOf);
  if (columns === undefined || rows.length === 0) return undefined;
  const full = rows.filter((row) => row?.length === columns.length).map((row) => row!);
  return full.length === rows.length ? { columns, rows: full } : undefined;
}

function cellsOf(text: string): string[] | undefined {
  if (!/^\|( [^\s|;.]+ \|)+$/.test(text)) return undefined;
  return text.split(" ").filter((word) => word !== "|");
}

/** Writes a table as one record a row: `name = Mira , food = soup ; name = Ben , food = rice`. */
function records({ columns, rows }: Table): string[] {
  return rows.flatMap((cells, i) => [
    ...(i === 0 ? [] : [";"]),
    ...cells.flatMap((cell, k) => [...(k === 0 ? [] : [","]), columns[k]!, "=", cell]),
  ]);
}

/** Writes a table as one sentence a row, but for the last full stop: `Mira has the colour red and the food soup`. */
function sentences({ columns, rows }: Table): string[] {
  const last = columns.length - 1;
  return rows.flatMap(([name, ...cells], i) => [
    ...(i === 0 ? [] : ["."]),
    name!,
    "has",
    ...cells.flatMap((cell, k) => {
      const before = k === 0 ? [] : [k + 1 === last ? "and" : ","];
      return [...before, "the", columns[k + 1]!, cell];
    }),
  ]);
}

const write: Readonly<Record<TableForm, (table: Table) => string[]>> = {
  table: writeTable,
  records,
  sentences,
};

function drawTable(rng: Rng, rowCount: number, columnCount: number): Table {
  const kinds = rng.shuffle(Object.keys(values)).slice(0, columnCount);
  // No two rows share a cell, so that every cell tells its row.
  const held = [firstNames, ...kinds.map((kind) => values[kind]!)].map((all) => rng.shuffle(all));
  return {
    columns: ["name", ...kinds],
    rows: Array.from({ length: rowCount }, (_, row) => held.map((column) => column[row]!)),
  };
}

/** A cell by its row and column. */
interface Place {
  readonly row: number;
  readonly column: number;
}

/** Different cells, so that no answer can be copied from an earlier question. */
function drawPlaces(rng: Rng, { columns, rows }: Table, count: number): Place[] {
  const all = rows.flatMap((_, row) =>
    columns.slice(1).map((_head, k) => ({ row, column: k + 1 })),
  );
  return rng.shuffle(all).slice(0, count);
}

function drawQuestion(rng: Rng, { columns, rows }: Table, { row, column }: Place): TableQuestion {
  const wanted = rng.pick(["cell", "name"] as const);
  const about = rows[row]![wanted === "cell" ? 0 : column]!;
  return { wanted, column: columns[column]!, about };
}

/**
 * Looks the answer to a question up.
 *
 * @returns the cell or the name; undefined when the table has no such column, name or cell
 */
export function lookUp({ columns, rows }: Table, question: TableQuestion): string | undefined {
  const { wanted, about } = question;
  const column = columns.indexOf(question.column);
  const [from, to] = wanted === "cell" ? [0, column] : [column, 0];
  return rows.find((cells) => cells[from] === about)?.[to];
}

function promptOf({ wanted, column, about }: TableQuestion): string[] {
  return wanted === "cell"
    ? ["what", "is", "the", column, "of", about, "?"]
    : ["who", "has", "the", column, about, "?"];
}

/** The table with the cell and that of the next row exchanged. */
function exchanged({ columns, rows }: Table, { row, column }: Place): Table {
  const other = (row + 1) % rows.length;
  const from = (at: number): number => (at === row ? other : at === other ? row : at);
  return {
    columns,
    rows: rows.map((cells, i) =>
      cells.map((cell, k) => (k === column ? rows[from(i)]![column]! : cell)),
    ),
  };
}

function withQuestions(table: Table, form: TableForm, questions: readonly TableQuestion[]) {
  const words = [...write[form](table), "."];
  const answers = questions.map((question): Span => {
    words.push(...promptOf(question), lookUp(table, question)!, ".");
    return { start: words.length - 2, end: words.length - 1 };
  });
  return { words, answers };
}

/** How a text says that a table follows in another form. */
const asks = { table: ["as", "a", "table", ":"], sentences: ["in", "words", ":"] } as const;

function rewriting(table: Table, form: keyof typeof asks) {
  const given = form === "table" ? sentences(table) : writeTable(table);
  const before = [...given, ".", ...asks[form]];
  const words = [...before, ...write[form](table), "."];
  const cells = new Set([...table.columns, ...table.rows.flat()]);
  const answers = words.flatMap((word, start): Span[] =>
    start >= before.length && cells.has(word) ? [{ start, end: start + 1 }] : [],
  );
  return { words, answers };
}

/** Share of the texts that write a table again; the others ask questions. */
const REWRITTEN = 0.15;

const structure = "| ; = : , . ? a and as has in is of table the what who words name".split(" ");

/**
 * Looks things up in tables, and writes tables as sentences and back.
 *
 * @source Tang et al. 2024, "Struc-Bench", arXiv:2309.08963, for writing what a text says as a table
 */
export const tables: LanguageSkill<TablesLabel> = {
  name: "tables",
  summary: "Looks up cells of small tables and records, and writes sentences as tables and back.",
  vocabulary: [
    ...structure,
    ...Object.keys(values),
    ...Object.values(values).flat(),
    ...firstNames,
  ],
  knobs: {
    rows: { meaning: "how many rows the table has", least: 2, most: 4 },
    columns: { meaning: "how many columns it has beside the name", least: 1, most: 3 },
    questions: {
      meaning: "how many questions are asked at most, where any are",
      least: 2,
      most: 6,
    },
  },

  draw: (rng, knobs): Text<TablesLabel> => {
    const table = drawTable(rng, knobs["rows"]!, knobs["columns"]!);
    const key = `tables|${writeTable(table).join(" ")}`;

    if (rng.uniform() < REWRITTEN) {
      const rewritten = rng.pick(["table", "sentences"] as const);
      const form = rewritten === "table" ? "sentences" : "table";
      const last = { row: table.rows.length - 1, column: table.columns.length - 1 };
      return {
        ...rewriting(table, rewritten),
        label: { table, form, rewritten, questions: [] },
        key,
        counterfactual: rewriting(exchanged(table, last), rewritten).words,
      };
    }
    const form = rng.pick(["table", "records", "sentences"] as const);
    const places = drawPlaces(rng, table, knobs["questions"]!);
    const questions = places.map((place) => drawQuestion(rng, table, place));
    return {
      ...withQuestions(table, form, questions),
      label: { table, form, questions },
      key,
      counterfactual: withQuestions(exchanged(table, places.at(-1)!), form, questions).words,
    };
  },
};
