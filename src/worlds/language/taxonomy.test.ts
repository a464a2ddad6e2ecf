import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText } from "../words.ts";
import { taxonomy } from "./taxonomy.ts";
import type { TaxonomyLabel, TaxonomyQuestion } from "./taxonomy.ts";
import { ancestorsOf, propertiesOf, taxonomyNode, taxonomyNodes } from "./taxonomy-tree.ts";
import type { Text } from "./skill.ts";

function draw(seed: number, statements = 2, questions = 4): Text<TaxonomyLabel> {
  return taxonomy.draw(new Rng(seed), { statements, questions });
}

const texts = Array.from({ length: 400 }, (_, seed) => draw(seed, seed % 3, 3 + (seed % 3)));
const sentencesOf = (words: readonly string[]): string[] =>
  words.join(" ").split(" .").slice(0, -1);

test("the texts of seeds 1 and 2 stay what they are", () => {
  expect([1, 2].map((seed) => toText(draw(seed).words))).toMatchInlineSnapshot(`
    [
      "a sarn is a plim. a ruvo is a plim. what does a garv have? scales and claws. what is the order of a dalf? korm. does a hesp have fur? yes. what is the realm of a narg? stiv.",
      "K 2 4 is the code of a ruvo. R 3 1 is the code of a hobb. which kind has the code K 3? a dorv. what are a worg and a nibb both? a korm. what is the path of a narg? stiv, prax, narg. what does a snib have? scales and claws.",
    ]
  `);
});

test("the label of a text stays what it is", () => {
  expect(draw(1).label.questions.slice(0, 2)).toMatchInlineSnapshot(`
    [
      {
        "answer": "scales and claws",
        "form": "properties",
        "levels": 2,
        "subject": "garv",
      },
      {
        "answer": "korm",
        "form": "order",
        "levels": 1,
        "subject": "dalf",
      },
    ]
  `);
});

test("a code spells the way down the tree and names one node alone", () => {
  for (const node of taxonomyNodes) {
    expect(node.code.slice(0, -1)).toEqual(node.parent?.code ?? []);
    expect(node.code).toHaveLength(ancestorsOf(node).length + 1);
    expect(propertiesOf(node)).toHaveLength(node.rank === "realm" ? 1 : 2);
  }
  expect(new Set(taxonomyNodes.map(({ code }) => code.join(" "))).size).toBe(taxonomyNodes.length);
  expect(new Set(taxonomyNodes.map(({ name }) => name)).size).toBe(3 + 9 + 36);
});

