import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { cli } from "../../test/cli-host.ts";
import { checkReport } from "./organisms.ts";
import { organismNamed } from "../organisms/catalog.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "patchclamp-train-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("training for one step writes a network with its card, and leaves no training state behind", async () => {
  const { exitCode, stdout, stderr } = await cli(
    "organisms",
    "train",
    "stories",
    "--steps",
    "1",
    "--count",
    "4",
    "--out",
    folder,
    "--json",
  );
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ out: folder, name: "stories", steps: 1 });
  expect(stderr).toMatch(/^step 1: loss \d/);
  expect(await readdir(folder)).toEqual([
    "card.json",
    "config.json",
    "history.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
  ]);
});

test("an organism below one of its bars does not keep its promises", async () => {
  const stories = await organismNamed("stories");
  const scores = Object.fromEntries(
    stories.skills.map(({ name, bar }, i) => [name, i === 0 ? bar - 0.01 : bar]),
  );
  const [section] = checkReport(stories, scores).sections;
  expect(section).toMatchObject({
    kind: "claims",
    claims: [{ holds: false }, { holds: true }, { holds: true }],
  });
});
