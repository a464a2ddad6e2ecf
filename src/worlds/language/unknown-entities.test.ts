import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText } from "../words.ts";
import { familyNames } from "./lexicon.ts";
import { isKnown, personFact } from "./people.ts";
import type { PersonRelation } from "./people.ts";
import { unknownAnswer, unknownEntities } from "./unknown-entities.ts";

const draws = (questions: number, known: number, count: number) =>
  Array.from({ length: count }, (_, seed) =>
    unknownEntities.draw(new Rng(seed), { questions, known }),
  );

/** The person whom the words up to an answer ask about: the family name and the word before it. */
function asked(words: readonly string[], end: number): [string, string] {
  const at = words.slice(0, end).findLastIndex((word) => familyNames.includes(word));
  return [words[at - 1]!, words[at]!];
}

test("the first texts stay what they are", () => {
  const texts = [...draws(3, 0, 1), ...draws(4, 1, 1)];
  expect(texts.map(({ words, key }) => [toText(words), key])).toMatchInlineSnapshot(`
    [
      [
        "where does Tomo Orrin live? unknown. which animal lives with Hugo Rook? unknown. which friend does Ken Sedge have? unknown.",
        "unknown-entities|Ken Sedge",
      ],
      [
        "which friend does Mei Vash have? Max Marsh. the city of Jack Quill is Brill. what is the food of Tomo Orrin? unknown. name the pet of Sara Sedge. turtle.",
        "facts|question|Sara Sedge|pet|4",
      ],
    ]
  `);
});

test("strangers are unknown, and what is said of known people is true", () => {
  for (const { words, answers, label } of [...draws(4, 0, 150), ...draws(4, 1, 150)]) {
    expect(answers).toHaveLength(4);
    for (const [i, { start, end }] of answers.entries()) {
      const [first, family] = asked(words, start);
      const answer = words.slice(start, end).join(" ");
      const { subject, relation, isKnown: labelled } = label.questions[i]!;
      expect(subject).toBe(`${first} ${family}`);
      expect(labelled).toBe(isKnown(first, family));
      expect(answer).toBe(personFact(subject, relation as PersonRelation) ?? unknownAnswer);
    }
  }
});

test("the knob decides whether the last person is known, and leaves the others to chance", () => {
  for (const known of [0, 1]) {
    const texts = draws(5, known, 200).map(({ label }) => label.questions);
    expect(texts.every((questions) => questions.at(-1)!.isKnown === (known === 1))).toBe(true);
    const others = texts.flatMap((questions) => questions.slice(0, -1));
    const share = others.filter(({ isKnown }) => isKnown).length / others.length;
    expect(share).toBeGreaterThan(0.42);
    expect(share).toBeLessThan(0.58);
  }
});

test("a held-out stranger is in no text of the training half", () => {
  for (const { label, key } of [...draws(6, 0, 200), ...draws(6, 1, 100)]) {
    const keys = label.questions
      .filter(({ isKnown }) => !isKnown)
      .map(({ subject }) => `unknown-entities|${subject}`);
    const others = keys.filter((other) => other !== key);
    for (const other of others) expect(splitOf(other)).toBe("train");
  }
  const halves = draws(3, 0, 300).map(({ key }) => splitOf(key));
  expect(new Set(halves).size).toBe(2);
});

test("the counterfactual asks about a namesake who is known where the other is not", () => {
  const all = [...draws(4, 0, 150), ...draws(4, 1, 150)];
  const pairs = all.filter(({ counterfactual }) => counterfactual !== undefined);
  expect(pairs.length).toBeGreaterThan(all.length / 2);
  for (const { words, answers, counterfactual, label } of pairs) {
    const { start } = answers.at(-1)!;
    const differing = words.flatMap((word, i) => (word === counterfactual![i] ? [] : [i]));
    expect(differing).toHaveLength(2);
    expect(differing[1]).toBe(start);
    const [first, family] = asked(counterfactual!, start);
    const { subject, relation, isKnown: wasKnown } = label.questions.at(-1)!;
    expect(subject.startsWith(`${first} `)).toBe(true);
    expect(isKnown(first, family)).toBe(!wasKnown);
    expect(counterfactual![start]).toBe(
      personFact(`${first} ${family}`, relation as PersonRelation) ?? unknownAnswer,
    );
  }
});
