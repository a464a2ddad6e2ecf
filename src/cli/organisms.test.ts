import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { cli } from "../../test/cli-host.ts";
import type { Card } from "../organisms/card.ts";
import { organismNamed } from "../organisms/catalog.ts";
import type { Organism } from "../organisms/organism.ts";
import { printReport } from "../report/index.ts";
import { checkReport, listReport, organismReport, weakestWords } from "./organisms/listing.ts";

/** Holds a network that was trained for one step. */
let folder: string;
let trained: Awaited<ReturnType<typeof cli>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "patchclamp-train-"));
  const short = ["--steps", "1", "--seed", "5", "--count", "4", "--out", folder, "--json"];
  trained = await cli("organisms", "train", "stories", ...short);
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

test("training for one step writes a network with its card, page and figure, and leaves no training state behind", async () => {
  const { exitCode, stdout, stderr } = trained;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ out: folder, name: "stories", steps: 1, seen: 2048 });
  expect(await readdir(folder)).toEqual([
    "README.md",
    "card.json",
    "config.json",
    "history.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "training.svg",
  ]);
  const page = await readFile(join(folder, "README.md"), "utf8");
  expect(page).toContain("1 step of 2,048 tokens; 2,048 in all; 0.001 seconds of updates; seed 5");
  expect(page).toContain("](training.svg)");
  expect(page).toContain("npx patchclamp organisms train stories --steps 1 --seed 5\n");
  expect(await readFile(join(folder, "training.svg"), "utf8")).toContain(">indirect objects<");
});

test("a run is not resumed where none was stopped", async () => {
  const { exitCode, stderr } = await cli(
    "organisms",
    "train",
    "stories",
    "--out",
    folder,
    "--resume",
  );
  expect(exitCode).toBe(1);
  expect(stderr.replace(folder, "FOLDER")).toMatchInlineSnapshot(`
    "organisms train: FOLDER holds no run that was stopped.
      fix: leave out --resume to begin one, or name the folder of the run with --out.
    "
  `);
});

test("an organism that has learnt nothing fails its check, which says what its card says", async () => {
  const check = ["organisms", "check", "stories", "--folder", folder, "--count", "4", "--json"];
  const { exitCode, stdout } = await cli(...check);
  const { skills } = JSON.parse(stdout) as { skills: { card: number; holds: boolean }[] };
  const { scores } = JSON.parse(await readFile(join(folder, "card.json"), "utf8")) as Card;
  expect(exitCode).toBe(1);
  expect(skills.map(({ holds }) => holds)).toEqual([false, false, false]);
  expect(skills.map(({ card }) => card)).toEqual(Object.values(scores).map(({ score }) => score));
});

test("an organism whose weights are not those of its card is not measured", async () => {
  const other = await mkdtemp(join(tmpdir(), "patchclamp-check-"));
  const card = await readFile(join(folder, "card.json"), "utf8");
  await writeFile(join(other, "card.json"), card);
  await writeFile(join(other, "model.safetensors"), "other weights");
  const { exitCode, stderr } = await cli("organisms", "check", "stories", "--folder", other);
  await rm(other, { recursive: true });
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(
    /^organisms check: model.safetensors of organism:stories has the SHA-256 \w{64}, but its card is of \w{64}\.\n {2}fix: /,
  );
});

test("an organism that is not trained yet cannot be checked", async () => {
  const { exitCode, stderr } = await cli("organisms", "check", "stories", "--folder", "nowhere");
  expect(exitCode).toBe(1);
  expect(stderr).toMatchInlineSnapshot(`
    "organisms check: organism:stories is not trained yet: nowhere has no card.json.
      fix: train it with \`patchclamp organisms train stories\`.
    "
  `);
});

test("`organisms NAME` shows every skill of one organism", async () => {
  const { exitCode, stdout } = await cli("organisms", "stories");
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^indirect objects +\d+\.\d % +95\.0 % +500 +holds$/m);
});

test("`organisms NAME` refuses a name that is none", async () => {
  const { exitCode, stderr } = await cli("organisms", "nobody");
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^organismNamed: there is no organism "nobody"\.\n/);
});

const languageLike = {
  name: "language-seq2seq",
  description: "Writes.",
  config: { architectures: ["MixtralForCausalLM"], num_hidden_layers: 12 },
} as unknown as Organism;

const score = (given: number, bar: number): Card["scores"][string] => ({
  score: given,
  bar,
  samples: 9,
  meaning: "It is.",
});

test("the list has one line of at most 100 columns for each organism, trained or not", async () => {
  const card = {
    parameters: 5_900_000,
    scores: Object.fromEntries(
      Array.from({ length: 22 }, (_, i) => [`in-context skill no. ${i}`, score(i / 22, 0.5)]),
    ),
    limits: [],
  } as unknown as Card;
  const listed = { organism: languageLike, path: "here" };
  const list = listReport([
    { ...listed, card },
    { ...listed, card: undefined },
  ]);
  const lines = printReport(list, { width: 100 }).split("\n");
  expect(lines.filter((line) => line.startsWith("language"))).toMatchInlineSnapshot(`
    [
      "language-seq2seq  Mixtral, 12 layers   5,900,000  11 of 22 hold    in-context skill no. 0 0.0 %",
      "language-seq2seq  Mixtral, 12 layers           –  not trained yet  –",
    ]
  `);
});

test("an organism that is not trained yet is shown with the command that trains it", () => {
  const shown = organismReport({ organism: languageLike, path: "here", card: undefined });
  expect(printReport(shown)).toContain(
    "not trained yet: patchclamp organisms train language-seq2seq",
  );
});

test("the weakest skill is the one that is least above its bar", () => {
  expect(weakestWords({ scores: { low: score(0.6, 0.3), high: score(0.99, 0.98) } })).toBe(
    "high 99.0 %",
  );
  expect(weakestWords({ scores: {} })).toBe("–");
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