test("an unknown node is refused with the nearest names", () => {
  expect(() => taxonomyNode("dalv")).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: taxonomyNode: the taxonomy has no node "dalv".
      fix: did you mean dalf, dorv, garv?]
  `);
});

/** Facts read off the direct statements alone: what is above a node, what it has of its own, and its code. */
const above = new Map<string, string>();
const own = new Map<string, string>();
const codes = new Map<string, string>();
const unread: string[] = [];
for (let seed = 0; seed < 3000; seed++) {
  for (const sentence of sentencesOf(draw(seed, 2, 3).words).slice(0, 2)) {
    const is = /^\s*(?:a|every) (\w+) is a (\w+)$/.exec(sentence);
    const has = /^\s*every (\w+) has (\w+)$/.exec(sentence);
    const code = /^\s*the code of a (\w+) is ([A-Z\d ]+)$/.exec(sentence);
    const coded = /^\s*([A-Z\d ]+) is the code of a (\w+)$/.exec(sentence);
    if (is) above.set(is[1]!, is[2]!);
    if (has) own.set(has[1]!, has[2]!);
    if (code) codes.set(code[1]!, code[2]!);
    if (coded) codes.set(coded[2]!, coded[1]!);
    if (!is && !has && !code && !coded) unread.push(sentence);
  }
}

const lineOf = (name: string): string[] => [
  name,
  ...(above.has(name) ? lineOf(above.get(name)!) : []),
];
const has = (name: string) =>
  lineOf(name)
    .toReversed()
    .flatMap((node) => own.get(node) ?? []);

/** Answers a question from the direct statements. */
function answerTo(question: string): string {
  const [, name = "", object = ""] =
    /\ba (\w+)(?:.*? (?:a |have )(\w+))?/.exec(question.replace("does a", "a")) ?? [];
  const yes = (isTrue: boolean) => (isTrue ? "yes" : "no");
  if (question.startsWith("what is the code")) return codes.get(name)!;
  if (question.startsWith("which kind")) {
    const code = question.slice("which kind has the code ".length, -" ?".length);
    return `a ${[...codes].find((entry) => entry[1] === code)![0]}`;
  }
  if (question.startsWith("what is the order")) return above.get(name)!;
  if (question.startsWith("what is the realm")) return lineOf(name).at(-1)!;
  if (question.startsWith("what is the path")) return lineOf(name).toReversed().join(" , ");
  if (question.startsWith("is")) return yes(lineOf(name).includes(object));
  if (question.startsWith("does")) return yes(has(name).includes(object));
  if (question.startsWith("what does")) return has(name).join(" and ");
  return `a ${lineOf(name).find((node) => lineOf(object).includes(node))!}`;
}

function checkAnswers(words: readonly string[], statements: number): void {
  for (const sentence of sentencesOf(words).slice(statements)) {
    const [question, answer] = sentence.trim().split(" ? ");
    expect(`${question} ? ${answer}`).toBe(`${question} ? ${answerTo(`${question} ?`)}`);
  }
}

test("the direct statements tell the whole tree and nothing else", () => {
  expect(unread).toEqual([]);
  expect([above.size, own.size, codes.size]).toEqual([45, 12, 48]);
});

test("every answer follows from direct statements, in counterfactuals too", () => {
  for (const [seed, { words, counterfactual }] of texts.entries()) {
    checkAnswers(words, seed % 3);
    checkAnswers(counterfactual!, seed % 3);
  }
});

test("answers and label agree, and no question is asked twice", () => {
  for (const { words, answers, label } of texts) {
    const read = answers.map(({ start, end }) => words.slice(start, end).join(" "));
    expect(read).toEqual(label.questions.map(({ answer }) => answer));
    const asked = label.questions.map(
      ({ form, subject, object }) => `${form} ${subject} ${object}`,
    );
    expect(new Set(asked).size).toBe(asked.length);
  }
});

test("the counterfactual changes the subject of the last question and its answer, and nothing else", () => {
  for (const { words, answers, counterfactual } of texts) {
    const { start, end } = answers.at(-1)!;
    expect(counterfactual).toHaveLength(words.length);
    expect(counterfactual!.slice(start, end)).not.toEqual(words.slice(start, end));
    const before = answers.at(-2)!.end;
    expect(counterfactual!.slice(0, before)).toEqual(words.slice(0, before));
    expect(counterfactual!.slice(before, start)).not.toEqual(words.slice(before, start));
  }
});

const keyOf = ({ form, subject, object = "" }: TaxonomyQuestion): string =>
  `taxonomy|${form}|${subject}|${object}`;

test("all questions of a text are in the half of its key", () => {
  for (const { key, label } of texts) {
    const halves = new Set(label.questions.map((question) => splitOf(keyOf(question))));
    expect([...halves]).toEqual([splitOf(key)]);
  }
});

test("between 5 and 20 of 100 texts are held out, and every form is among them", () => {
  const heldOut = texts.filter(({ key }) => splitOf(key) === "heldOut");
  expect(heldOut.length / texts.length).toBeGreaterThan(0.05);
  expect(heldOut.length / texts.length).toBeLessThan(0.2);
  const forms = heldOut.flatMap(({ label }) => label.questions.map(({ form }) => form));
  expect(new Set(forms).size).toBe(9);
});

test("yes and no are about equally frequent", () => {
  const said = texts
    .flatMap(({ label }) => label.questions)
    .filter(({ form }) => form === "is" || form === "has");
  const share = said.filter(({ answer }) => answer === "yes").length / said.length;
  expect(Math.abs(share - 0.5)).toBeLessThan(0.11); // 4 standard errors of about 350 fair coins
});

test("levels count from the subject to what the answer depends on", () => {
  const asked = texts.flatMap(({ label }) => label.questions).filter(({ form }) => form === "is");
  for (const { subject, object, answer, levels } of asked) {
    const line = lineOf(subject);
    expect(levels).toBe(answer === "yes" ? line.indexOf(object!) : line.length - 1);
  }
});

test("the knobs count statements and questions", () => {
  for (const [seed, { words, label }] of texts.entries()) {
    expect(label.questions).toHaveLength(3 + (seed % 3));
    expect(sentencesOf(words)).toHaveLength(3 + 2 * (seed % 3));
  }
});

test("texts are made of the vocabulary, no two alike and none too long", () => {
  const known = new Set(taxonomy.vocabulary);
  expect(known.size).toBe(taxonomy.vocabulary.length);
  expect(texts.flatMap(({ words }) => words).filter((word) => !known.has(word))).toEqual([]);
  expect(new Set(texts.map(({ words }) => words.join(" "))).size).toBe(texts.length);
  expect(Math.max(...texts.map(({ words }) => words.length))).toBeLessThanOrEqual(118);
});
