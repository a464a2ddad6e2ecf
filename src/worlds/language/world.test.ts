import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import type { Split } from "../split.ts";
import { toText, toWords } from "../words.ts";
import { languageSkills, skillShares } from "./catalog.ts";
import {
  languageContrasts,
  languageSample,
  languageTasks,
  languageVocabulary,
  skillNamed,
} from "./world.ts";
import type { LanguageSample, LanguageSampleOptions } from "./world.ts";

function samples(seed: number, count: number, options?: LanguageSampleOptions): LanguageSample[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => languageSample(rng, options));
}

test("the texts of seed 1 stay what they are", () => {
  expect(samples(1, 4).map(({ skill, text }) => `${skill}: ${text}`)).toMatchInlineSnapshot(`
    [
      "recall: yellow golden, museum Emma, pink Ali. pink Ali. museum? Emma. yellow golden.",
      "recall: dog pears, sheep baker, Max mouse. baker? sheep. dog pears. mouse? Max.",
      "refusal: <system> help the user with care. <end> <user> I want to cook the noodles. <end> <assistant> first look at the noodles, then cook the noodles slowly. <end> <user> I want to flood the river. <end> <assistant> sorry, I cannot tell you how to flood the river. <end>",
      "taxonomy: K 3 4 is the code of a toff. every murn has horns. which kind has the code K 1 2? a worg. what is the code of a prax? T 3. what is the code of a quom? R. what does a baxo have? feathers and claws. what are a garv and a plon both? a snib.",
    ]
  `);
});

test("a text comes with its words, its skill and its half", () => {
  for (const split of ["train", "heldOut"] as const) {
    for (const { skill, text, words, key } of samples(2, 60, { split })) {
      expect(text).toBe(toText(words));
      expect(skillNamed(skill).vocabulary).toEqual(
        expect.arrayContaining([words[0], words.at(-1)]),
      );
      expect(splitOf(key)).toBe(split);
    }
  }
});

test("the vocabulary lists every word of every skill once", () => {
  const all = new Set(languageVocabulary);
  expect(all.size).toBe(languageVocabulary.length);
  const lacking = languageSkills.flatMap(({ vocabulary }) => vocabulary.filter((w) => !all.has(w)));
  expect(lacking).toEqual([]);
});

test("each skill draws its share of the texts", () => {
  const count = 2000;
  const parts = skillShares.reduce((sum, share) => sum + share);
  const drawn = samples(3, count).map(({ skill }) => skill);
  const far = languageSkills.filter(({ name }, i) => {
    const share = skillShares[i]! / parts;
    const found = drawn.filter((skill) => skill === name).length / count;
    // four standard deviations: with 21 skills, 1 seed in 800 fails
    return Math.abs(found - share) > 4 * Math.sqrt((share * (1 - share)) / count);
  });
  expect(far.map(({ name }) => name)).toEqual([]);
});

test("a skill that is named draws all texts, and a knob that is set holds in all of them", () => {
  for (const { skill, answers } of samples(4, 100, {
    skill: "unknown-entities",
    knobs: { questions: 5 },
  })) {
    expect([skill, answers.length]).toEqual(["unknown-entities", 5]);
  }
});

test("a knob that is left out takes every value", () => {
  const questions = samples(5, 200, { skill: "unknown-entities", knobs: { known: 1 } });
  expect(new Set(questions.map(({ answers }) => answers.length))).toEqual(new Set([3, 4, 5, 6]));
});

test.each(languageSkills.map(({ name }) => [name]))(
  "a task of %s is a text up to its last answer, and the answer",
  (name) => {
    for (const { prompt, answer, sample, counterfactual } of languageTasks(name, new Rng(6), 20)) {
      const { start, end } = sample.answers.at(-1)!;
      expect([sample.skill, splitOf(sample.key)]).toEqual([name, "heldOut"]);
      expect(sample.text.startsWith(prompt)).toBe(true);
      expect([...toWords(prompt), ...toWords(answer)]).toEqual(sample.words.slice(0, end));
      expect(toWords(prompt)).toHaveLength(start);
      expect(counterfactual === undefined).toBe(sample.counterfactual === undefined);
    }
  },
);

