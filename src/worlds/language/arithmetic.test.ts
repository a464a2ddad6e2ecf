import { describe, expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText } from "../words.ts";
import { arithmetic, styleOf, workingOf } from "./arithmetic.ts";
import type { ArithmeticLabel } from "./arithmetic.ts";
import type { Span, Text } from "./skill.ts";

function texts(count: number, digits = 2): Text<ArithmeticLabel>[] {
  return Array.from({ length: count }, (_, seed) => arithmetic.draw(new Rng(seed), { digits }));
}

const drawn = texts(600);

const read = (words: readonly string[], { start, end }: Span): string =>
  words.slice(start, end).join(" ");

/** Checks a text by its words alone: problems, equations of the working, results and styles. */
function check(words: readonly string[]): void {
  const turns = words.join(" ").split("<user> ").slice(1);
  let style = /^<system> (explain|use full|be thorough)/.test(words.join(" "))
    ? "verbose"
    : "concise";
  expect(turns).toHaveLength(2);
  for (const turn of turns) {
    const [asked = "", answer = ""] = turn.split(" <end> <assistant> <think> ");
    if (/explain step|full sentences|thorough/.test(asked)) style = "verbose";
    if (/very short|symbols alone|concise/.test(asked)) style = "concise";

    const [, a1, a2, op, b1, b2] = /(\d) (\d) ([+-]) (\d) (\d) \?/.exec(asked)!;
    const [a, b] = [Number(`${a1}${a2}`), Number(`${b1}${b2}`)];
    const [working = "", result = ""] = answer.split(" </think> ");
    expect(Number(result.replace(/ <end>.*/, "").replaceAll(" ", ""))).toBe(
      op === "+" ? a + b : a - b,
    );

    expect(/first (add|subtract) the ones/.test(working)).toBe(style === "verbose");
    const symbols = working
      .replaceAll("plus", "+")
      .replaceAll("minus", "-")
      .replaceAll(" is ", " = ")
      .replaceAll(/(?<=\d) (?=\d)/g, "");
    const equations = [...symbols.matchAll(/(\d+(?: [+-] \d+)+) = (\d+)/g)];
    expect(equations).toHaveLength(2);
    for (const [, terms = "", value] of equations) {
      const sum = terms.replaceAll(" ", "").match(/[+-]?\d+/g)!;
      expect(sum.reduce((total, term) => total + Number(term), 0)).toBe(Number(value));
    }
  }
}

test("two texts stay what they are", () => {
  expect(drawn.slice(0, 2).map(({ words }) => toText(words))).toMatchInlineSnapshot(`
    [
      "<user> use symbols alone. 6 0 - 1 8? <end> <assistant> <think> 1 0 - 8 = 2; 6 - 1 - 1 = 4 </think> 4 2 <end> <user> what is 6 8 + 8 8? <end> <assistant> <think> 8 + 8 = 1 6; 6 + 8 + 1 = 1 5 </think> 1 5 6 <end>",
      "<system> be thorough. <end> <user> what is 8 3 - 2 1? <end> <assistant> <think> first subtract the ones: 3 minus 1 is 2, so write 2. then subtract the tens: 8 minus 2 is 6. </think> 6 2 <end> <user> what is 3 4 + 0 0? <end> <assistant> <think> first add the ones: 4 plus 0 is 4, so write 4. then add the tens: 3 plus 0 is 3. </think> 3 4 <end>",
    ]
  `);
});

test("results, equations and styles are right by the words alone, in texts and in their counterfactuals", () => {
  for (const { words, counterfactual } of [...drawn.slice(0, 100), ...texts(50, 1)]) {
    check(words);
    check(counterfactual!);
  }
});

test("the answers are the working and the result that the label tells", () => {
  for (const { words, answers, label } of drawn.slice(0, 300)) {
    const told = label.problems.flatMap(({ a, op, b, style, result }) => [
      workingOf(a, op, b, style).join(" "),
      String(result).padStart(2, "0").split("").join(" "),
    ]);
    expect(answers.map((span) => read(words, span))).toEqual(told);
    for (const [i, { style }] of label.problems.entries()) {
      expect(styleOf(words.slice(0, answers[2 * i]!.start))).toBe(style);
    }
  }
});

