// Running other programs from the scripts: one way to start them, one way to fail.

import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** A failure that the person at the keyboard can act on; it is printed without a stack. */
export class SetupError extends Error {
  /**
   * @param {string} problem
   * @param {string} [fix]
   */
  constructor(problem, fix) {
    super(fix === undefined ? problem : `${problem}\n  fix: ${fix}`);
  }
}

/**
 * Runs a script's body; a SetupError becomes its sentence and exit code 1.
 *
 * @param {() => Promise<number>} body - returns the exit code
 */
export async function main(body) {
  try {
    process.exitCode = await body();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

/**
 * Starts a program in the repository and waits for it, with this terminal as its own.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<number>} its exit code; 128 + the signal's number where a signal ended it
 */
export async function pass(command, args) {
  const { code } = await start(command, args, "inherit");
  return code;
}

/**
 * Starts a program in the repository, waits for it and keeps what it printed.
 *
 * @param {string} command
 * @param {readonly string[]} args
 */
export function capture(command, args) {
  return start(command, args, "pipe");
}

/**
 * Runs an installed package's program under this Node; faster than npx, and the same on Windows.
 *
 * @param {string} packageName
 * @param {string} program - its name in the package's `bin`
 * @param {readonly string[]} args
 */
export function tool(packageName, program, args) {
  return capture(process.execPath, [toolPath(packageName, program), ...args]);
}

/**
 * @param {string} packageName
 * @param {string} program
 * @returns {string} the path of the program's script
 */
export function toolPath(packageName, program) {
  const folder = path.join(root, "node_modules", packageName);
  const { bin } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  return path.join(folder, typeof bin === "string" ? bin : bin[program]);
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {"inherit" | "pipe"} output
 * @returns {Promise<{ code: number, output: string }>}
 */
function start(command, args, output) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ["inherit", output, output] });
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk) => (text += chunk));
    child.stderr?.setEncoding("utf8").on("data", (chunk) => (text += chunk));
    // A terminal signals both; a supervisor signals this process alone.
    const stop = () => child.kill("SIGTERM");
    process.once("SIGTERM", stop);
    child.once("error", (error) =>
      reject(new SetupError(`${command} cannot be started: ${error.message}.`)),
    );
    child.once("close", (code, signal) => {
      process.off("SIGTERM", stop);
      resolve({ code: code ?? (signal === "SIGINT" ? 130 : 143), output: text });
    });
  });
}
