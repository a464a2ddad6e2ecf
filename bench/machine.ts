// What a figure was measured on.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

/** The repository: this file runs as `.cache/bench-js/bench/machine.js`. */
export const root = path.resolve(import.meta.dirname, "..", "..", "..");

/** Threads that ours and every peer may use. */
export const THREADS = 2;

/** Processor, cores, memory and Node, in one line. */
export function machine(): string {
  const cpus = os.cpus();
  const model = (cpus[0]?.model ?? os.arch()).replaceAll(/\s+/g, " ").trim();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return `${model}, ${cpus.length} cores, ${memory} GiB, ${os.platform()}, Node ${process.versions.node}`;
}

/** Processes that want to run, a core, over the last minute; the benchmark itself counts for up to 1. */
export function load(): number {
  return os.loadavg()[0]! / os.cpus().length;
}

/** This process's own peak memory in MB; the system's `maxRSS` would count the peak of the process that started it. */
export function peakMb(): number {
  try {
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
    if (peak !== null) return Number(peak[1]) / 1024;
  } catch {
    // Not Linux: there the inherited peak is the best there is.
  }
  return process.resourceUsage().maxRSS / 1024;
}

/** What a task in a fresh process took: its time, and the peak memory of the process. */
export interface Once {
  readonly ms: number;
  readonly peakMb: number;
  /** Memory before the task, in MB. */
  readonly restMb: number;
}

/**
 * Runs this program again with `--once TASK` in a fresh process and reads the line of JSON it prints.
 *
 * @throws Error with the process's own words when it fails
 */
export function once(task: string): Once {
  const args = ["--expose-gc", path.join(import.meta.dirname, "run.js"), "--once", task];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`--once ${task} failed: ${stderr.trim().split("\n").at(-1)}`);
  return JSON.parse(stdout) as Once;
}
