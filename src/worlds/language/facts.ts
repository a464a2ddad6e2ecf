// Facts about people, cities and jobs, told in biographies and asked in many ways.

import type { Rng } from "../../core/rng.ts";
import { drawWithin } from "../split.ts";
import {
  ask,
  people,
  personFacts,
  personRelations,
  phrasings,
  pronounsOf,
  thingFacts,
} from "./people.ts";
import type { Fact, Person, PersonRelation } from "./people.ts";
import type { LanguageSkill, Span, Text } from "./skill.ts";

/** What a text of facts tells. */
export interface FactsLabel {
  readonly form: "biographies" | "questions";
  /** One for each answer. */
  readonly facts: readonly Fact[];
}

/** A fact asked in one of the ways to ask it. */
export interface Question extends Fact {
  /** Which of `phrasings[relation]`. */
  readonly phrasing: number;
  /** The same wherever this fact is asked in this way. */
  readonly key: string;
}

/** A piece of a text: it ends with an answer and a full stop. */
export interface Line {
  /** The words up to the answer. */
  readonly prompt: readonly string[];
  /** Words parted by spaces. */
  readonly answer: string;
}

/** Two ways in which a biography says something of a person: `X` is the name or `she`, and the second way never comes first. */
const sentences: Readonly<Record<PersonRelation, readonly [string, string]>> = {
  city: ["X lives in", "her home is"],
  job: ["X works as a", "her work is that of a"],
  pet: ["X has a", "her pet is a"],
  food: ["X likes", "her food is"],
  friend: ["X spends time with", "her friend is"],
};

/**
 * Recall of what is true of known people, of cities and of jobs.
 *
 * Every fact is learnt; what is held out is a way to ask for it, or an order to tell a life in. The last question or
 * biography of a text decides its key, and those before it are from the training half.
 */
export const facts: LanguageSkill<FactsLabel> = {
  name: "facts",
  summary: "Recalls what is true of known people, of cities and of jobs, however it is asked.",
  vocabulary: wordsIn([
    ...Object.values(phrasings).flat(),
    ...Object.values(sentences).flat(),
    ...[...personFacts, ...thingFacts].flatMap(({ subject, answer }) => [subject, answer]),
    "she he her his .",
  ]),
  knobs: {
    questions: { meaning: "questions in a text that is no biography", least: 3, most: 6 },
  },
  draw: (rng, knobs) =>
    rng.uniform() < 0.3 ? drawBiographies(rng) : drawQuestions(rng, knobs["questions"]!),
};

function drawQuestions(rng: Rng, count: number): Text<FactsLabel> {
  const anyQuestion = (): Question =>
    drawQuestion(rng, rng.uniform() < 0.8 ? personFacts : thingFacts);
  const last = anyQuestion();
  const before = drawOthers([last], count - 1, () => drawWithin("train", anyQuestion));
  const questions = [...before, last];

  const swapped = rng.pick(
    [...personFacts, ...thingFacts].filter(
      ({ subject, relation, answer }) =>
        relation === last.relation &&
        answer !== last.answer &&
        !before.some((question) => question.subject === subject),
    ),
  );
  return {
    ...write(questions.map(toLine)),
    label: {
      form: "questions",
      facts: questions.map(({ subject, relation, answer }) => ({ subject, relation, answer })),
    },
    key: last.key,
    counterfactual: write([...before, { ...last, ...swapped }].map(toLine)).words,
  };
}

/** The life of a person in five sentences. */
interface Biography {
  readonly person: Person;
  readonly order: readonly PersonRelation[];
  /** For each sentence, which way to say it. */
  readonly ways: readonly (0 | 1)[];
  readonly key: string;
}

function drawBiographies(rng: Rng): Text<FactsLabel> {
  const second = drawBiography(rng, people);
  const first = drawWithin("train", () =>
    drawBiography(
      rng,
      people.filter((person) => person !== second.person),
    ),
  );
  const relation = second.order.at(-1)!;
  const swapped = rng.pick(
    people.filter(
      (person) =>
        person !== first.person &&
        person[relation] !== second.person[relation] &&
        pronounsOf(person.name).she === pronounsOf(second.person.name).she,
    ),
  );
  return {
    ...write([first, second].flatMap(tell)),
    label: {
      form: "biographies",
      facts: [first, second].flatMap(({ person, order }) =>
        order.map((told) => ({ subject: person.name, relation: told, answer: person[told] })),
      ),
    },
    key: second.key,
    counterfactual: write([first, { ...second, person: swapped }].flatMap(tell)).words,
  };
}

function drawBiography(rng: Rng, from: readonly Person[]): Biography {
  const person = rng.pick(from);
  const order = rng.shuffle(personRelations);
  return {
    person,
    order,
    ways: order.map((_, i) => (i > 0 && rng.uniform() < 0.5 ? 1 : 0)),
    key: `facts|biography|${person.name}|${order.join()}`,
  };
}

function tell({ person, order, ways }: Biography): Line[] {
  const { she, her } = pronounsOf(person.name);
  return order.map((relation, i) => ({
    prompt: ask(sentences[relation][ways[i]!], i === 0 ? person.name : she).map((word) =>
      word === "her" ? her : word,
    ),
    answer: person[relation],
  }));
}

/** Draws a way to ask one of these facts. */
export function drawQuestion(rng: Rng, from: readonly Fact[]): Question {
  const fact = rng.pick(from);
  const phrasing = rng.below(phrasings[fact.relation].length);
  const key = `facts|question|${fact.subject}|${fact.relation}|${phrasing}`;
  return { ...fact, phrasing, key };
}

/** Writes a question down, with its answer. */
export function toLine({ subject, relation, phrasing, answer }: Question): Line {
  return { prompt: ask(phrasings[relation][phrasing]!, subject), answer };
}

/** Draws `count` more, so that no two, `drawn` included, are about the same subject. */
export function drawOthers<T extends { readonly subject: string }>(
  drawn: readonly T[],
  count: number,
  draw: () => T,
): T[] {
  const others: T[] = [];
  while (others.length < count) {
    const other = draw();
    if (![...drawn, ...others].some(({ subject }) => subject === other.subject)) others.push(other);
  }
  return others;
}

/** Writes lines one after the other and marks their answers. */
export function write(lines: readonly Line[]): { words: string[]; answers: Span[] } {
  const words: string[] = [];
  const answers: Span[] = [];
  for (const { prompt, answer } of lines) {
    words.push(...prompt);
    const start = words.length;
    words.push(...answer.split(" "));
    answers.push({ start, end: words.length });
    words.push(".");
  }
  return { words, answers };
}

/** Every word of these texts once, without the `X` of a phrasing. */
export function wordsIn(texts: readonly string[]): string[] {
  return [...new Set(texts.flatMap((text) => text.split(" ")))].filter((word) => word !== "X");
}
