import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText } from "../words.ts";
import { facts } from "./facts.ts";
import { people, personFacts, phrasings, thingFacts } from "./people.ts";
import type { PersonRelation } from "./people.ts";

const draws = (questions: number, count: number) =>
  Array.from({ length: count }, (_, seed) => facts.draw(new Rng(seed), { questions }));

const truth = new Map(
  [...personFacts, ...thingFacts].map((fact) => [`${fact.subject}|${fact.relation}`, fact.answer]),
);

/** Every way to ask every relation, as a pattern. */
const patterns = Object.entries(phrasings).flatMap(([relation, ways]) =>
  ways.map((way, phrasing) => ({
    relation,
    phrasing,
    pattern: new RegExp(`^${way.replace("?", "\\?").replace("X", "(a \\w+|\\w+ \\w+|\\w+)")}$`),
  })),
);

/** Reads a question off its words alone. */
function read(prompt: string): { subject: string; relation: string; phrasing: number } {
  const [found, ...others] = patterns.flatMap(({ relation, phrasing, pattern }) => {
    const subject = pattern.exec(prompt)?.[1];
    return subject === undefined ? [] : [{ subject, relation, phrasing }];
  });
  expect(others).toEqual([]);
  return found!;
}

const prompts = (text: {
  words: readonly string[];
  answers: readonly { start: number; end: number }[];
}) =>
  text.answers.map(({ start, end }, i) => ({
    prompt: text.words.slice(i === 0 ? 0 : text.answers[i - 1]!.end + 1, start).join(" "),
    answer: text.words.slice(start, end).join(" "),
  }));

const questionTexts = draws(4, 400).filter(({ label }) => label.form === "questions");
const biographies = draws(4, 400).filter(({ label }) => label.form === "biographies");

test("the first texts stay what they are", () => {
  const texts = [questionTexts[0]!, biographies[0]!].map(({ words, key }) => [toText(words), key]);
  expect(texts).toMatchInlineSnapshot(`
    [
      [
        "what does Ken Yarrow like to eat? soup. which friend does Finn Loman have? Ken Yarrow. the food of Ravi Sedge is rice. name the colour of the flag of Hollin. white.",
        "facts|question|Hollin|flag|4",
      ],
      [
        "Nora Brack has a goose. she works as a teacher. she likes pears. she spends time with Omar Stave. her home is Farro. Otto Brack has a rabbit. he lives in Velt. he likes apples. his work is that of a sailor. his friend is Sara Tallow.",
        "facts|biography|Otto Brack|pet,city,food,job,friend",
      ],
    ]
  `);
});

test("every question is answered by what is true", () => {
  for (const text of questionTexts) {
    for (const [i, { prompt, answer }] of prompts(text).entries()) {
      const { subject, relation } = read(prompt);
      expect(answer).toBe(truth.get(`${subject}|${relation}`));
      expect(text.label.facts[i]).toEqual({ subject, relation, answer });
    }
  }
});

test("the last question is the key, and the others are of the training half", () => {
  for (const text of questionTexts) {
    const keys = prompts(text).map(({ prompt }) => {
      const { subject, relation, phrasing } = read(prompt);
      return `facts|question|${subject}|${relation}|${phrasing}`;
    });
    expect(keys.at(-1)).toBe(text.key);
    for (const key of keys.slice(0, -1)) expect(splitOf(key)).toBe("train");
    expect(new Set(text.label.facts.map(({ subject }) => subject)).size).toBe(4);
  }
});

test("every fact is left to training in at least one way to ask it", () => {
  const inTraining = [...personFacts, ...thingFacts].filter(({ subject, relation }) =>
    phrasings[relation].some(
      (_, i) => splitOf(`facts|question|${subject}|${relation}|${i}`) === "train",
    ),
  );
  expect(inTraining).toHaveLength(568);
});

test("a biography tells five true things of each of two people", () => {
  const begins: Record<string, PersonRelation> = {
    lives: "city",
    home: "city",
    works: "job",
    work: "job",
    has: "pet",
    pet: "pet",
    likes: "food",
    food: "food",
    spends: "friend",
    friend: "friend",
  };
  for (const text of biographies) {
    const lines = prompts(text);
    expect(lines).toHaveLength(10);
    for (const half of [lines.slice(0, 5), lines.slice(5)]) {
      const person = people.find(({ name }) => half[0]!.prompt.startsWith(name))!;
      const told = half.map(({ prompt, answer }) => {
        const relation = begins[prompt.replace(person.name, "she").split(" ")[1]!]!;
        expect(answer).toBe(person[relation]);
        return relation;
      });
      expect(new Set(told).size).toBe(5);
    }
  }
  const halves = new Set(biographies.map(({ key }) => splitOf(key)));
  expect(halves).toEqual(new Set(["train", "heldOut"]));
});

test("the counterfactual has another last answer of as many words", () => {
  for (const { words, answers, counterfactual } of [...questionTexts, ...biographies]) {
    expect(counterfactual).toHaveLength(words.length);
    const { start, end } = answers.at(-1)!;
    expect(counterfactual!.slice(start, end)).not.toEqual(words.slice(start, end));
  }
});

test("what the counterfactual says instead is true as well", () => {
  for (const { answers, counterfactual: words = [], label } of questionTexts) {
    const { prompt, answer } = prompts({ words, answers }).at(-1)!;
    const { subject, relation } = read(prompt);
    expect(relation).toBe(label.facts.at(-1)!.relation);
    expect(answer).toBe(truth.get(`${subject}|${relation}`));
  }
  for (const { answers, counterfactual: words = [], label } of biographies) {
    const told = prompts({ words, answers }).slice(5);
    const person = people.find(({ name }) => told[0]!.prompt.startsWith(name))!;
    const relations = label.facts.slice(5).map(({ relation }) => relation as PersonRelation);
    expect(told.map(({ answer }) => answer)).toEqual(relations.map((relation) => person[relation]));
  }
});

test("the knob sets how many questions there are, and texts do not repeat", () => {
  for (const { label } of draws(6, 50)) {
    expect(label.facts).toHaveLength(label.form === "questions" ? 6 : 10);
  }
  expect(new Set(draws(3, 300).map(({ words }) => toText(words))).size).toBe(300);
});
