import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText } from "../words.ts";
import { familyNames } from "./lexicon.ts";
import { cityFacts, jobFacts, people, personFact } from "./people.ts";
import type { CityRelation, JobRelation, PersonRelation } from "./people.ts";
import { twoHop, twoHops } from "./two-hop.ts";
import type { TwoHop } from "./two-hop.ts";

const draws = (questions: number, spelled: number, count: number) =>
  Array.from({ length: count }, (_, seed) => twoHop.draw(new Rng(seed), { questions, spelled }));

/** Words that only questions for one relation have, in the order in which they decide. */
const signs: readonly [RegExp, CityRelation | JobRelation | "pet" | "food" | "job" | "home"][] = [
  [/country/, "country"],
  [/river/, "river"],
  [/flag/, "flag"],
  [/dish|people eat/, "dish"],
  [/tool/, "tool"],
  [/place/, "workplace"],
  [/pet|animal/, "pet"],
  [/food|like to eat/, "food"],
  [/job|work/, "job"],
];

/** Works an answer out from the words of the question alone. */
function solve(prompt: string): string {
  const words = prompt.split(" ");
  const at = words.findIndex((word) => familyNames.includes(word));
  const person = people.find(({ name }) => name === `${words[at - 1]} ${words[at]}`)!;
  const relation = signs.find(([sign]) => sign.test(prompt))?.[1] ?? "home";
  if (/friend of/.test(prompt)) {
    return personFact(person.friend, (relation === "home" ? "city" : relation) as PersonRelation)!;
  }
  const ofCity: Readonly<Record<string, string>> = cityFacts[person.city]!;
  const ofJob: Readonly<Record<string, string>> = jobFacts[person.job]!;
  return (ofCity[relation] ?? ofJob[relation])!;
}

const keyOf = ({ subject, bridge, relation }: TwoHop): string =>
  `two-hop|${subject}|${bridge}|${relation}`;

test("the first texts stay what they are", () => {
  const texts = [...draws(3, 0, 1), ...draws(3, 2, 1)];
  expect(texts.map(({ words, key }) => [toText(words), key])).toMatchInlineSnapshot(`
    [
      [
        "name the city of the friend of Emil Marsh. Ister. what is the flag of the city of Ravi Sedge like? brown. name the tool of Sara Sedge. sieve.",
        "two-hop|Sara Sedge|job|tool",
      ],
      [
        "name the city of the friend of Emil Marsh. Ister. think first. what is the flag of the city of Ravi Sedge like? <think> Ravi Sedge lives in Velt. </think> brown. think first. name the tool of Sara Sedge. <think> Sara Sedge works as a miller. </think> sieve.",
        "two-hop|Sara Sedge|job|tool",
      ],
    ]
  `);
});

test("every answer follows from two facts", () => {
  for (const { words, answers, label } of [...draws(4, 0, 200), ...draws(4, 2, 100)]) {
    for (const [i, { start, end }] of answers.entries()) {
      const prompt = words.slice(i === 0 ? 0 : answers[i - 1]!.end + 1, start).join(" ");
      expect(words[end - 1]).toBe(solve(prompt));
      const { subject, bridge, entity, answer } = label.questions[i]!;
      expect(prompt).toContain(subject);
      expect(entity).toBe(personFact(subject, bridge));
      expect(answer).toBe(words[end - 1]);
    }
  }
});

test("the working names the bridge, and is written out for the last questions alone", () => {
  for (const spelled of [0, 1, 2]) {
    for (const { words, answers, label } of draws(4, spelled, 60)) {
      for (const [i, { start, end }] of answers.entries()) {
        const isSpelled = i >= 4 - spelled;
        const { entity, isSpelled: labelled, subject, answer } = label.questions[i]!;
        const working = new RegExp(`^<think> .*${subject} .*${entity} \\. </think> ${answer}$`);
        expect(labelled).toBe(isSpelled);
        expect(words.slice(start, end).join(" ")).toMatch(isSpelled ? working : answer);
        expect(end - start > 1).toBe(isSpelled);
      }
    }
  }
});

test("what is held out is in no text of the training half, while its person and its bridge are", () => {
  for (const { label, key } of draws(4, 1, 300)) {
    const keys = label.questions.map(keyOf);
    expect(keys.at(-1)).toBe(key);
    for (const other of keys.slice(0, -1)) expect(splitOf(other)).toBe("train");
  }
  const train = twoHops.filter((question) => splitOf(keyOf(question)) === "train");
  const heldOut = twoHops.filter((question) => splitOf(keyOf(question)) === "heldOut");
  expect(heldOut.length).toBeGreaterThan(twoHops.length / 12);
  for (const { subject, bridge, entity, relation } of heldOut) {
    expect(train.some((seen) => seen.subject === subject && seen.bridge === bridge)).toBe(true);
    expect(
      train.some(
        (seen) => seen.bridge === bridge && seen.entity === entity && seen.relation === relation,
      ),
    ).toBe(true);
  }
});

test("the counterfactual asks the same of another person and is true", () => {
  for (const { words, answers, counterfactual } of [...draws(3, 0, 200), ...draws(3, 2, 100)]) {
    const { end } = answers.at(-1)!;
    const start = answers.at(-2)!.end + 1;
    expect(counterfactual).toHaveLength(words.length);
    expect(counterfactual!.slice(0, start)).toEqual(words.slice(0, start));
    expect(counterfactual![end - 1]).not.toBe(words[end - 1]);
    const prompt = counterfactual!.slice(start, answers.at(-1)!.start).join(" ");
    expect(counterfactual![end - 1]).toBe(solve(prompt));
  }
});

test("texts do not repeat", () => {
  expect(new Set(draws(3, 0, 300).map(({ words }) => toText(words))).size).toBe(300);
});
