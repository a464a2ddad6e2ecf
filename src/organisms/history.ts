// How a training run went: losses and scores by step, kept beside its state so that a resumed run has all of it.

import type { Files } from "../core/files.ts";
import { readJson } from "../core/files.ts";
import type { TrainProgress } from "../nn/index.ts";

/** Losses are means over so many steps that a whole run has about this many of them. */
const POINTS = 200;

/** A run so far. Steps are counted from 1. */
export interface History {
  /** Mean loss since the record before, in nats. */
  readonly losses: readonly { readonly step: number; readonly loss: number }[];
  /** Held-out scores by skill, 0..1. */
  readonly scores: readonly {
    readonly step: number;
    readonly scores: Readonly<Record<string, number>>;
  }[];
}

const FILE = "history.json";

/** Gathers the history of a run. */
export class HistoryRecorder {
  #losses: History["losses"][number][] = [];
  #scores: History["scores"][number][] = [];
  #sum = 0;
  #count = 0;
  readonly #window: number;

  /** @param steps - how many the whole run has */
  constructor(steps: number) {
    this.#window = Math.max(1, Math.round(steps / POINTS));
  }

  /** Takes up what an earlier process recorded before `step`, the number of steps done. */
  resume({ losses, scores }: History, step: number): void {
    this.#losses = losses.filter((point) => point.step <= step);
    this.#scores = scores.filter((point) => point.step <= step);
  }

  add({ step, loss, evaluation }: TrainProgress): void {
    this.#sum += loss;
    this.#count++;
    if ((step + 1) % this.#window === 0) {
      this.#losses.push({ step: step + 1, loss: this.#sum / this.#count });
      this.#sum = 0;
      this.#count = 0;
    }
    if (evaluation !== undefined) this.#scores.push({ step: step + 1, scores: evaluation });
  }

  get history(): History {
    return { losses: this.#losses, scores: this.#scores };
  }
}

/** The history that a folder holds; nothing yet where there is none. */
export async function readHistory(files: Files): Promise<History> {
  if (!(await files.exists(FILE))) return { losses: [], scores: [] };
  return (await readJson("organisms", files, FILE)) as History;
}

/** Writes a history, numbers to five digits. */
export async function writeHistory(files: Files, history: History): Promise<void> {
  const text = JSON.stringify(history, (_, value: unknown) =>
    typeof value === "number" ? Number(value.toPrecision(5)) : value,
  );
  await files.write(FILE, new TextEncoder().encode(`${text}\n`));
}
