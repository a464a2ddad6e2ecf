import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText } from "../words.ts";
import { indirectObjects } from "./indirect-objects.ts";
import { firstNames } from "./lexicon.ts";

const isName = (word: string): boolean => firstNames.includes(word);

const draws = (gifts: number, plain: number, count: number) =>
  Array.from({ length: count }, (_, seed) => indirectObjects.draw(new Rng(seed), { gifts, plain }));

test("the first texts stay what they are", () => {
  const [one] = draws(1, 1, 1);
  const [two] = draws(2, 0, 1);
  expect([toText(one!.words), toText(two!.words), two!.label]).toMatchInlineSnapshot(`
    [
      "when Hana and Max went to the zoo, Hana gave the blue cup to Max.",
      "one day Hana met Max near the zoo. Dario stayed at home. Hana took a cup and gave it to Max. after Abel and Ben met at the library, Abel gave the black puppet to Ben.",
      {
        "answer": 39,
        "earlier": [
          {
            "answer": 22,
            "first": 2,
            "giver": "Hana",
            "order": "BABA",
            "receiver": "Max",
            "second": 4,
            "subject": 14,
          },
        ],
        "first": 25,
        "giver": "Abel",
        "order": "BABA",
        "receiver": "Ben",
        "second": 27,
        "subject": 33,
      },
    ]
  `);
});

test("the receiver is the one of the two who met that does not give", () => {
  for (const { words, answers } of [...draws(1, 0, 150), ...draws(2, 0, 150)]) {
    let from = 0;
    for (const { start, end } of answers) {
      // The two who met are the first two names; the giver is the last name before the gap.
      const named = words.slice(from, start).filter(isName);
      const [first, second, giver] = [named[0], named[1], named.at(-1)];
      expect([first, second]).toContain(giver);
      expect(words[start]).toBe(giver === first ? second : first);
      expect(words[start - 1]).toBe("to");
      expect(end).toBe(start + 1);
      from = end;
    }
  }
});

test("a label names the last gift and says where its names stand", () => {
  for (const { words, label, answers } of draws(2, 0, 200)) {
    for (const gift of [...label.earlier, label]) {
      const [a, b] = [words[gift.first], words[gift.second]];
      expect(words[gift.subject]).toBe(gift.giver);
      expect(words[gift.answer]).toBe(gift.receiver);
      expect([a, b]).toEqual(
        gift.order === "ABBA" ? [gift.receiver, gift.giver] : [gift.giver, gift.receiver],
      );
    }
    expect(label.earlier.map(({ answer }) => answer)).toEqual([answers[0]!.start]);
    expect(label.answer).toBe(answers[1]!.start);
  }
});

test("a counterfactual swaps the last giver and receiver where they give and receive, and nothing else", () => {
  for (const { words, label, counterfactual } of draws(2, 0, 200)) {
    const differs = words.flatMap((word, i) => (word === counterfactual![i] ? [] : [i]));
    expect(counterfactual).toHaveLength(words.length);
    expect(differs).toEqual([label.subject, label.answer]);
    expect(counterfactual![label.answer]).toBe(label.giver);
    expect(counterfactual![label.subject]).toBe(label.receiver);
  }
});

test("plain texts have their names at the same positions, others do not", () => {
  const positions = (plain: number) =>
    new Set(
      draws(2, plain, 100).map(({ words }) =>
        words.flatMap((word, i) => (isName(word) ? [i] : [])).join(" "),
      ),
    ).size;
  expect(positions(1)).toBe(1);
  expect(positions(0)).toBeGreaterThan(30);
});

test("nobody is in both gifts, and a third person is named in some texts", () => {
  const texts = draws(2, 0, 200).map(({ words, label }) => {
    const told = [...label.earlier, label].flatMap(({ giver, receiver }) => [giver, receiver]);
    expect(new Set(told).size).toBe(4);
    return new Set(words.filter(isName)).size;
  });
  expect(new Set(texts)).toEqual(new Set([4, 5, 6]));
});

test("either name is the answer about as often, and every word is used", () => {
  const texts = draws(1, 0, 1500);
  const abba = texts.filter(({ label }) => label.order === "ABBA").length;
  expect(abba).toBeGreaterThan(690);
  expect(abba).toBeLessThan(810);
  expect(new Set(texts.flatMap(({ words }) => words))).toEqual(new Set(indirectObjects.vocabulary));
  expect(new Set(texts.map(({ words }) => toText(words))).size).toBe(1500);
});

test("about one text in eight is held out, and who gives does not decide it", () => {
  const texts = draws(1, 0, 1500);
  const share = texts.filter(({ key }) => splitOf(key) === "heldOut").length / 1500;
  expect(share).toBeGreaterThan(0.1);
  expect(share).toBeLessThan(0.15);
  for (const { key, label } of texts.slice(0, 100)) {
    expect(key.split(" ").slice(0, 2)).toEqual([label.giver, label.receiver].toSorted());
  }
});
