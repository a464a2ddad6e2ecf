// A progress bar on standard error, where somebody sees it.

import { SingleBar } from "cli-progress";

import type { Host } from "./command.ts";

/** Shows how far something has come. */
export interface Progress {
  readonly update: (done: number, detail?: string) => void;
  readonly stop: () => void;
}

/** Starts a bar; on anything but a terminal it stays invisible. */
export function progress({ bars, color }: Host, label: string, total: number): Progress {
  if (bars === undefined) return { update: () => undefined, stop: () => undefined };
  const isFancy = color > 0;
  const bar = new SingleBar({
    format: `${label} {bar} {value}/{total}  {detail}  {eta_formatted} left`,
    barCompleteChar: isFancy ? "━" : "#",
    barIncompleteChar: isFancy ? "╌" : "-",
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stream: bars,
  });
  bar.start(total, 0, { detail: "" });
  return { update: (done, detail = "") => bar.update(done, { detail }), stop: () => bar.stop() };
}

/** A line that says what is going on, and goes away; on anything but a terminal it stays invisible. */
export interface Status {
  readonly say: (what: string) => void;
  readonly clear: () => void;
}

/** Starts a status line. */
export function status({ bars, width }: Host): Status {
  const write = (line: string): void => void bars?.write(`\r\u001B[2K${line}`);
  return { say: (what) => write(`… ${what}`.slice(0, width - 1)), clear: () => write("") };
}
