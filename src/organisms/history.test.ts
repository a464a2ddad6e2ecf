import { expect, test } from "vitest";

import { memoryFiles } from "../core/files.ts";
import type { TrainProgress } from "../nn/index.ts";
import { HistoryRecorder, readHistory, writeHistory } from "./history.ts";

/** A step that took half a minute. */
const progress = (step: number, more: Partial<TrainProgress> = {}): TrainProgress => ({
  step,
  loss: step,
  gradNorm: 1,
  learningRate: 0.1,
  metrics: {},
  stepMs: 30_000,
  ...more,
});

function recorded(recorder: HistoryRecorder, from: number, to: number): void {
  for (let step = from; step < to; step++) recorder.add(progress(step));
}

test("a long run has about 200 losses, each the mean of its stretch", () => {
  const recorder = new HistoryRecorder(1000);
  recorded(recorder, 0, 1000);
  const { losses } = recorder.history;
  expect(losses).toHaveLength(200);
  expect(losses[1]).toEqual({ step: 10, loss: 7, minutes: 5 }); // steps 5 to 9
});

test("steps that fill no stretch are not lost", () => {
  const recorder = new HistoryRecorder(1000);
  recorded(recorder, 0, 7);
  expect(recorder.history.losses).toEqual([
    { step: 5, loss: 2, minutes: 2.5 },
    { step: 7, loss: 5.5, minutes: 3.5 },
  ]);
  expect(recorder.minutes).toBe(3.5);
});

test("a resumed run keeps the losses, scores and minutes of the steps that were saved, and no others", async () => {
  const before = new HistoryRecorder(1000);
  recorded(before, 0, 10);
  before.add(progress(10, { evaluation: { talk: 0.5 } }));
  recorded(before, 11, 20);
  const files = memoryFiles();
  await writeHistory(files, before.history);

  const after = new HistoryRecorder(1000);
  after.resume(await readHistory(files), 15);
  recorded(after, 15, 20);
  expect(after.history).toEqual(before.history);
  expect(after.minutes).toBe(10);

  const early = new HistoryRecorder(1000);
  early.resume(await readHistory(files), 5);
  expect(early.history).toEqual({ losses: before.history.losses.slice(0, 1), scores: [] });
  expect(early.minutes).toBe(2.5);
});

test("a run without a clock has no minutes", () => {
  const recorder = new HistoryRecorder(2);
  const { stepMs: _, ...timeless } = progress(0);
  recorder.add(timeless);
  expect(recorder.minutes).toBeUndefined();
  expect(recorder.history.losses).toEqual([{ step: 1, loss: 0 }]);
});

test("a history is worth writing when it has a new loss or new scores", () => {
  const recorder = new HistoryRecorder(400);
  expect(recorder.add(progress(0))).toBe(false);
  expect(recorder.add(progress(1))).toBe(true);
  expect(recorder.add(progress(2, { evaluation: {} }))).toBe(true);
});

test("numbers are written to five digits, but steps in full", async () => {
  const files = memoryFiles();
  await writeHistory(files, {
    losses: [{ step: 1_234_567, loss: 1 / 3 }],
    scores: [{ step: 1_234_567, scores: { talk: 2 / 3 } }],
  });
  expect(await readHistory(files)).toEqual({
    losses: [{ step: 1_234_567, loss: 0.33333 }],
    scores: [{ step: 1_234_567, scores: { talk: 0.66667 } }],
  });
});

test("a folder without a history has an empty one", async () => {
  expect(await readHistory(memoryFiles())).toEqual({ losses: [], scores: [] });
});
