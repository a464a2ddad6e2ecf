import { describe, expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { toText } from "../words.ts";
import { chat } from "./lexicon.ts";
import { conclude, rules } from "./rules.ts";
import type { Rule, RulesLabel } from "./rules.ts";
import type { Text } from "./skill.ts";

function texts(count: number, depth: number, spelled = 0): Text<RulesLabel>[] {
  return Array.from({ length: count }, (_, seed) => rules.draw(new Rng(seed), { depth, spelled }));
}

const byDepth = new Map([1, 2, 3].map((depth) => [depth, texts(600, depth)]));
/** A part of them, for checks that take longer. */
const everyDepth = [...byDepth.values()].flatMap((drawn) => drawn.slice(0, 150));
/** Those whose last answer begins with its working. */
const spelled = [1, 2, 3].flatMap((depth) => texts(100, depth, 1));

interface Asked {
  readonly given: string;
  readonly followed: string;
}

/** Reads a text by its words alone and follows its rules until nothing changes. */
function follow(words: readonly string[]): Asked[] {
  const text = words.join(" ");
  const told = [
    ...text.matchAll(/if someone is (\w+) then they are (not )?(\w+) \./g),
    ...text.matchAll(/(\w+) people are (not )?(\w+) \./g),
  ];
  const state = new Map<string, boolean>();
  for (const [, name, attribute] of text.matchAll(/([A-Z]\w+) is (\w+) \./g)) {
    state.set(`${name} ${attribute}`, true);
  }
  const names = new Set([...state.keys()].map((known) => known.split(" ")[0]!));
  for (let round = 0; round < told.length; round++) {
    for (const name of names) {
      for (const [, given, not, then] of told) {
        if (state.get(`${name} ${given}`) !== true) continue;
        expect(state.get(`${name} ${then}`) ?? !not).toBe(!not); // nothing contradicts itself
        state.set(`${name} ${then}`, !not);
      }
    }
  }
  return [...text.matchAll(/is ([A-Z]\w+) (\w+) \? (\w+) \./g)].map(
    ([, name, attribute, given = ""]) => ({
      given,
      followed: String(state.get(`${name} ${attribute}`) ?? "unknown"),
    }),
  );
}

test("a text of each depth stays what it is", () => {
  const written = [1, 2, 3].map((depth) =>
    toText(rules.draw(new Rng(depth), { depth, spelled: 0 }).words),
  );
  expect(written).toMatchInlineSnapshot(`
    [
      "tall people are happy. if someone is quiet then they are not old. happy people are not kind. Rosa is quiet. Max is quiet. is Rosa tall? unknown. is Max old? false. is Rosa old? false.",
      "if someone is brave then they are not calm. if someone is brave then they are clever. if someone is tall then they are kind. strong people are brave. Finn is strong. Ben is tall. is Ben strong? unknown. is Finn kind? unknown. is Finn calm? false.",
      "clever people are loud. if someone is loud then they are slow. if someone is slow then they are not happy. kind people are not brave. Sam is loud. Hana is kind. is Sam slow? true. is Hana brave? false. is Hana happy? unknown.",
    ]
  `);
});

test("every answer follows from the words alone, in texts and in their counterfactuals", () => {
  for (const { words, counterfactual, answers, label } of everyDepth) {
    for (const asked of [follow(words), follow(counterfactual!)]) {
      expect(asked.map(({ followed }) => followed)).toEqual(asked.map(({ given }) => given));
      expect(asked).toHaveLength(label.questions.length);
    }
    expect(answers.map(({ start, end }) => words.slice(start, end).join(" "))).toEqual(
      label.questions.map(({ answer }) => answer),
    );
  }
});

test("the last question has the depth of the knob, and none before it is deeper or the same", () => {
  for (const { label } of everyDepth) {
    const depths = label.questions.map((question) => question.depth);
    expect(depths.at(-1)).toBe(label.depth);
    expect(depths).toEqual(depths.toSorted((a, b) => a - b));
    const asked = label.questions.map(({ name, attribute }) => `${name} ${attribute}`);
    expect(new Set(asked).size).toBe(asked.length);
  }
});

test("the chain of a question leads from a fact to it, rule by rule, and only its last rule may deny", () => {
  for (const { label } of everyDepth) {
    for (const { name, attribute, answer, depth, chain } of label.questions) {
      expect(chain).toHaveLength(answer === "unknown" ? 0 : depth);
      if (answer === "unknown") continue;
      expect(label.facts).toContainEqual({ name, attribute: chain[0]!.given });
      expect(chain.map(({ follows }) => follows)).toEqual([
        ...chain.slice(1).map(({ given }) => given),
        attribute,
      ]);
      expect(chain.map(({ denies }) => denies)).toEqual(
        chain.map((_, i) => i === depth - 1 && answer === "false"),
      );
    }
  }
});

test("a counterfactual changes one attribute of a fact, and the last answer with it", () => {
  for (const { words, counterfactual, answers, label } of everyDepth) {
    const changed = words.flatMap((word, i) => (word === counterfactual![i] ? [] : [i]));
    const before = changed.filter((i) => i < answers[0]!.start);
    expect(counterfactual).toHaveLength(words.length);
    expect(before).toHaveLength(1);
    expect(label.facts.map(({ attribute }) => attribute)).toContain(words[before[0]!]);
    expect(changed).toContain(answers.at(-1)!.start);
  }
});

describe("no shortcut gives the answer", () => {
  const share = <T>(items: readonly T[], is: (item: T) => boolean): number =>
    items.filter(is).length / items.length;

  test.each([1, 2, 3])(
    "the last question of depth %i has each answer in a third of the texts",
    (depth) => {
      const last = byDepth.get(depth)!.map(({ label }) => label.questions.at(-1)!);
      for (const answer of ["true", "false", "unknown"]) {
        const found = share(last, (question) => question.answer === answer);
        expect(Math.abs(found - 1 / 3)).toBeLessThan(0.078); // 4 standard errors of a third, 0.0193 each
      }
    },
  );

  test.each([1, 2, 3])(
    "a rule that is not reached denies as often as not, at depth %i",
    (depth) => {
      const unknown = byDepth
        .get(depth)!
        .map(({ label }) => ({ label, last: label.questions.at(-1)! }))
        .filter(({ last }) => last.answer === "unknown");
      const denied = share(unknown, ({ label, last }) =>
        label.rules.some(({ follows, denies }) => follows === last.attribute && denies),
      );
      expect(Math.abs(denied - 0.5)).toBeLessThan(0.15); // 4 standard errors of a half, of 200 texts
    },
  );

  test("all questions together have each answer in a quarter to a half of the cases", () => {
    const asked = everyDepth.flatMap(({ label }) => label.questions);
    for (const answer of ["true", "false", "unknown"]) {
      const found = share(asked, (question) => question.answer === answer);
      expect(found).toBeGreaterThan(0.25);
      expect(found).toBeLessThan(0.5);
    }
  });
});

/** What a text says before its working, the steps of the working, what it asks then, and the answer. */
function parts(words: readonly string[]) {
  const [told = "", rest = ""] = words.join(" ").split(` ${chat.think} `);
  const [working = "", answer = ""] = rest.split(` ${chat.thought} `);
  const steps = working.split(" . ");
  return { told, again: steps.pop()!, steps, answer };
}

test("working goes from what is told by one rule at a time, asks again, and then answers by what it said", () => {
  for (const { words, label, answers } of spelled) {
    const { told, steps, again, answer } = parts(words);
    const { name, attribute } = label.questions.at(-1)!;
    expect(label.isSpelled).toBe(true);
    expect(label.questions).toHaveLength(1);
    expect(words[answers.at(-1)!.start]).toBe(chat.think);
    expect(told.endsWith(`think first . ${again}`)).toBe(true);
    expect(again).toBe(`is ${name} ${attribute} ?`);
    const isTold = (step: string): boolean => told.includes(`. ${step} .`);
    const rule = (given: string, what: string): boolean =>
      told.includes(`${given} people are ${what} .`) ||
      told.includes(`if someone is ${given} then they are ${what} .`);
    for (const [i, step] of steps.entries()) {
      const what = step.replace(`${name} is `, "");
      const before = steps[i - 1]?.replace(`${name} is `, "");
      const [, given, follows] = /^(\w+) people are (.+)$/.exec(step) ?? [];
      const isUsed = (): boolean =>
        rule(given!, follows!) && steps.slice(0, i).includes(`${name} is ${given}`);
      const isSaid = (): boolean => isTold(step) || before!.endsWith(` people are ${what}`);
      expect(given === undefined ? isSaid() : isUsed()).toBe(true);
    }
    const said = { true: [`${name} is ${attribute}`], false: [`${name} is not ${attribute}`] };
    const about = steps.filter((step) => step.startsWith(name) && step.endsWith(` ${attribute}`));
    expect(about).toEqual(said[answer.split(" ")[0] as "true" | "false"] ?? []);
  }
});

test("working says all that follows, whatever is asked", () => {
  for (const { words, label } of spelled) {
    const { name } = label.questions[0]!;
    const follows = conclude(label.rules, label.facts).filter((one) => one.name === name);
    const said = parts(words).steps.filter((step) => step.startsWith(name));
    expect(said).toHaveLength(follows.length);
  }
});

test("half of the texts are about two people, and hardly two texts are alike", () => {
  const people = everyDepth.map(({ label }) => new Set(label.facts.map(({ name }) => name)).size);
  expect(people.filter((count) => count === 2).length / people.length).toBeGreaterThan(0.45);
  expect(new Set(everyDepth.map(({ key }) => key)).size).toBe(everyDepth.length);
});

test("every word of the vocabulary is used, and no other", () => {
  const used = new Set(
    [...everyDepth, ...spelled].flatMap(({ words, counterfactual = [] }) => [
      ...words,
      ...counterfactual,
    ]),
  );
  expect([...used].toSorted()).toEqual(rules.vocabulary.toSorted());
});

describe("conclude", () => {
  const rule = (given: string, follows: string, denies = false): Rule => ({
    given,
    follows,
    denies,
  });
  const about = (told: readonly Rule[], attribute: string): string[] =>
    conclude(told, [{ name: "Mira", attribute }]).map(
      (one) => `${one.holds ? "" : "not "}${one.attribute} by ${one.chain.length}`,
    );

  test("follows a chain whatever the order of its rules", () => {
    const chain = [rule("b", "c"), rule("c", "d", true), rule("a", "b")];
    expect(about(chain, "a")).toEqual(["a by 0", "b by 1", "c by 2", "not d by 3"]);
  });

  test("goes on from no denial and never backward", () => {
    const told = [rule("a", "b", true), rule("b", "c")];
    expect(about(told, "a")).toEqual(["a by 0", "not b by 1"]);
    expect(about(told, "c")).toEqual(["c by 0"]);
  });

  test("ends on rules in a circle, takes the shorter way and tells both sides of a contradiction", () => {
    expect(about([rule("a", "b"), rule("b", "a")], "a")).toEqual(["a by 0", "b by 1"]);
    expect(about([rule("a", "b"), rule("b", "c"), rule("a", "c")], "a")).toContain("c by 1");
    expect(about([rule("a", "b"), rule("a", "b", true)], "a")).toEqual([
      "a by 0",
      "b by 1",
      "not b by 1",
    ]);
  });
});