test("a counterfactual changes one digit of the last problem, and the last result with it", () => {
  for (const { words, counterfactual, answers } of drawn.slice(0, 300)) {
    const [working, result] = answers.slice(-2) as [Span, Span];
    const changed = words.flatMap((word, i) => (word === counterfactual![i] ? [] : [i]));
    expect(counterfactual).toHaveLength(words.length);
    expect(changed.filter((i) => i < working.start)).toHaveLength(1);
    expect(read(counterfactual!, result)).not.toBe(read(words, result));
  }
});

test("both problems of a text are in the same half, so training never shows one that is held out", () => {
  for (const { key, label } of drawn) {
    const halves = label.problems.map(({ a, op, b }) =>
      splitOf(op === "+" ? `${Math.min(a, b)} + ${Math.max(a, b)}` : `${a} - ${b}`),
    );
    expect(halves).toEqual([splitOf(key), splitOf(key)]);
  }
});

test("both styles, all ways to ask for them and sums above 99 are common", () => {
  const problems = drawn.flatMap(({ label }) => label.problems);
  const share = (hits: readonly unknown[], all: readonly unknown[]): number =>
    hits.length / all.length;
  const verbose = share(
    problems.filter(({ style }) => style === "verbose"),
    problems,
  );
  expect(Math.abs(verbose - 0.48)).toBeLessThan(0.08); // 4 standard errors, as problems of a text go together
  expect(
    share(
      problems.filter(({ result }) => result > 99),
      problems,
    ),
  ).toBeGreaterThan(0.2);
  expect(
    share(
      drawn.filter(({ words }) => words[0] === "<system>"),
      drawn,
    ),
  ).toBeGreaterThan(0.2);
  expect(new Set(drawn.map(({ words }) => words.join(" "))).size).toBeGreaterThan(590);
  expect(Math.max(...drawn.map(({ words }) => words.length))).toBeLessThanOrEqual(118);
});

test("every word of the vocabulary is used, and no other", () => {
  const used = new Set(
    drawn.flatMap(({ words, counterfactual }) => [...words, ...counterfactual!]),
  );
  expect([...used].toSorted()).toEqual(arithmetic.vocabulary.toSorted());
});

test("with one digit the second number is below 10", () => {
  // A difference has the larger number first, so its second number stays below 10 as well.
  for (const { label } of texts(200, 1)) {
    for (const { b } of label.problems) expect(b).toBeLessThan(10);
  }
});

test("a contrast is one problem with requests of as many words, and only its working is long or short", () => {
  for (let seed = 0; seed < 100; seed++) {
    const { positive, negative } = arithmetic.contrast!(new Rng(seed));
    expect(positive.indexOf("<think>")).toBe(negative.indexOf("<think>"));
    expect(positive.slice(positive.indexOf("</think>"))).toEqual(
      negative.slice(negative.indexOf("</think>")),
    );
    expect([styleOf(positive), styleOf(negative)]).toEqual(["verbose", "concise"]);
  }
});

describe("workingOf", () => {
  test("carries and borrows in both styles", () => {
    const written = [
      workingOf(47, "+", 35, "verbose"),
      workingOf(82, "-", 35, "verbose"),
      workingOf(82, "-", 35, "concise"),
      workingOf(40, "+", 60, "concise"),
    ];
    expect(written.map(toText)).toMatchInlineSnapshot(`
      [
        "first add the ones: 7 plus 5 is 1 2, so write 2 and carry 1. then add the tens: 4 plus 3 plus 1 is 8.",
        "first subtract the ones: 1 2 minus 5 is 7, so write 7 and borrow 1. then subtract the tens: 8 minus 3 minus 1 is 4.",
        "1 2 - 5 = 7; 8 - 3 - 1 = 4",
        "0 + 0 = 0; 4 + 6 = 1 0",
      ]
    `);
  });

  test("never takes more than 40 words", () => {
    const lengths = Array.from({ length: 100 * 100 }, (_, i) => {
      const [a, b] = [Math.floor(i / 100), i % 100];
      const sum = workingOf(a, "+", b, "verbose").length;
      return Math.max(sum, a < b ? 0 : workingOf(a, "-", b, "verbose").length);
    });
    expect(Math.max(...lengths)).toBeLessThanOrEqual(40);
  });

  test("refuses a difference below 0 and numbers above 99", () => {
    expect(() => workingOf(3, "-", 5, "concise")).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: workingOf: 3 - 5 is no problem of this world.
        fix: give whole numbers from 0 to 99, and the larger one first in a difference.]
    `);
    expect(() => workingOf(100, "+", 5, "concise")).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: workingOf: 100 + 5 is no problem of this world.
        fix: give whole numbers from 0 to 99, and the larger one first in a difference.]
    `);
  });
});
