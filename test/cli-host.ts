// A host that collects what a command prints, for tests.

import { runCli } from "../src/cli/cli.ts";
import type { Host } from "../src/cli/command.ts";

/** What a command line did. */
export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line without a terminal: no colour, no progress bars, 80 columns. */
export async function cli(...argv: string[]): Promise<CliResult> {
  let [stdout, stderr] = ["", ""];
  let now = 0;
  const host: Host = {
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    width: 80,
    color: 0,
    bars: undefined,
    clock: () => now++,
    interrupted: () => new AbortController().signal,
  };
  const exitCode = await runCli(argv, host);
  return { exitCode, stdout, stderr };
}
