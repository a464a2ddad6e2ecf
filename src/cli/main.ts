#!/usr/bin/env node
// The program `patchclamp`.

import process from "node:process";

import chalk from "chalk";

import { runCli } from "./cli.ts";
import type { Host } from "./command.ts";

/** What remains readable; wider terminals get this much. */
const widestColumns = 120;

function terminal(): Host {
  const { stdin, stdout, stderr, env } = process;
  return {
    stdout: (text) => void stdout.write(text),
    stderr: (text) => void stderr.write(text),
    stdin,
    width: Math.min(widestColumns, stdout.columns ?? (Number(env["COLUMNS"]) || 80)),
    color: env["NO_COLOR"] ? 0 : chalk.level,
    bars: stderr.isTTY ? stderr : undefined,
    clock: () => performance.now(),
    interrupted: () => {
      const controller = new AbortController();
      process.once("SIGINT", () => controller.abort(new Error("Ctrl-C")));
      return controller.signal;
    },
  };
}

// A reader such as `head` that has seen enough is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

void runCli(process.argv.slice(2), terminal()).then((exitCode) => (process.exitCode = exitCode));
