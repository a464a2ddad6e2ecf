import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText } from "../words.ts";
import { familyNames } from "./lexicon.ts";
import { personFact } from "./people.ts";
import type { PersonRelation } from "./people.ts";
import { selfCorrection } from "./self-correction.ts";

const draws = (turns: number, count: number) =>
  Array.from({ length: count }, (_, seed) => selfCorrection.draw(new Rng(seed), { turns }));

/** Reads the turns of a dialogue off its words. */
function read(words: readonly string[]) {
  const turn =
    /<user> (.+?) <end> <assistant> (.+?) \. let me check : (.+?) \. (yes|wait) , that is (right|wrong) \. the answer is (.+?) \. <end>/g;
  return [...words.join(" ").matchAll(turn)].map(
    ([, prompt, draft, check, call, verdict, answer]) => {
      const asked = prompt!.split(" ");
      const at = asked.findIndex((word) => familyNames.includes(word));
      const subject = `${asked[at - 1]} ${asked[at]}`;
      return { subject, draft, check, call, verdict, answer };
    },
  );
}

test("the first dialogues stay what they are", () => {
  const texts = [...draws(1, 1), ...draws(2, 1)];
  expect(texts.map(({ words, key }) => [toText(words), key])).toMatchInlineSnapshot(`
    [
      [
        "<user> name the food of Emil Marsh. <end> <assistant> eggs. let me check: eggs. yes, that is right. the answer is eggs. <end>",
        "self-correction|Emil Marsh|food|eggs",
      ],
      [
        "<user> what does Ken Yarrow like to eat? <end> <assistant> soup. let me check: soup. yes, that is right. the answer is soup. <end> <user> name the food of Emil Marsh. <end> <assistant> eggs. let me check: eggs. yes, that is right. the answer is eggs. <end>",
        "self-correction|Emil Marsh|food|eggs",
      ],
    ]
  `);
});

test("a first answer is called wrong exactly when it is, and the truth is given in the end", () => {
  for (const { words, label } of draws(3, 300)) {
    const turns = read(words);
    expect(turns).toHaveLength(3);
    for (const [i, { subject, draft, check, call, verdict, answer }] of turns.entries()) {
      const { relation, ...labelled } = label.drafts[i]!;
      const truth = personFact(subject, relation as PersonRelation);
      expect([check, answer]).toEqual([truth, truth]);
      expect([call, verdict]).toEqual(draft === truth ? ["yes", "right"] : ["wait", "wrong"]);
      expect(labelled).toEqual({ subject, answer, draft, isSlip: draft !== truth });
    }
  }
});

test("a wrong first answer is a slip and no answer, and half of them are wrong", () => {
  let wrong = 0;
  for (const { words, answers, slips, label } of draws(1, 300)) {
    const { isSlip, draft } = label.drafts[0]!;
    wrong += Number(isSlip);
    const drafts = isSlip ? slips! : answers.slice(0, 1);
    expect(drafts.map(({ start, end }) => words.slice(start, end).join(" "))).toEqual([draft]);
    expect(slips).toHaveLength(isSlip ? 1 : 0);
    expect(answers).toHaveLength(isSlip ? 2 : 3);
    const { start, end } = answers.at(-1)!;
    expect(words[start]).toBe(isSlip ? "wait" : "yes");
    expect(end).toBe(words.length);
  }
  expect(wrong).toBeGreaterThan(120);
  expect(wrong).toBeLessThan(180);
});

test("the last first answer is the key, and those before it are of the training half", () => {
  for (const { label, key } of draws(3, 200)) {
    const keys = label.drafts.map(
      ({ subject, relation, draft }) => `self-correction|${subject}|${relation}|${draft}`,
    );
    expect(keys.at(-1)).toBe(key);
    for (const other of keys.slice(0, -1)) expect(splitOf(other)).toBe("train");
  }
  expect(new Set(draws(1, 100).map(({ key }) => splitOf(key))).size).toBe(2);
});

test("the counterfactual turns a right first answer into a wrong one and the other way round", () => {
  for (const { words, answers, counterfactual, label } of draws(2, 200)) {
    expect(counterfactual).toHaveLength(words.length);
    const [was, is] = [read(words).at(-1)!, read(counterfactual!).at(-1)!];
    expect(is.subject).toBe(was.subject);
    expect(is.answer).toBe(was.answer);
    expect(is.draft === is.answer).toBe(label.drafts.at(-1)!.isSlip);
    expect(counterfactual![answers.at(-1)!.start]).toBe(is.draft === is.answer ? "yes" : "wait");
  }
});
