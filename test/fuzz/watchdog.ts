// An endless loop keeps its process from running any timer, that of the test too, so another thread watches.

import { Worker } from "node:worker_threads";

/** How long one case may keep the process, in ms of a clock on the wall: far above the limit, for a machine that does much else. */
const PATIENCE_MS = 30_000;

const WATCH = `
const { writeSync } = require("node:fs");
const { workerData: { beats, patienceMs } } = require("node:worker_threads");
for (;;) {
  const before = Atomics.load(beats, 0);
  const woke = Atomics.wait(beats, 0, before, patienceMs);
  if (Atomics.load(beats, 1) === 1) break;
  if (woke !== "timed-out" || before % 2 === 0) continue;
  writeSync(2, "fuzz: case " + (before + 1) / 2 + " of this file hangs\\n");
  process.kill(process.pid, "SIGKILL");
}`;

/** Ends the process, and so fails its tests, when a case never ends. */
export class Watchdog implements Disposable {
  /** Odd while a case runs; and whether all are done. */
  readonly #beats = new Int32Array(new SharedArrayBuffer(8));

  constructor() {
    const workerData = { beats: this.#beats, patienceMs: PATIENCE_MS };
    new Worker(WATCH, { eval: true, workerData }).unref();
  }

  /** Says that a case begins or ends. */
  beat(): void {
    Atomics.add(this.#beats, 0, 1);
    Atomics.notify(this.#beats, 0);
  }

  [Symbol.dispose](): void {
    Atomics.store(this.#beats, 1, 1);
    this.beat();
  }
}
