// `npm run size`: code lines per folder of src/, and the budget of the engine. `--json` prints the numbers.

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { parseSync } from "oxc-parser";

import { root } from "./process.mjs";

/** The folders that make the engine, and how many code lines they may have together. */
const BUDGET = { folders: ["core", "tensor", "onnx", "runtime"], lines: 8400 };

/** Folders within folders that have a budget of their own: what reads and edits the ONNX files of others is no part of the engine. */
const APART = { folders: ["onnx/import", "onnx/surgery"], lines: 7500 };

/**
 * Counts the lines that hold code: not the blank ones, and not those with nothing but comments.
 *
 * @param {string} file - its name says the dialect
 * @param {string} text
 */
export function codeLines(file, text) {
  let code = text;
  for (const { start, end } of parseSync(file, text).comments) {
    const blank = text.slice(start, end).replaceAll(/\S/g, " ");
    code = code.slice(0, start) + blank + code.slice(end);
  }
  return code.split("\n").filter((line) => line.trim() !== "").length;
}

/** Code lines of src/ by folder, without tests and generated files. */
function measure() {
  const src = path.join(root, "src");
  /** @type {Record<string, number>} */
  const folders = {};
  for (const file of fs.readdirSync(src, { recursive: true, encoding: "utf8" }).toSorted()) {
    if (!file.endsWith(".ts") || /(\.test|\.gen|_pb)\.ts$/.test(file)) continue;
    const [first = "", ...rest] = file.split(path.sep);
    const inner = `${first}/${rest[0]}`;
    const folder = APART.folders.includes(inner) ? inner : rest.length === 0 ? "(src)" : first;
    const lines = codeLines(file, fs.readFileSync(path.join(src, file), "utf8"));
    folders[folder] = (folders[folder] ?? 0) + lines;
  }
  const sumOf = (/** @type {string[]} */ names) =>
    names.reduce((sum, folder) => sum + (folders[folder] ?? 0), 0);
  const total = Object.values(folders).reduce((sum, lines) => sum + lines, 0);
  const apart = sumOf(APART.folders);
  return { folders, engine: sumOf(BUDGET.folders), budget: BUDGET.lines, apart, total };
}

function main() {
  const { folders, engine, budget, apart, total } = measure();
  if (process.argv.includes("--json")) {
    console.log(JSON.stringify({ folders, engine, budget, apart, total }));
  } else {
    const row = (/** @type {string} */ name, /** @type {number} */ lines) =>
      console.log(`${name.padEnd(36)}${String(lines).padStart(7)}`);
    for (const [folder, lines] of Object.entries(folders)) row(folder, lines);
    row("all of src", total);
    row(`${BUDGET.folders.join(" + ")} (of ${budget})`, engine);
    row(`${APART.folders.join(" + ")} (of ${APART.lines})`, apart);
  }
  for (const [what, lines, most] of /** @type {const} */ ([
    ["The engine", engine, budget],
    [APART.folders.join(" and "), apart, APART.lines],
  ])) {
    if (lines <= most) continue;
    console.error(`${what} has ${lines} code lines, ${lines - most} more than its budget.`);
    process.exitCode = 1;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  main();
