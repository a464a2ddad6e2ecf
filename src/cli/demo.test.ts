import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { cli } from "../../test/cli-host.ts";
import type { CliResult } from "../../test/cli-host.ts";
import { tryNext } from "./demo.ts";
import type { DosePoint } from "./demo/dose.ts";

let folder: string;
let told: CliResult;
let found: Found;

/** What `demo --json` prints, as far as it is read here. */
interface Found {
  page: string;
  seconds: Record<string, number>;
  predict: { answer: string; next: { token: string }[]; lastPosition: { token: string }[] };
  mood: { steered: DosePoint[]; random: DosePoint[] };
  claims: { sentence: string; holds: boolean }[];
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "patchclamp-demo-"));
  told = await cli("demo", "--out", folder, "--json");
  found = JSON.parse(told.stdout) as Found;
}, 180_000);
afterAll(() => rm(folder, { recursive: true }));

test("the demonstration ends well, and every claim it makes holds", () => {
  expect(told).toMatchObject({ exitCode: 0, stderr: "" });
  expect(found.claims).toHaveLength(3);
  expect(found.claims.filter(({ holds }) => !holds)).toEqual([]);
});

test("the last layer of the lens says the receiver", () => {
  const { answer, next, lastPosition } = found.predict;
  expect(next[0]!.token).toBe(answer);
  expect(lastPosition.at(-1)!.token).toBe(answer);
  expect(lastPosition[0]!.token).not.toBe(answer);
});

test("endings are sad at one end of the strengths, happy at the other, and either in between", () => {
  const share = (strength: number): number => {
    const { happy, total } = at(found.mood.steered, strength);
    return happy / total;
  };
  expect(share(-6)).toBeLessThan(0.1);
  expect(share(0)).toBeGreaterThan(0.2);
  expect(share(0)).toBeLessThan(0.8);
  expect(share(6)).toBeGreaterThan(0.8);
});

test("endings at strength 0 are no more surprising than those of the control, and at -6 they are", () => {
  const { steered, random } = found.mood;
  const plain = at(steered, 0).surpriseNats;
  // other draws for the same 32 stories: their mean surprise differs by about 0.1 nats
  expect(Math.abs(plain - at(random, 0).surpriseNats)).toBeLessThan(0.3);
  expect(at(steered, -6).surpriseNats).toBeGreaterThan(plain + 0.5);
});

test("it leaves a page with every chapter, the pairs and beginnings to try them on", async () => {
  const page = await readFile(join(folder, "index.html"), "utf8");
  const titles = Object.keys(found.seconds);
  expect(await readdir(folder)).toEqual(["index.html", "mood-pairs.jsonl", "sad-beginnings.txt"]);
  expect(found.page).toBe(join(folder, "index.html"));
  expect(titles).toHaveLength(3);
  expect(titles.filter((title) => !page.includes(title))).toEqual([]);
});

test("what it proposes to try next works as it stands", async () => {
  for (const [, line] of tryNext(folder)) {
    const words = (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ""));
    expect(words.slice(0, 2)).toEqual(["npx", "patchclamp"]);
    // the one file that would be written beside the repository's own
    const argv = words
      .slice(2)
      .map((word) => (word.endsWith(".safetensors") ? join(folder, word) : word));
    expect(await cli(...argv)).toMatchObject({ exitCode: 0 });
  }
});

function at(points: readonly DosePoint[], strength: number): DosePoint {
  return points.find((point) => point.strength === strength)!;
}
