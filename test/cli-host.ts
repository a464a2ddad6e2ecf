// A host that collects what a command prints, for tests.

import { Readable } from "node:stream";

import { runCli } from "../src/cli/cli.ts";
import type { Host } from "../src/cli/command.ts";

/** What a command line did. */
export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line without a terminal: no colour, no progress bars, 80 columns, nothing typed. */
export async function cli(...argv: string[]): Promise<CliResult> {
  return cliWith({}, ...argv);
}

/** Runs one command line in a world that differs from that of `cli`. */
export async function cliWith(world: Partial<Host>, ...argv: string[]): Promise<CliResult> {
  let [stdout, stderr] = ["", ""];
  let now = 0;
  const host: Host = {
    stdin: Readable.from([]),
    width: 80,
    color: 0,
    bars: undefined,
    clock: () => now++,
    interrupted: () => new AbortController().signal,
    ...world,
    stdout: (text) => {
      stdout += text;
      world.stdout?.(text);
    },
    stderr: (text) => {
      stderr += text;
      world.stderr?.(text);
    },
  };
  const exitCode = await runCli(argv, host);
  return { exitCode, stdout, stderr };
}
