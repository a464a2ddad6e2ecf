// What a suite leaves behind: a table for the person who ran it and a file for the next program.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import chalk from "chalk";
import Table from "cli-table3";

import type { Row } from "./harness.ts";
import { root } from "./machine.ts";

/** Above this many runnable processes a core, times say more about the neighbours than about the programs. */
const BUSY = 1.5;

const SIDES = ["top", "bottom", "left", "right"];
const EDGES = SIDES.flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`]);
/** No lines: rows are told apart by the space between them. */
const PLAIN = {
  ...Object.fromEntries(EDGES.map((edge) => [edge, ""])),
  mid: " ",
  "mid-mid": " ",
  middle: " ",
};

/** Prints rows as a table, with what their notes say below it. */
export function printTable(suite: string, rows: readonly Row[]): void {
  const table = new Table({
    head: ["", "ours", "peer", "ratio", "bar", ""].map((text) => chalk.dim(text)),
    colAligns: ["left", "right", "right", "right", "left", "left"],
    style: { head: [], border: [], "padding-left": 1, "padding-right": 1 },
    chars: PLAIN,
  });
  for (const row of rows) table.push(cells(row));
  const notes = rows.flatMap((row) =>
    notesOf(row).map((note) => `  ${chalk.bold(row.name)}  ${note}`),
  );
  const [first] = rows;
  const lines = [
    `\n${chalk.bold(suite)}  ${chalk.dim(first?.machine ?? "")}`,
    table.toString(),
    ...notes,
  ];
  const timed = rows.filter(({ unit }) => unit === "ms" || unit.endsWith("/s"));
  const busiest = Math.max(0, ...timed.map(({ load }) => load));
  if (busiest > BUSY) {
    lines.push(
      chalk.yellow(
        `  Other programs kept this machine busy (load ${busiest} a core): do not quote these times.`,
      ),
    );
  }
  process.stdout.write(`${lines.join("\n")}\n`);
}

function cells(row: Row): string[] {
  const { name, ours, peer, oursSpread, peerSpread, peerName, ratio, holds, bar } = row;
  const paint = holds === null ? chalk.yellow : holds ? chalk.green : chalk.red;
  const missing = ours === null ? "not measured" : peer === null ? "no peer" : "not comparable";
  const unjudged = ratio === null ? missing : "";
  const verdict = holds === null ? unjudged : holds ? "holds" : "missed";
  const peerCell = peer === null ? "-" : `${quantity(peer, row.unit)}${spread(peerSpread)}`;
  return [
    `${chalk.bold(name)}\n${chalk.dim(`against ${peerName}`)}`,
    ours === null ? "-" : `${quantity(ours, row.unit)}${spread(oursSpread)}`,
    peerCell,
    paint(ratio === null ? "-" : `${ratio.toFixed(2)}x`),
    bar,
    paint(verdict),
  ];
}

function notesOf({ note, oursPeakMb, peerPeakMb }: Row): string[] {
  const memory =
    typeof oursPeakMb === "number" && typeof peerPeakMb === "number"
      ? [`peak memory ${Math.round(oursPeakMb)} MB, the peer's ${Math.round(peerPeakMb)} MB`]
      : [];
  return [...memory, ...(note === undefined ? [] : [note])];
}

function quantity(value: number, unit: string): string {
  const digits = value >= 100 ? 0 : value >= 1 ? 1 : 3;
  return unit === "ms" ? `${value.toFixed(digits)} ms` : `${value} ${unit}`;
}

/** Half the distance between the quartiles, as a margin under the median. */
function spread(quartiles: readonly [number, number] | undefined): string {
  if (quartiles === undefined || quartiles[0] === quartiles[1]) return "";
  const half = (quartiles[1] - quartiles[0]) / 2;
  return `\n${chalk.dim(`± ${half.toFixed(half >= 10 ? 0 : half >= 1 ? 1 : 3)}`)}`;
}

/**
 * Writes `bench/results/SUITE.json`: an array with one object an entry, in the suite's order.
 *
 * @param names - every entry of the suite; rows of entries that were not run now are kept from the file
 * @returns the file's path
 */
export function writeResults(
  suite: string,
  names: readonly string[],
  rows: readonly Row[],
): string {
  const folder = path.join(root, "bench", "results");
  const file = path.join(folder, `${suite}.json`);
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Row[]) : [];
  const known = new Map([...before, ...rows].map((row) => [row.name, row]));
  const all = names.flatMap((name) => known.get(name) ?? []);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(all, undefined, 2)}\n`);
  return file;
}
