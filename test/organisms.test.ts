// Every organism is what its card and its recipe say, and keeps its promises on samples that its card did not use.

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import type { Files } from "../src/core/files.ts";
import { readJson } from "../src/core/files.ts";
import { leaves } from "../src/core/tree.ts";
import { checkWeights, readCard, recipeNumbers } from "../src/organisms/card.ts";
import type { Card } from "../src/organisms/card.ts";
import { allOrganisms } from "../src/organisms/catalog.ts";
import { openAny } from "../src/organisms/load-network.ts";
import type { Organism, OrganismNetwork } from "../src/organisms/organism.ts";
import { organismPage, percent } from "../src/organisms/page.ts";
import { organismFolder } from "../src/organisms/place.ts";
import { measureSkills } from "../src/organisms/train.ts";
import type { Tensor } from "../src/runtime/index.ts";
import { nodeFiles } from "../src/runtime/node-files.ts";

/** An organism that has been trained. */
interface Trained {
  readonly name: string;
  readonly organism: Organism;
  readonly folder: string;
  readonly files: Files;
  readonly card: Card;
}

const organisms = await allOrganisms();
const trained: Trained[] = [];
for (const organism of organisms) {
  const folder = fileURLToPath(organismFolder(organism.name));
  const files = nodeFiles(folder);
  const card = await readCard(files);
  if (card !== undefined) trained.push({ name: organism.name, organism, folder, files, card });
}

test("every organism has been trained", () => {
  const missing = organisms.filter(({ name }) => !trained.some((one) => one.name === name));
  expect(missing.map(({ name }) => name)).toEqual([]);
});

test("the guide has a row for every organism", () => {
  const guide = fs.readFileSync(new URL("../docs/guide/organisms.md", import.meta.url), "utf8");
  const rows = guide.split("\n").filter((line) => line.startsWith("| `"));
  const named = rows.flatMap((row) => row.split("|")[1]!.match(/[a-z0-9-]+/g) ?? []);
  expect(named).toEqual(expect.arrayContaining(organisms.map(({ name }) => name)));
});

/** What chance does more rarely than this is not put down to chance. */
const RARE = 1e-4;

/** All organisms together are measured in about a minute: a skill is measured on fewer samples where there are many. */
const samplesOf = ({ skills }: Organism): number =>
  Math.round(Math.min(150, Math.max(20, 440 / skills.length)));

const opened = new Map<string, Promise<OrganismNetwork>>();
const measured = new Map<string, Promise<Record<string, number>>>();

/** Each organism is opened once. */
async function networkOf({ name, files }: Trained): Promise<OrganismNetwork> {
  const open = async (): Promise<OrganismNetwork> =>
    (await openAny(files, { name: `organism:${name}` })).network as OrganismNetwork;
  if (!opened.has(name)) opened.set(name, open());
  return opened.get(name)!;
}

/** Each organism is measured once, on samples of another seed than its card's. */
async function freshScores(one: Trained): Promise<Record<string, number>> {
  const { name, organism } = one;
  const measure = async (): Promise<Record<string, number>> =>
    measureSkills(organism, await networkOf(one), { seed: 31, count: samplesOf(organism) });
  if (!measured.has(name)) measured.set(name, measure());
  return measured.get(name)!;
}

test.each(trained)(
  "organism:$name scores on fresh samples as its card says, no better and no worse than chance allows once in 10,000 times",
  async (one) => {
    const fresh = await freshScores(one);
    const n = samplesOf(one.organism);
    const off = Object.entries(one.card.scores).filter(([skill, { score, samples }]) => {
      const hits = Math.round(fresh[skill]! * n);
      const all = hits + Math.round(score * samples);
      // Fisher's exact test: how all hits would fall to the two samples if both were of one share
      const share = (i: number): number =>
        (choose(all, i) * choose(n + samples - all, n - i)) / choose(n + samples, n);
      return Math.min(sum(0, hits, share), sum(hits, n, share)) < RARE;
    });
    expect(off.map(([skill, { score }]) => [skill, { card: score, fresh: fresh[skill] }])).toEqual(
      [],
    );
  },
);

