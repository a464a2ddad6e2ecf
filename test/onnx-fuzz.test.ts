// 5,000 damaged and altered ONNX models: each is run or refused with a PatchClampError, in little time. Seeds are fixed, so that a
// failure comes back.

import * as fc from "fast-check";
import { afterAll, expect, test } from "vitest";

import { constantOf } from "../src/onnx/import/data.ts";
import { importHandlers } from "../src/onnx/import/index.ts";
import { runModel } from "../src/onnx/import/run.ts";
import { readModel } from "../src/onnx/model.ts";
import type { Tensor } from "../src/runtime/index.ts";
import { evaluate } from "../src/runtime/index.ts";
import { damagedBytes } from "./fuzz/bytes.ts";
import type { Given } from "./fuzz/onnx.ts";
import { alteredModels } from "./fuzz/onnx.ts";
import { outcomeOf } from "./fuzz/trial.ts";
import { Watchdog } from "./fuzz/watchdog.ts";
import type { NodeCase } from "./onnx-nodes.ts";
import { givenOf, readCases } from "./onnx-nodes.ts";

const watchdog = new Watchdog();
afterAll(() => watchdog[Symbol.dispose]());

const { cases } = readCases();

/** Time of the processor that one model may take. */
const LIMIT_MS = 2000;
/** Elements up to which what a model makes is computed. */
const COMPUTED = 1e5;

async function run({ model, values }: Given): Promise<void> {
  const all = new Map(values);
  for (const data of model.graph.initializers)
    if (!all.has(data.name)) all.set(data.name, constantOf("importGraph", data));
  const form = { where: "importGraph", handlers: importHandlers, tap: (_: string, x: Tensor) => x };
  const outputs = runModel(model, all, form);
  if (outputs.reduce((sum, { size }) => sum + size, 0) > COMPUTED) return;
  await evaluate(outputs);
  for (const y of outputs) expect((await y.data()).length).toBe(y.size);
}

/** Runs models; both outcomes must occur often, or the changes test nothing. */
async function check<T>(
  models: fc.Arbitrary<T>,
  numRuns: number,
  act: (one: T) => Promise<void>,
): Promise<{ accepted: number; refused: number }> {
  const tally = { accepted: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(models, async (one) => {
      const start = process.cpuUsage();
      watchdog.beat();
      tally[await outcomeOf(() => act(one))] += 1;
      watchdog.beat();
      const { user, system } = process.cpuUsage(start);
      expect((user + system) / 1000).toBeLessThan(LIMIT_MS);
    }),
    { seed: 20, numRuns },
  );
  return tally;
}

/** The inputs of a case as data; undefined where they are none that are held. */
function wholeOf(one: NodeCase): Given | undefined {
  const model = readModel("importGraph", one.model);
  try {
    return { model, values: givenOf(one, model) };
  } catch {
    return undefined;
  }
}

test("damaged files are run or refused", async () => {
  const files = fc
    .constantFrom(...cases)
    .chain((one) => damagedBytes(one.model).map((bytes) => ({ one, bytes })));
  const tally = await check(files, 2000, async ({ one, bytes }) => {
    const model = readModel("importGraph", bytes);
    await run({ model, values: givenOf(one, model) });
  });
  expect(Math.min(tally.accepted, tally.refused)).toBeGreaterThan(40);
});

test("models with wild attributes, numbers, shapes and operators are run or refused", async () => {
  const whole = cases.map(wholeOf).filter((given) => given !== undefined);
  const tally = await check(alteredModels(whole), 3000, run);
  expect(Math.min(tally.accepted, tally.refused)).toBeGreaterThan(300);
});
