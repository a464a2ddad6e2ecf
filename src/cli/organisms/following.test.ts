import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { HistoryRecorder, readHistory } from "../../organisms/history.ts";
import { openAny } from "../../organisms/load-network.ts";
import { stories } from "../../organisms/stories.ts";
import { trainOrganism } from "../../organisms/train.ts";
import type { OrganismTraining } from "../../organisms/train.ts";
import { nodeFiles } from "../../runtime/node-files.ts";
import type { Host } from "../command.ts";
import { follow } from "./following.ts";

/** All that following a run asks of a host. */
const host = { bars: undefined, color: 0 } as unknown as Host;

const organism = { ...stories, recipe: { ...stories.recipe, moments: [0, 2] } };

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "patchclamp-follow-"));
});
afterEach(() => rm(out, { recursive: true }));

const followed = async (training: OrganismTraining, done = 0): Promise<string[]> => {
  const lines: string[] = [];
  await follow(training, {
    host,
    organism,
    done,
    out,
    steps: 2,
    recorder: new HistoryRecorder(2),
    state: nodeFiles(join(out, "training")),
    note: (line) => lines.push(line),
  });
  return lines;
};

test("the moments of a recipe are kept as networks that open, the first before any update", async () => {
  await followed(await trainOrganism(organism, { steps: 2 }));
  const [first, , last] = [0, 1, 2].map((step) => nodeFiles(join(out, `checkpoints/${step}`)));
  expect(await nodeFiles(join(out, "checkpoints/1")).list()).toEqual([]);
  const [before, after] = [
    await first!.read("model.safetensors"),
    await last!.read("model.safetensors"),
  ];
  expect(Buffer.compare(before, after)).not.toBe(0);
  expect(await openAny(last!)).toMatchObject({ kind: "decoder" });
});

test("a line tells what was measured on the way, but not at the end, where the card tells it", async () => {
  const evaluate = { every: 1, count: 2 };
  const lines = await followed(await trainOrganism(organism, { steps: 2, evaluate }));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^step 1: loss \d\.\d{3}, 0 of 3 skills hold; furthest below: \w/);
});

test("a run that is stopped says how to go on", async () => {
  const signal = AbortSignal.abort();
  const training = await trainOrganism(organism, { steps: 2, signal });
  await expect(followed(training, 1)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: organisms train: stopped after 0 of 2 steps.
      fix: to go on, give the same command with --resume behind it.]
  `);
  expect(await readHistory(nodeFiles(join(out, "training")))).toEqual({ losses: [], scores: [] });
  expect(await nodeFiles(join(out, "training")).exists("history.json")).toBe(true);
});
