import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { cli, cliWith } from "../../test/cli-host.ts";
import { Rng } from "../core/rng.ts";
import { languageSkills } from "../worlds/language/catalog.ts";
import { languageSample, languageVocabulary } from "../worlds/language/world.ts";
import type { LanguageSample, LanguageSampleOptions } from "../worlds/language/world.ts";

function drawn(seed: number, count: number, options?: LanguageSampleOptions): LanguageSample[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => languageSample(rng, options));
}

interface Listed {
  words: number;
  skills: { name: string; share: number; words: number; knobs: object; hasContrasts: boolean }[];
}

test("world lists every skill with its share of the texts, its words and its knobs", async () => {
  const { stdout, exitCode } = await cli("world", "--json");
  const { words, skills } = JSON.parse(stdout) as Listed;
  expect(exitCode).toBe(0);
  expect(words).toBe(languageVocabulary.length);
  expect(skills).toMatchObject(
    languageSkills.map(({ name, summary, knobs, vocabulary, contrast }) => ({
      name,
      summary,
      knobs,
      words: vocabulary.length,
      hasContrasts: contrast !== undefined,
    })),
  );
  expect(skills.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 10);
});

test("world prints a line for every skill and every knob", async () => {
  const { stdout } = await cliWith({ width: 200 }, "world");
  for (const { name, summary, knobs } of languageSkills) {
    expect(stdout).toContain(`${name.padEnd(16)}  ${summary}`);
    for (const [knob, { meaning }] of Object.entries(knobs)) {
      expect(stdout).toMatch(new RegExp(`^${name} +${knob} +\\d+\\.\\.\\d+ +${meaning}$`, "m"));
    }
  }
});

test("world sample --json gives the samples that the library draws", async () => {
  const options = ["--count", "8", "--seed", "3", "--split", "heldOut", "--json"];
  const { stdout } = await cli("world", "sample", ...options);
  const expected = drawn(3, 8, { split: "heldOut" }).map((sample) => ({
    ...sample,
    slips: sample.slips ?? [],
    counterfactual: sample.counterfactual ?? null,
  }));
  expect(JSON.parse(stdout)).toEqual({ split: "heldOut", seed: 3, knobs: {}, samples: expected });
});

test("world sample prints a paragraph for each text, under the name of its skill", async () => {
  const { stdout } = await cliWith({ width: 2000 }, "world", "sample", "--count", "12");
  const shown = stdout
    .trimEnd()
    .replaceAll(/\n(?=<)/g, " ")
    .split("\n\n");
  // a conversation begins on the line after the name, and so does its every turn
  const expected = drawn(0, 12).map(({ skill, text }) =>
    `${skill}\n${text}`.replace(/\n(?=<)/, " "),
  );
  expect(shown).toEqual(expected);
});

test("world sample of one skill takes its knobs, and leaves its name out", async () => {
  const { stdout } = await cli(
    ..."world sample two-hop --count 2 --set questions=3 --set spelled=1".split(" "),
  );
  expect(stdout).toMatchInlineSnapshot(`
    "what is the flag of the city of Ravi Sedge like? brown. the country of the city
    of Jack Quill is Estonna. think first. name the city of the friend of Emil
    Marsh. <think> the friend of Emil Marsh is Max Marsh. </think> Ister.

    the city of the friend of Abel Loman is Nyle. what is the flag of the city of
    Mei Vash like? silver. think first. name the workplace of Lily Vash. <think>
    Lily Vash works as a sailor. </think> beach.
    "
  `);
});

test("--answers puts answers in brackets and slips in braces, and each turn has its line", async () => {
  const { stdout } = await cli(
    ..."world sample self-correction --count 1 --seed 2 --answers --set turns=2".split(" "),
  );
  expect(stdout).toMatchInlineSnapshot(`
    "<user> who is the friend of Noah Loman? <end>
    <assistant> [Sam Hale]. let me check: [Sam Hale]. [yes, that is right. the
    answer is Sam Hale. <end>]
    <user> what does Emil Nettle like to eat? <end>
    <assistant> {noodles}. let me check: [honey]. [wait, that is wrong. the answer
    is honey. <end>]
    "
  `);
});