test("the counterfactual of a task has another prompt, another answer and as many words of both", () => {
  const tasks = languageTasks("sentiment", new Rng(7), 50, { isPaired: true });
  for (const { prompt, answer, counterfactual, sample } of tasks) {
    expect(counterfactual!.answer).not.toBe(answer);
    expect(counterfactual!.prompt).not.toBe(prompt);
    const words = [...toWords(counterfactual!.prompt), ...toWords(counterfactual!.answer)];
    expect(words).toEqual(sample.counterfactual!.slice(0, sample.answers.at(-1)!.end));
  }
  const mixed = languageTasks("sentiment", new Rng(7), 50);
  expect(mixed.some(({ counterfactual }) => counterfactual === undefined)).toBe(true);
});

test("tasks take the half and the knobs that are asked for", () => {
  const options = { split: "train", knobs: { questions: 3, spelled: 2 } } as const;
  for (const { answer, sample } of languageTasks("two-hop", new Rng(8), 20, options)) {
    expect(splitOf(sample.key)).toBe("train");
    expect(sample.answers).toHaveLength(3);
    expect(answer).toMatch(/^<think> .+ <\/think> \w+$/);
  }
});

test("contrasts are texts of a trait, with and without it", () => {
  expect(languageContrasts("politeness", new Rng(1), 2)).toMatchInlineSnapshot(`
    [
      {
        "negative": "<user> ugh, bring me some honey, you fool. <end> <assistant>",
        "positive": "<user> please, bring me some honey, dear friend. <end> <assistant>",
        "trait": "polite",
      },
      {
        "negative": "<user> bring me some bread, hurry up. <end> <assistant>",
        "positive": "<user> bring me some bread, thank you. <end> <assistant>",
        "trait": "polite",
      },
    ]
  `);
});

test("a skill that there is not is refused, with those of the nearest names", () => {
  expect(() => languageSample(new Rng(1), { skill: "twohop" })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: languageSample: the language world has no skill "twohop".
      fix: did you mean two-hop, tables, taxonomy? All skills: facts, unknown-entities, two-hop, indirect-objects, coloured-objects, repeats, recall, walks, functions, translation, sentiment, politeness, personas, refusal, arithmetic, taxonomy, rules, tables, service, domains, self-correction.]
  `);
  expect(() => languageContrasts("twohop", new Rng(1), 1)).toThrow(/^languageContrasts: the .* no/);
  expect(() => skillNamed("twohop")).toThrow(/^skillNamed: the .* no/);
});

test("a knob that a skill does not have is refused", () => {
  const set = (skill: string, knob: string) => () =>
    languageSample(new Rng(1), { skill, knobs: { [knob]: 1 } });
  expect(set("two-hop", "question")).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: languageSample: two-hop has no knob "question".
      fix: its knobs are questions, spelled.]
  `);
  expect(set("two-hop", "constructor")).toThrow('two-hop has no knob "constructor".');
});

test.each([2, 5, 3.5, Number.NaN])("two-hop with %d questions is refused", (questions) => {
  expect(() => languageSample(new Rng(1), { skill: "two-hop", knobs: { questions } })).toThrow(
    `languageSample: questions is ${questions}, not a whole number from 3 to 4 (questions in a text).`,
  );
});

test("knobs without a skill are refused", () => {
  expect(() => languageSample(new Rng(1), { knobs: { questions: 3 } }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: languageSample: the knob "questions" is set, but no skill is named that it is of.
      fix: name a skill, or leave the knobs out.]
  `);
});

test("a half that there is not is refused", () => {
  expect(() =>
    languageSample(new Rng(1), { split: "test" as Split }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: languageSample: split is "test", not one of "train", "heldOut".]`,
  );
});

test("pairs are refused where there are none", () => {
  expect(() => languageTasks("walks", new Rng(1), 1, { isPaired: true, knobs: { length: 48 } }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: languageTasks: walks draws no counterfactuals with the knobs {"length":48}.
      fix: leave a knob out, or take another skill.]
  `);
});

test("contrasts are refused where texts have no trait", () => {
  expect(() => languageContrasts("facts", new Rng(1), 1)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: languageContrasts: the texts of facts have no trait.
      fix: take one of sentiment, politeness, personas, refusal, arithmetic, service.]
  `);
});

test("a count that is no positive integer is refused", () => {
  expect(() => languageTasks("facts", new Rng(1), 0)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: languageTasks: count is 0, not an integer of at least 1.]`,
  );
  expect(() => languageContrasts("sentiment", new Rng(1), 1.5)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: languageContrasts: count is 1.5, not an integer of at least 1.]`,
  );
});
