// `npm run size`: code lines per folder of src/, and the budget of the engine. `--json` prints the numbers.

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { parseSync } from "oxc-parser";

import { root } from "./process.mjs";

/** The folders that make the engine, and how many code lines they may have together. */
const BUDGET = { folders: ["core", "tensor", "onnx", "runtime"], lines: 6500 };

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
    const folder = rest.length === 0 ? "(src)" : first;
    const lines = codeLines(file, fs.readFileSync(path.join(src, file), "utf8"));
    folders[folder] = (folders[folder] ?? 0) + lines;
  }
  const engine = BUDGET.folders.reduce((sum, folder) => sum + (folders[folder] ?? 0), 0);
  const total = Object.values(folders).reduce((sum, lines) => sum + lines, 0);
  return { folders, engine, budget: BUDGET.lines, total };
}

function main() {
  const { folders, engine, budget, total } = measure();
  if (process.argv.includes("--json")) {
    console.log(JSON.stringify({ folders, engine, budget, total }));
  } else {
    const row = (/** @type {string} */ name, /** @type {number} */ lines) =>
      console.log(`${name.padEnd(36)}${String(lines).padStart(7)}`);
    for (const [folder, lines] of Object.entries(folders)) row(folder, lines);
    row("all of src", total);
    row(`${BUDGET.folders.join(" + ")} (of ${budget})`, engine);
  }
  if (engine <= budget) return;
  console.error(`The engine has ${engine} code lines, ${engine - budget} more than its budget.`);
  process.exitCode = 1;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  main();
