// `npm run check`: everything a commit must pass, and a short table of what did.

import fs from "node:fs";
import path from "node:path";

import { bootstrapBuild, bootstrapPackages } from "./bootstrap.mjs";
import { capture, main, root, SetupError, tool } from "./process.mjs";

/** @typedef {{ code: number, output: string }} Result */

/** @type {readonly (readonly [name: string, run: () => Promise<Result>])[]} */
const STEPS = [
  ["build", built],
  ["format", () => tool("oxfmt", "oxfmt", ["--check"])],
  [
    "lint",
    () => tool("oxlint", "oxlint", ["--deny-warnings", "--report-unused-disable-directives"]),
  ],
  ["types", () => tool("typescript", "tsc", ["-p", "tsconfig.json", "--noEmit"])],
  ["dead code", () => tool("knip", "knip", ["--no-progress"])],
  ["size", () => capture(process.execPath, ["scripts/size.mjs"])],
  ["generated", generated],
  ["tests", () => tool("vitest", "vitest", ["run", "--project=node", "--reporter=dot"])],
];

await main(async () => {
  await bootstrapPackages();
  /** @type {string[]} */
  const table = [];
  let failures = 0;
  for (const [name, run] of STEPS) {
    const start = performance.now();
    const { code, output } = await run();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    if (code !== 0) {
      failures++;
      process.stdout.write(`${name}:\n${output.trimEnd()}\n\n`);
    }
    table.push(`${name.padEnd(12)}${code === 0 ? "passed" : "FAILED"}${seconds.padStart(8)} s`);
  }
  process.stdout.write(`${table.join("\n")}\n`);
  return failures === 0 ? 0 : 1;
});

/** @returns {Promise<Result>} */
async function built() {
  try {
    await bootstrapBuild();
    return { code: 0, output: "" };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { code: 1, output: error.message };
  }
}

/**
 * Runs every `scripts/generate-*.mjs` again; a file that comes out different was out of date, and now is not.
 *
 * @returns {Promise<Result>}
 */
async function generated() {
  const scripts = fs
    .readdirSync(path.join(root, "scripts"))
    .filter((file) => /^generate-.*\.mjs$/.test(file));
  const before = generatedFiles();
  for (const script of scripts) {
    const result = await capture(process.execPath, [path.join("scripts", script)]);
    if (result.code !== 0) return result;
  }
  const after = generatedFiles();
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (file) => before.get(file) !== after.get(file),
  );
  const output = changed.map(
    (file) => `src/${file} was out of date; it is written anew: commit it.`,
  );
  return { code: changed.length === 0 ? 0 : 1, output: output.join("\n") };
}

function generatedFiles() {
  const src = path.join(root, "src");
  const files = fs.readdirSync(src, { recursive: true, encoding: "utf8" });
  return new Map(
    files
      .filter((file) => file.endsWith(".gen.ts"))
      .map((file) => [file, fs.readFileSync(path.join(src, file), "utf8")]),
  );
}
