// A training run is killed without warning, twice, and goes on as if nothing had happened.

import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

import { expect, test } from "vitest";

import { trainingStore } from "../src/checkpoints/training.ts";
import type { TrainingState } from "../src/nn/index.ts";
import { nodeFiles } from "../src/runtime/node-files.ts";
import { STEPS, training } from "./resume/run.ts";

const CHILD = path.join(import.meta.dirname, "resume", "child.mjs");

/** Starts the run in a folder, kills it once it has printed `lines` lines, and returns what it printed. */
async function runAndKill(folder: string, lines: number): Promise<[step: number, loss: number][]> {
  const child = spawn(process.execPath, [CHILD, folder], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  let complaint = "";
  child.stderr.on("data", (text: Buffer) => (complaint += text.toString()));
  const printed: [number, number][] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [step, loss] = line.split(" ").map(Number);
    printed.push([step!, loss!]);
    if (printed.length === lines) child.kill("SIGKILL");
  }
  const [code, signal] = (await exited) as [number | null, string | null];
  if (code !== 0 && signal !== "SIGKILL")
    throw new Error(`the run ended with ${code}:\n${complaint}`);
  return printed;
}

test("a run killed at any moment goes on with the same losses and ends with the same parameters", async () => {
  const expected: number[] = [];
  const straight = memory();
  for await (const { loss } of training(straight.store)) expected.push(loss);

  const folder = await fs.mkdtemp(path.join(os.tmpdir(), "patchclamp-resume-"));
  try {
    const losses: number[] = [];
    const starts: number[] = [];
    for (const lines of [7, 13, STEPS]) {
      const printed = await runAndKill(folder, lines);
      starts.push(printed[0]![0]);
      for (const [step, loss] of printed) losses[step] = loss;
    }
    expect(losses).toEqual(expected);
    // each process took up where the one before had saved last: after the steps it printed, or a little further
    expect(starts[0]).toBe(0);
    expect(starts[1]).toBeGreaterThanOrEqual(7);
    expect(starts[2]).toBeGreaterThanOrEqual(starts[1]! + 13);
    const last = await trainingStore(nodeFiles(folder)).load();
    expect(last).toEqual(straight.last());
  } finally {
    await fs.rm(folder, { recursive: true });
  }
});

/** A store that keeps the last state. */
function memory() {
  let last: TrainingState | undefined;
  const save = async (state: TrainingState): Promise<void> => {
    const tensors = new Map(
      [...state.tensors].map(
        ([name, { shape, data }]) => [name, { shape, data: data.slice() }] as const,
      ),
    );
    last = { ...state, tensors };
  };
  return { store: { save, load: async () => undefined }, last: () => last };
}