test.each(trained)(
  "organism:$name is below no bar on fresh samples by more than chance allows once in 10,000 times, but where its card says so",
  async (one) => {
    const fresh = await freshScores(one);
    const n = samplesOf(one.organism);
    const low = Object.entries(one.card.scores).filter(([skill, { score, bar }]) => {
      const hits = Math.round(fresh[skill]! * n);
      const share = (i: number): number => choose(n, i) * bar ** i * (1 - bar) ** (n - i);
      return score >= bar && sum(0, hits, share) < RARE;
    });
    expect(low.map(([skill, { bar }]) => [skill, { bar, fresh: fresh[skill] }])).toEqual([]);
  },
);

test.each(trained)("the weights of organism:$name are those of its card", async (one) => {
  await expect(checkWeights("test", one.card, one.files)).resolves.toBeUndefined();
});

test.each(trained)("one other bit in the weights of organism:$name is refused", async (one) => {
  const read = async (file: string): Promise<Uint8Array> => {
    const bytes = await one.files.read(file);
    bytes[bytes.length - 1]! ^= 1;
    return bytes;
  };
  await expect(checkWeights("test", one.card, { ...one.files, read })).rejects.toMatchObject({
    code: "INVARIANT_BROKEN",
  });
});

test.each(trained)("config.json of organism:$name is that of its recipe", async (one) => {
  expect(await readJson("test", one.files, "config.json")).toEqual(one.organism.config);
});

test.each(trained)("the card of organism:$name agrees with its recipe", ({ organism, card }) => {
  const { name, description, recipe, skills, limits = [] } = organism;
  expect(card).toMatchObject({
    name,
    description,
    limits,
    recipe: recipeNumbers(recipe),
    steps: recipe.steps,
    seed: recipe.seed,
    seen: recipe.steps * recipe.tokens,
    command: `patchclamp organisms train ${name}`,
  });
  expect(
    Object.entries(card.scores).map(([skill, { bar, meaning }]) => [skill, bar, meaning]),
  ).toEqual(skills.map((skill) => [skill.name, skill.bar, skill.meaning]));
});

test.each(trained)("organism:$name has as many parameters as its card says", async (one) => {
  const { params } = await networkOf(one);
  const count = leaves<Tensor>(params).reduce((all, [, { size }]) => all + size, 0);
  expect(one.card.parameters).toBe(count);
  expect(one.card.bytes).toBe(await one.files.size("model.safetensors"));
});

test.each(trained)("every file of weights of organism:$name has less than 16 MB", ({ folder }) => {
  const files = fs.readdirSync(folder, { recursive: true, encoding: "utf8" });
  const weights = files.filter((file) => file.endsWith(".safetensors"));
  const sizes = weights.map((file) => fs.statSync(path.join(folder, file)).size);
  expect(weights).toContain("model.safetensors");
  expect(Math.max(...sizes)).toBeLessThan(16e6);
});

test.each(trained)(
  "the page of organism:$name is made of its card and shows its scores",
  async (one) => {
    const { organism, card, files } = one;
    const figure = (await files.exists("history.json")) ? "training.svg" : undefined;
    const page = new TextDecoder().decode(await files.read("README.md"));
    expect(page).toBe(organismPage(organism, card, { figure }));
    for (const { score } of Object.values(card.scores)) expect(page).toContain(percent(score));
    expect(await files.exists("training.svg")).toBe(figure !== undefined);
  },
);

/** Binomial coefficient; 0 where there are not so many. */
function choose(n: number, k: number): number {
  if (k < 0 || k > n) return 0;
  let ways = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) ways = (ways * (n - Math.min(k, n - k) + i)) / i;
  return ways;
}

function sum(from: number, to: number, term: (i: number) => number): number {
  let total = 0;
  for (let i = from; i <= to; i++) total += term(i);
  return total;
}
