import { assert, constantFrom, integer, property } from "fast-check";
import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { toText } from "../words.ts";
import type { ServiceLabel } from "./service.ts";
import { replyStyleOf, service, serviceContrast, traitOf, traits } from "./service.ts";
import type { Text } from "./skill.ts";

const known = new Set(service.vocabulary);

function forAll(check: (text: Text<ServiceLabel>, turns: number) => void): void {
  const seeds = integer({ min: 0, max: 0xffffffff });
  assert(
    property(seeds, constantFrom(1, 2), (seed, turns) =>
      check(service.draw(new Rng(seed), { turns }), turns),
    ),
    { seed: 1, numRuns: 300 },
  );
}

const said = (words: readonly string[], by: string): string[][] =>
  words
    .join(" ")
    .split(" <end>")
    .map((turn) => turn.trim().split(" "))
    .filter(([mark]) => mark === by)
    .map(([, ...rest]) => rest);

test("two dialogues stay what they are", () => {
  const texts = [3, 8].map((seed) => service.draw(new Rng(seed), { turns: 2 }));
  expect(texts.map(({ words }) => toText(words))).toMatchInlineSnapshot(`
    [
      "<system> the ring is at the museum. it costs 5 coins. it works if you shake it. <end> <user> where is my ring? I do not understand it all. <end> <assistant> first go to the museum, then show the list, last take the ring. <end> <user> I am unsure. what does it cost? I mixed it all up. <end> <assistant> first count 5 coins, then bring them here, last take the ring. <end>",
      "<system> the kite is at the river. it costs 4 coins. it works if you turn it. <end> <user> just be quick about it. how does my kite work? <end> <assistant> sorry, it works if you turn it. <end> <user> I need it here right away. where is it? just be quick about it. <end> <assistant> sorry, it is at the river. <end>",
    ]
  `);
});

test("every customer turn shows the trait, and every reply has the style for it", () => {
  forAll(({ words, label }, turns) => {
    const asked = said(words, "<user>");
    const replies = said(words, "<assistant>");
    expect(asked.map(traitOf)).toEqual(asked.map(() => label.trait));
    expect(replies.map(replyStyleOf)).toEqual(replies.map(() => label.trait));
    expect(asked).toHaveLength(turns);
    expect(replies).toHaveLength(label.isNoted ? turns - 1 : turns);
  });
});

test("no turn names a trait, and the note names the customer's", () => {
  forAll(({ words, label, answers }) => {
    const isTrait = (word: string): boolean => traits.some((trait) => trait === word);
    expect(words.filter(isTrait)).toEqual(label.isNoted ? [label.trait] : []);
    const { start, end } = answers.at(-1)!;
    const last = words.slice(start, end).join(" ");
    expect(last === label.trait).toBe(label.isNoted);
  });
});

test("a reply tells what the shop's turn says of the matter", () => {
  forAll(({ words, label }) => {
    const shop = words.join(" ");
    const place = / is at the (\w+) \./.exec(shop)![1];
    const price = / costs (\d) coins \./.exec(shop)![1];
    const handling = / works if you (\w+) it \./.exec(shop)![1];
    const facts = { place, price, use: handling };
    for (const [i, reply] of said(words, "<assistant>").entries()) {
      expect(reply).toContain(facts[label.matters[i]!]);
    }
  });
});

test("a counterfactual is the same dialogue by another kind of customer, up to the note", () => {
  let count = 0;
  forAll(({ words, label, answers, counterfactual }, turns) => {
    expect(turns === 1 && (counterfactual !== undefined) !== label.isNoted).toBe(false);
    if (counterfactual === undefined) return;
    count++;
    const noted = counterfactual[answers.at(-1)!.start];
    expect(counterfactual).toHaveLength(words.length);
    expect(noted).not.toBe(label.trait);
    for (const asked of said(counterfactual, "<user>")) expect(traitOf(asked)).toBe(noted);
    for (const reply of said(counterfactual, "<assistant>"))
      expect(replyStyleOf(reply)).toBe(noted);
  });
  expect(count).toBeGreaterThan(50);
});

test.each([
  ["it costs 7 coins .", "impatient"],
  ["first take the ring , then turn it , last look at it .", "confused"],
  ["the ring costs 7 coins . you can check it on the list .", "sceptical"],
  ["good day to you . your ring costs 7 coins .", "plain"],
  ["first take the ring , last look at it .", "mixed"],
  ["then turn it , first take the ring , last look at it .", "mixed"],
  ["first take the ring , then turn it , last check it .", "mixed"],
  ["it is at the zoo and costs 7 coins and works if you push it .", "plain"],
])("the style of '%s' is %s", (reply, style) => {
  expect(replyStyleOf(reply.split(" "))).toBe(style);
});

test("the style of no words at all is for nobody, and words of two traits are mixed", () => {
  expect(replyStyleOf([])).toBe("mixed");
  expect(traitOf(["fast", "puzzle"])).toBe("mixed");
});

test("the judge takes any reply in the style, and the note's one word", () => {
  forAll((text) => {
    const replies = {
      impatient: "yes .",
      confused: "first a , then b , last c .",
      sceptical: "look , because it is so .",
      plain: "good day . it is here .",
    };
    const right = traits.filter((trait) =>
      service.judge!([...replies[trait].split(" "), "<end>", "because"], text),
    );
    expect(right).toEqual(text.label.isNoted ? [] : [text.label.trait]);
    const named = traits.filter((trait) => service.judge!([trait, "."], text));
    const asShortReply = text.label.trait === "impatient" ? [...traits] : [];
    expect(named).toEqual(text.label.isNoted ? [text.label.trait] : asShortReply);
  });
});

test.each(["impatient", "confused", "sceptical"] as const)(
  "a pair for the %s is of one length and has the trait on one side only",
  (trait) => {
    for (let seed = 0; seed < 20; seed++) {
      const { positive, negative } = serviceContrast(trait, new Rng(seed));
      expect(positive).toHaveLength(negative.length);
      expect([traitOf(positive), traitOf(negative)]).toEqual([trait, "plain"]);
    }
  },
);

test("texts are varied, and exactly the words of the vocabulary occur in them", () => {
  const rng = new Rng(4);
  const texts = Array.from({ length: 2000 }, () => service.draw(rng, { turns: 2 }));
  expect(new Set(texts.map(({ words }) => words.join(" "))).size).toBeGreaterThan(1990);
  expect(new Set(texts.map(({ key }) => key)).size).toBe(240);
  const used = new Set(texts.flatMap(({ words }) => words));
  expect([...used].filter((word) => !known.has(word))).toEqual([]);
  expect([...known].filter((word) => !used.has(word))).toEqual([]);
});