test("--counterfactual shows the other text after each, and says where there is none", async () => {
  const { stdout } = await cli(
    ..."world sample rules --count 1 --seed 1 --counterfactual --answers".split(" "),
  );
  expect(stdout).toMatchInlineSnapshot(`
    "if someone is strong then they are young. if someone is young then they are not
    brave. tall people are not loud. Bea is strong. Dario is young. is Bea tall?
    [unknown]. is Dario brave? [false]. is Bea brave? [false].
    counterfactual:
    if someone is strong then they are young. if someone is young then they are not
    brave. tall people are not loud. Bea is loud. Dario is young. is Bea tall?
    unknown. is Dario brave? false. is Bea brave? [unknown].
    "
  `);
  const walk = await cli(..."world sample walks --count 1 --counterfactual".split(" "));
  expect(walk.stdout).toMatch(/\nno counterfactual\n$/);
});

test("in colour, answers are green, slips are red and changed words are yellow", async () => {
  const args = "world sample self-correction --count 1 --seed 2 --set turns=1 --counterfactual";
  const { stdout } = await cliWith({ color: 1, width: 200 }, ...args.split(" "));
  const [sample] = drawn(2, 1, { skill: "self-correction", knobs: { turns: 1 } });
  const painted = (code: number): string[] =>
    [...stdout.matchAll(new RegExp(`\u001B\\[${code}m(.*?)\u001B\\[39m`, "g"))].map(([, t]) => t!);
  const textOf = (words: readonly string[]): string => words.join(" ").replaceAll(/ ([.,])/g, "$1");
  const { words, answers, slips = [], counterfactual = [] } = sample!;
  const last = answers.at(-1)!;
  const said = answers.map(({ start, end }) => textOf(words.slice(start, end)));
  expect(slips).toHaveLength(1);
  expect(painted(31)).toEqual(slips.map(({ start, end }) => textOf(words.slice(start, end))));
  expect(painted(32)).toEqual([...said, textOf(counterfactual.slice(last.start, last.end))]);
  expect(painted(33)).toEqual(
    counterfactual.slice(0, last.start).filter((word, i) => word !== words[i]),
  );
});

test("--out saves what --json prints", async () => {
  const folder = await mkdtemp(join(tmpdir(), "patchclamp-world-"));
  try {
    const out = join(folder, "texts.json");
    const args = ["world", "sample", "tables", "--count", "2"];
    await cli(...args, "--out", out);
    const { stdout } = await cli(...args, "--json");
    expect(await readFile(out, "utf8")).toBe(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each([
  [
    "twohop",
    1,
    /^world sample: the language world has no skill "twohop"\.\n {2}fix: did you mean two-hop/,
  ],
  ["two-hop --set hops=2", 1, /^languageSample: two-hop has no knob "hops"\.\n/],
  [
    "two-hop --set questions=9",
    1,
    /^languageSample: questions is 9, not a whole number from 3 to 4/,
  ],
  ["--set questions=3", 1, /^languageSample: the knob "questions" is set, but no skill is named/],
  ["--count 0", 1, /^world sample: count is 0, not a whole number of at least 1\.\n$/],
  ["--seed -1", 1, /^Rng: the seed is -1, not an integer in/],
  [
    "two-hop --set questions",
    2,
    /"questions" is not a knob and a whole number, such as questions=3\./,
  ],
  ["two-hop --set questions=3.5", 2, /"questions=3\.5" is not a knob and a whole number/],
  ["--split test", 2, /"test" is none of train, heldOut\./],
])("world sample %s is refused in a sentence", async (args, code, problem) => {
  const { exitCode, stdout, stderr } = await cli("world", "sample", ...args.split(" "));
  expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: "" });
  expect(stderr).toMatch(problem);
});
