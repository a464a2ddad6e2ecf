// What every skill of the language world keeps to, checked on the same seeds for all of them.

import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf, splits } from "../split.ts";
import { toText, toWords } from "../words.ts";
import { LONGEST_TEXT } from "./batch.ts";
import { languageSkills } from "./catalog.ts";
import { chat } from "./lexicon.ts";
import type { LanguageSkill, Span, Text } from "./skill.ts";
import { languageSample } from "./world.ts";

const skills = languageSkills.map((skill) => ({ name: skill.name, skill }));

const seeds = (count: number): number[] => Array.from({ length: count }, (_, seed) => seed);

/** A text of either half, with knobs drawn as the world draws them. */
function drawn(skill: LanguageSkill, seed: number): Text {
  const rng = new Rng(seed);
  const knobs = Object.entries(skill.knobs).map(([name, { least, most }]) => [
    name,
    least + rng.below(most - least + 1),
  ]);
  return skill.draw(rng, Object.fromEntries(knobs));
}

const texts = new Map(
  languageSkills.map((skill) => [skill.name, seeds(500).map((seed) => drawn(skill, seed))]),
);

const textsOf = (name: string): readonly Text[] => texts.get(name)!;

/** Texts of a skill that break a rule, as they read. */
function broken(name: string, breaks: (text: Text) => boolean): string[] {
  return textsOf(name)
    .filter(breaks)
    .map(({ words }) => toText(words));
}

test.each(skills)(
  "$name draws the same text with the same truth from a seed",
  ({ name, skill }) => {
    const again = seeds(200).map((seed) => drawn(skill, seed));
    expect(JSON.stringify(again)).toBe(JSON.stringify(textsOf(name).slice(0, 200)));
  },
);

test.each(skills)(
  "every word of $name is in its vocabulary, which lists it once",
  ({ name, skill }) => {
    const known = new Set(skill.vocabulary);
    const said = textsOf(name).flatMap(({ words, counterfactual = [] }) => [words, counterfactual]);
    expect(said.flat().filter((word) => !known.has(word))).toEqual([]);
    expect(known.size).toBe(skill.vocabulary.length);
  },
);

test.each(skills)("a text of $name reads back as its words", ({ name }) => {
  const isLost = ({ words }: Text): boolean => toWords(toText(words)).join(" ") !== words.join(" ");
  expect(broken(name, isLost)).toEqual([]);
});

const byStart = (a: Span, b: Span): number => a.start - b.start;

test.each(skills)(
  "answers and slips of $name are in order, inside the text, and never overlap",
  ({ name }) => {
    const areWrong = ({ words, answers, slips = [] }: Text): boolean => {
      const spans = [...answers, ...slips].toSorted(byStart);
      const ends = spans.map(({ end }) => end);
      return (
        answers.length === 0 ||
        answers.some((span, i) => span.start < (answers[i - 1]?.end ?? 0)) ||
        // there is always a prompt before the first answer
        spans.some(({ start, end }, i) => start < (ends[i - 1] ?? 1) || end <= start) ||
        ends.at(-1)! > words.length
      );
    };
    expect(broken(name, areWrong)).toEqual([]);
  },
);

test.each(skills)(`a text of $name has at most ${LONGEST_TEXT} words`, ({ name }) => {
  expect(broken(name, ({ words }) => words.length > LONGEST_TEXT)).toEqual([]);
});

test.each(skills)("the truth of $name is plain data", ({ name }) => {
  const labels = textsOf(name).map(({ label }) => label);
  expect(JSON.parse(JSON.stringify(labels))).toStrictEqual(labels);
});

test.each(skills)("about one key of $name in eight is held out", ({ name }) => {
  const keys = [...new Set(textsOf(name).map(({ key }) => key))];
  const share = keys.filter((key) => splitOf(key) === "heldOut").length / keys.length;
  // 1/8 by hash; with the 190 keys of the skill that has fewest, the standard deviation is 0.024
  expect(share).toBeGreaterThan(0.05);
  expect(share).toBeLessThan(0.25);
});

test.each(skills)("no key and no text of $name is in both halves", ({ name }) => {
  const [train, heldOut] = splits.map((split) => {
    const rng = new Rng(1);
    const samples = seeds(60).map(() => languageSample(rng, { skill: name, split }));
    return samples.flatMap(({ key, text }) => [key, text]);
  }) as [string[], string[]];
  expect(train.filter((one) => heldOut.includes(one))).toEqual([]);
});

