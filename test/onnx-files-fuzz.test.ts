// Folders with ONNX models that somebody damaged, 3,000 times: opened, listed and run, or taken apart and written anew, each ends with a
// result or a PatchClampError, soon, in little memory, and touches nothing outside the folder. Seeds are fixed, so that a failure comes
// back. What single operators make of wild numbers is tested in onnx-fuzz.test.ts.

import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";

import { openOnnx } from "../src/checkpoints/open-onnx.ts";
import type { Files } from "../src/core/files.ts";
import { memoryFiles } from "../src/core/files.ts";
import { readModel } from "../src/onnx/model.ts";
import { surgery } from "../src/onnx/surgery/index.ts";
import { nodeFiles } from "../src/runtime/node-files.ts";
import type { AllocationCount } from "./fuzz/allocations.ts";
import { countAllocations } from "./fuzz/allocations.ts";
import { mutatedModel } from "./fuzz/onnx-files.ts";
import { outcomeOf } from "./fuzz/trial.ts";
import { Watchdog } from "./fuzz/watchdog.ts";

/** Time of the processor that one case may take, ms; and array buffers that it may ask for, bytes. */
const [LIMIT_MS, LIMIT_BYTES] = [2000, 2 ** 27];
/** Of a whole test, ms. */
const timeout = 300_000;

let allocated: AllocationCount;
let watchdog: Watchdog;

beforeAll(() => {
  allocated = countAllocations();
  watchdog = new Watchdog();
});

afterAll(() => {
  watchdog[Symbol.dispose]();
  allocated[Symbol.dispose]();
});

const golden = nodeFiles("test/golden/onnx");
const seeds = await Promise.all(
  [
    "surgery/bodies.onnx",
    "surgery/decoder.onnx",
    "surgery/external.onnx",
    "surgery/quantised.onnx",
    "surgery/shapes.onnx",
    "quantised/bert-fused.onnx",
    "quantised/resnet-qlinear.onnx",
    "exports/bert-fused.onnx",
    "exports/gpt2-dynamo.onnx",
  ].map(async (path) => new Uint8Array(await golden.read(path))),
);

/** A folder of which every path that is asked for is looked at. */
function watched(contents: Readonly<Record<string, Uint8Array>>): Files & { asked: Set<string> } {
  const files = memoryFiles(contents);
  const asked = new Set<string>();
  const look =
    <A extends readonly unknown[], R>(fn: (path: string, ...rest: A) => R) =>
    (path: string, ...rest: A): R => {
      asked.add(path);
      return fn(path, ...rest);
    };
  return {
    ...files,
    exists: look(files.exists),
    size: look(files.size),
    read: look(files.read),
    readRange: look(files.readRange),
    write: look(files.write),
    asked,
  };
}

const isInside = (path: string): boolean =>
  path !== "" && !/^[/\\]|^[a-z]:|\0/i.test(path) && !path.split(/[/\\]/).includes("..");

/** Runs damaged folders; both outcomes must occur often, or the damage tests nothing. */
async function check(numRuns: number, act: (files: Files) => Promise<void>): Promise<void> {
  const tally = { accepted: 0, refused: 0 };
  const models = fc.oneof(...seeds.map(mutatedModel));
  await fc.assert(
    fc.asyncProperty(models, async (bytes) => {
      const weights = new Uint8Array(4096);
      const files = watched({ "model.onnx": bytes, weights, "weights/a": weights });
      const [start, before] = [process.cpuUsage(), allocated.bytes()];
      watchdog.beat();
      tally[await outcomeOf(() => act(files))] += 1;
      watchdog.beat();
      const { user, system } = process.cpuUsage(start);
      expect((user + system) / 1000).toBeLessThan(LIMIT_MS);
      expect(allocated.bytes() - before).toBeLessThan(LIMIT_BYTES);
      expect([...files.asked].filter((path) => !isInside(path))).toEqual([]);
    }),
    { seed: 20, numRuns },
  );
  expect(Math.min(tally.accepted, tally.refused) / numRuns).toBeGreaterThan(0.1);
}

test(
  "damaged models open, list their sites and run, or are refused",
  async () => {
    await check(2000, async (files) => {
      const network = await openOnnx(files, "model.onnx");
      const names = network.sites().map(({ name }) => name);
      const example = network.definition.example();
      const pass = network.trace(example);
      const elements = names.reduce((sum, name) => sum + pass.at(name).size, 0);
      // the others would show no more
      if (names.length < 40 && elements < 1e5) await network.run(example);
    });
  },
  timeout,
);

test(
  "damaged models are edited and written as models, or are refused",
  async () => {
    await check(1000, async (files) => {
      const model = await surgery({ files, path: "model.onnx" });
      const values = model.values();
      const name = values[Math.floor(values.length / 2)]?.name;
      if (name === undefined) return;
      const edited = model
        .expose(name)
        .rename({ [name]: `${name}_seen` })
        .strip();
      const { written } = await edited.cutAfter(`${name}_seen`).save(files, "edited.onnx");
      expect(written.filter((path) => !isInside(path))).toEqual([]);
      readModel("test", await files.read("edited.onnx"));
    });
  },
  timeout,
);
