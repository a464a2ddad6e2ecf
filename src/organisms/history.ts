// How a training run went: losses and scores by step, kept beside its state so that a resumed run has all of it.

import type { Files } from "../core/files.ts";
import { readJson } from "../core/files.ts";
import type { TrainProgress } from "../nn/index.ts";

/** Losses are means over so many steps that a whole run has about this many of them. */
const POINTS = 200;

/** Losses of a stretch of steps. */
export interface LossPoint {
  /** Updates that were made. */
  readonly step: number;
  /** Mean since the point before, in the loss function's unit: nats for what predicts tokens. */
  readonly loss: number;
  /** Minutes that all updates so far took, measurements not counted; absent where nobody looked at a clock. */
  readonly minutes?: number;
}

/** A run so far. Steps are counted from 1. */
export interface History {
  readonly losses: readonly LossPoint[];
  /** Held-out scores by skill, 0..1. */
  readonly scores: readonly {
    readonly step: number;
    readonly scores: Readonly<Record<string, number>>;
  }[];
}

const FILE = "history.json";

/** Gathers the history of a run. */
export class HistoryRecorder {
  #losses: LossPoint[] = [];
  #scores: History["scores"][number][] = [];
  #minutes: number | undefined;
  #sum = 0;
  #count = 0;
  #step = 0;
  readonly #window: number;

  /** @param steps - how many the whole run has */
  constructor(steps: number) {
    this.#window = Math.max(1, Math.round(steps / POINTS));
  }

  /** Takes up what an earlier process recorded before `step`, the number of steps done. */
  resume({ losses, scores }: History, step: number): void {
    this.#losses = losses.filter((point) => point.step <= step);
    this.#scores = scores.filter((point) => point.step <= step);
    this.#minutes = this.#losses.at(-1)?.minutes;
  }

  /**
   * Takes up a step.
   *
   * @returns whether the history has a new point, so that it is worth writing
   */
  add({ step, loss, stepMs, evaluation }: TrainProgress): boolean {
    this.#sum += loss;
    this.#count++;
    this.#step = step + 1;
    if (stepMs !== undefined) this.#minutes = (this.#minutes ?? 0) + stepMs / 60_000;
    if (evaluation !== undefined) this.#scores.push({ step: this.#step, scores: evaluation });
    const isFull = this.#step % this.#window === 0;
    if (isFull) {
      this.#losses.push(this.#point());
      this.#sum = 0;
      this.#count = 0;
    }
    return isFull || evaluation !== undefined;
  }

  /** All of it, the steps since the last full stretch as a shorter one. */
  get history(): History {
    const rest = this.#count === 0 ? [] : [this.#point()];
    return { losses: [...this.#losses, ...rest], scores: [...this.#scores] };
  }

  /** Minutes that all updates took, those of earlier processes included; undefined where nobody looked at a clock. */
  get minutes(): number | undefined {
    return this.#minutes;
  }

  #point(): LossPoint {
    const minutes = this.#minutes === undefined ? {} : { minutes: this.#minutes };
    return { step: this.#step, loss: this.#sum / this.#count, ...minutes };
  }
}

/** The history that a folder holds; nothing yet where there is none. */
export async function readHistory(files: Files): Promise<History> {
  if (!(await files.exists(FILE))) return { losses: [], scores: [] };
  return (await readJson("organisms", files, FILE)) as History;
}

/** Writes a history, numbers to five digits, a point a line. */
export async function writeHistory(files: Files, history: History): Promise<void> {
  const list = (points: readonly object[]): string =>
    `[${points.map((point) => `\n    ${JSON.stringify(point, fiveDigits)}`).join(",")}\n  ]`;
  const text = `{\n  "losses": ${list(history.losses)},\n  "scores": ${list(history.scores)}\n}\n`;
  await files.write(FILE, new TextEncoder().encode(text));
}

/** Steps stay whole however many there are. */
function fiveDigits(key: string, value: unknown): unknown {
  return typeof value === "number" && key !== "step" ? Number(value.toPrecision(5)) : value;
}