test.each(skills)(
  "a counterfactual of $name has as many words, another prompt and another last answer",
  ({ name }) => {
    const isWrong = ({ words, answers, counterfactual: other }: Text): boolean => {
      const { start, end } = answers.at(-1)!;
      const isAlike = (from: number, to: number): boolean =>
        words.slice(from, to).join(" ") === other?.slice(from, to).join(" ");
      return (
        other !== undefined &&
        (other.length !== words.length || isAlike(0, start) || isAlike(start, end))
      );
    };
    expect(broken(name, isWrong)).toEqual([]);
  },
);

test("every skill but walks, whose answers are open, has counterfactuals", () => {
  const without = languageSkills.filter(({ name }) =>
    textsOf(name).every(({ counterfactual }) => counterfactual === undefined),
  );
  expect(without.map(({ name }) => name)).toEqual(["walks"]);
});

test.each(skills)("every knob of $name says what it counts, from least to most", ({ skill }) => {
  for (const { meaning, least, most } of Object.values(skill.knobs)) {
    expect(meaning).toMatch(/\w/);
    expect([least, most].every(Number.isInteger)).toBe(true);
    expect(least).toBeLessThanOrEqual(most);
  }
});

test.each(skills)("$name has texts at every value of its knobs", ({ name, skill }) => {
  for (const [knob, { least, most }] of Object.entries(skill.knobs)) {
    for (let value = least; value <= most; value++) {
      const split = value === least || value === most ? "heldOut" : "train";
      const sample = languageSample(new Rng(value), {
        skill: name,
        split,
        knobs: { [knob]: value },
      });
      expect(splitOf(sample.key)).toBe(split);
    }
  }
});

test.each(skills.filter(({ skill }) => skill.contrast !== undefined))(
  "the two sides of a contrast of $name differ, and are in its words",
  ({ skill }) => {
    const known = new Set(skill.vocabulary);
    const pairs = seeds(200).map((seed) => skill.contrast!(new Rng(seed)));
    const said = pairs.flatMap(({ positive, negative }) => [...positive, ...negative]);
    expect(said.filter((word) => !known.has(word))).toEqual([]);
    expect(pairs.filter(({ trait }) => !/^[a-z]+$/.test(trait))).toEqual([]);
    expect(pairs.filter(({ positive, negative }) => toText(positive) === toText(negative))).toEqual(
      [],
    );
  },
);

/**
 * Texts among 500 that are like no other. Politeness asks for one of 44 things in one of four ways and gets one of three
 * replies, so some of its texts come twice.
 */
const distinct: Readonly<Record<string, number>> = { politeness: 0.94 };

test.each(skills)("hardly any text of $name comes twice", ({ name }) => {
  const different = new Set(textsOf(name).map(({ words }) => toText(words))).size;
  expect(different / textsOf(name).length).toBeGreaterThanOrEqual(distinct[name] ?? 0.99);
});

const isMark = (word: string): boolean => /^[,.?!:;]$/.test(word);

test.each(skills)(
  "no text of $name begins with a punctuation mark or has two in a row",
  ({ name }) => {
    const isOdd = ({ words }: Text): boolean =>
      words.some((word, i) => isMark(word) && isMark(words[i - 1] ?? "."));
    expect(broken(name, isOdd)).toEqual([]);
  },
);

test.each(skills)("no word but a digit stands twice in a row in $name", ({ name }) => {
  const stutters = ({ words }: Text): boolean =>
    words.some((word, i) => word === words[i + 1] && !/^\d$/.test(word));
  expect(broken(name, stutters)).toEqual([]);
});

/** Skills whose texts are lists of words, without sentences. */
const lists = new Set(["repeats", "walks"]);

test.each(skills)("a text of $name ends where a sentence, a turn or a list ends", ({ name }) => {
  const end = lists.has(name) ? /^\p{L}+$/u : /^(?:[.!]|<end>)$/;
  expect(broken(name, ({ words }) => !end.test(words.at(-1)!))).toEqual([]);
});

test.each(skills)("user and assistant of $name take turns, each of which is ended", ({ name }) => {
  const { system, user, assistant, end, think, thought } = chat;
  const working = `(${think}${thought})?`;
  const last = `(${user}${end})?`; // a note in place of the last reply
  const form = new RegExp(
    `^(${system}${end})?(${user}${end}${assistant}${working}${end})*${last}$`,
  );
  const isOdd = ({ words }: Text): boolean => {
    const marks = words.filter((word) => word.startsWith("<"));
    const isTalk = marks.some((mark) => mark !== think && mark !== thought);
    // a conversation has nothing before its first turn; elsewhere only working is marked
    return isTalk
      ? !form.test(marks.join("")) || !words[0]!.startsWith("<")
      : marks.some((mark, i) => mark !== (i % 2 === 0 ? think : thought));
  };
  expect(broken(name, isOdd)).toEqual([]);
});
