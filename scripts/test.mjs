// `npm test`: every test in Node, then the browser tests where a Chromium is found. The last line is
// `N passed, N failed`; a failed build, or a test file that does not load, counts as one failure.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { bootstrapBuild, bootstrapPackages } from "./bootstrap.mjs";
import { findChromium } from "./chromium.mjs";
import { main, pass, root, SetupError, toolPath } from "./process.mjs";

/** @typedef {{ passed: number, failed: number }} Count */

await main(async () => {
  /** @type {Count[]} */
  const counts = [];
  try {
    await bootstrapPackages();
    counts.push(await reported(bootstrapBuild));
    counts.push(await vitest("node"), await browserTests());
  } catch (error) {
    // Whoever reads the last line reads it after every kind of failure.
    process.stderr.write(`${error instanceof SetupError ? error.message : String(error)}\n`);
    counts.push({ passed: 0, failed: 1 });
  }
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  let failed = counts.reduce((sum, count) => sum + count.failed, 0);
  if (passed + failed === 0) {
    process.stderr.write(`No test matches ${process.argv.slice(2).join(" ")}.\n`);
    failed = 1;
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
});

/**
 * A failed build is reported and counted; the tests read the sources and run all the same.
 *
 * @param {() => Promise<void>} work
 * @returns {Promise<Count>}
 */
async function reported(work) {
  try {
    await work();
    return { passed: 0, failed: 0 };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return { passed: 0, failed: 1 };
  }
}

/** @returns {Promise<Count>} */
async function browserTests() {
  const none = { passed: 0, failed: 0 };
  const folder = path.join("test", "browser");
  const files = fs
    .readdirSync(path.join(root, folder))
    .filter((file) => file.endsWith(".browser.ts"))
    .map((file) => path.join(folder, file));
  // Starting a browser takes seconds, and `npm test -- src/core` asks for none.
  const args = process.argv.slice(2);
  const filters = args.some((arg) => arg.startsWith("-")) ? [] : args;
  if (filters.length > 0 && !files.some((file) => filters.some((part) => file.includes(part)))) {
    return none;
  }
  if (findChromium() !== undefined) return vitest("browser");
  process.stdout.write(
    `Left out, because no Chromium was found (set CHROME_PATH): ${files.join(", ")}\n`,
  );
  return none;
}

/**
 * Runs one project of vitest.config.ts with the filters of the command line.
 *
 * @param {"node" | "browser"} project
 * @returns {Promise<Count>}
 */
async function vitest(project) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "patchclamp-test-"));
  const report = path.join(folder, "report.json");
  try {
    const code = await pass(process.execPath, [
      toolPath("vitest", "vitest"),
      "run",
      `--project=${project}`,
      "--passWithNoTests",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
      ...process.argv.slice(2),
    ]);
    return readReport(report, code);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Reads vitest's report. What failed outside any test (a file that does not load, an unhandled rejection, a crash)
 * is in the exit code only, so it counts as one.
 *
 * @param {string} report
 * @param {number} code
 * @returns {Count}
 */
function readReport(report, code) {
  let passed = 0;
  let failed = 0;
  if (fs.existsSync(report)) {
    const { numPassedTests, testResults } = JSON.parse(fs.readFileSync(report, "utf8"));
    passed = numPassedTests;
    for (const file of testResults) {
      const tests = file.assertionResults.filter(
        (/** @type {{ status: string }} */ test) => test.status === "failed",
      ).length;
      failed += file.status === "failed" ? Math.max(tests, 1) : tests;
    }
  }
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1) };
}
