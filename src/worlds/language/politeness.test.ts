import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText, toWords } from "../words.ts";
import { politeness, politenessOf } from "./politeness.ts";
import type { PolitenessLabel } from "./politeness.ts";
import type { Text } from "./skill.ts";

const opposite = { polite: "rude", rude: "polite" } as const;

function texts(count: number, greetings: number): Text<PolitenessLabel>[] {
  const rng = new Rng(4);
  return Array.from({ length: count }, () => politeness.draw(rng, { greetings }));
}

/** Splits a conversation into what each speaker says, in order. */
function turnsOf(words: readonly string[]): { mark: string; said: string[] }[] {
  return toText(words)
    .split(" <end>")
    .filter((turn) => turn !== "")
    .map(toWords)
    .map(([mark, ...said]) => ({ mark: mark!, said }));
}

test("two conversations of seed 1 stay what they are", () => {
  const rng = new Rng(1);
  const drawn = [0, 1].map((greetings) => toText(politeness.draw(rng, { greetings }).words));
  expect(drawn).toMatchInlineSnapshot(`
    [
      "<user> ugh, bring me some honey, you fool. <end> <assistant> what nonsense, have the honey, you lazy pest. <end>",
      "<user> hello, my dear friend. <end> <assistant> welcome, my dear friend. <end> <user> can you kindly give me the ribbon, please? <end> <assistant> gladly, take the ribbon, dear friend. <end>",
    ]
  `);
});

test("a system turn sets the tone of every reply, and without one the user does", () => {
  const sources = new Set<string>();
  for (const { words, label } of [...texts(300, 0), ...texts(300, 1)]) {
    const turns = turnsOf(words);
    const users = turns
      .filter(({ mark }) => mark === "<user>")
      .map(({ said }) => politenessOf(said));
    const system = turns.find(({ mark }) => mark === "<system>")?.said;
    const tone = system === undefined ? users[0]! : system.includes("polite") ? "polite" : "rude";
    const userTone = label.userTone === "plain" ? "none" : label.userTone;
    expect(label.tone).toBe(tone);
    expect(new Set(users)).toEqual(new Set([userTone]));
    expect(label.source).toBe(system === undefined ? "user" : "system");
    const replies = turns.filter(({ mark }) => mark === "<assistant>");
    for (const { said } of replies) expect(politenessOf(said)).toBe(tone);
    expect(replies.at(-1)!.said).toContain(label.thing);
    expect(turns.findLast(({ mark }) => mark === "<user>")!.said).toContain(label.thing);
    sources.add([label.source, label.userTone, tone].join(" "));
  }
  expect(sources.size).toBe(8);
});

test("the answers are what the assistant says, two with a greeting and one without", () => {
  for (const greetings of [0, 1]) {
    for (const { words, answers } of texts(100, greetings)) {
      expect(answers).toHaveLength(1 + greetings);
      for (const { start, end } of answers) {
        expect(words[start - 1]).toBe("<assistant>");
        expect(words.indexOf("<end>", start)).toBe(end - 1);
      }
    }
  }
});

test("the counterfactual has the other tone, and of what stands before the first reply only tone words differ", () => {
  for (const { words, answers, counterfactual, label } of texts(300, 0)) {
    const { start, end } = answers[0]!;
    expect(counterfactual).toHaveLength(words.length);
    expect(politenessOf(counterfactual!.slice(start, end))).toBe(opposite[label.tone]);
    expect(counterfactual![start]).not.toBe(words[start]);
    const changed = words.slice(0, start).filter((word, i) => word !== counterfactual![i]);
    const tone = label.source === "system" ? changed[0] : politenessOf(changed);
    expect(tone).toBe(label.tone);
    expect(label.source === "user" || changed.length === 1).toBe(true);
  }
});

test("the judge wants the tone and the thing, and reads no further than the end of the turn", () => {
  for (const text of texts(200, 1)) {
    const { start, end } = text.answers.at(-1)!;
    const reply = text.words.slice(start, end);
    const other = text.counterfactual!.slice(start, end);
    expect(politeness.judge!(reply, text)).toBe(true);
    expect(politeness.judge!([...reply, "<user>", "fool", "friend"], text)).toBe(true);
    expect(politeness.judge!(other, text)).toBe(false);
    expect(politeness.judge!(["friend", "fool", ...reply], text)).toBe(false);
    expect(
      politeness.judge!(
        reply.filter((word) => word !== text.label.thing),
        text,
      ),
    ).toBe(false);
  }
});

test("a contrast is one request in both tones, up to the reply", () => {
  const rng = new Rng(6);
  for (let i = 0; i < 200; i++) {
    const { positive, negative } = politeness.contrast!(rng);
    expect(negative).toHaveLength(positive.length);
    expect(positive.at(-1)).toBe("<assistant>");
    const changed = positive.filter((word, k) => word !== negative[k]);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.includes("polite") || politenessOf(changed) === "polite").toBe(true);
  }
});

test("tone is read off words", () => {
  expect(politenessOf(["with", "pleasure"])).toBe("polite");
  expect(politenessOf(["you", "lazy", "pest"])).toBe("rude");
  expect(politenessOf(["dear", "fool"])).toBe("mixed");
  expect(politenessOf(["polite", "or", "rude"])).toBe("none");
});

test("conversations vary, their words are in the vocabulary, and one key in eight is held out", () => {
  const drawn = texts(3000, 0);
  const known = new Set(politeness.vocabulary);
  expect(drawn.flatMap(({ words }) => words).filter((word) => !known.has(word))).toEqual([]);
  expect(new Set(drawn.map(({ words }) => toText(words))).size).toBeGreaterThan(1500);
  const keys = [...new Set(drawn.map(({ key }) => key))];
  expect(keys.length).toBeGreaterThan(650);
  const heldOut = keys.filter((key) => splitOf(key) === "heldOut").length / keys.length;
  expect(Math.abs(heldOut - 1 / 8)).toBeLessThan(0.04);
});
