import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText, toWords } from "../words.ts";
import { moodOf, moodWords, sentiment } from "./sentiment.ts";
import type { SentimentLabel } from "./sentiment.ts";
import type { Knobs, Text } from "./skill.ts";

const opposite = { happy: "sad", sad: "happy" } as const;

function texts(count: number, knobs: Knobs): Text<SentimentLabel>[] {
  const rng = new Rng(3);
  return Array.from({ length: count }, () => sentiment.draw(rng, knobs));
}

const isAsked = ({ words, answers }: Text): boolean => answers.at(-1)!.end < words.length;

test("a story and a review of seed 2 stay what they are", () => {
  const rng = new Rng(2);
  const drawn = Array.from({ length: 2 }, () =>
    toText(sentiment.draw(rng, { calm: 0, fillers: 1 }).words),
  );
  expect(drawn).toMatchInlineSnapshot(`
    [
      "Nora saw Otto near the library. She was unlucky. Nora hated her blue drum. Otto brought some beans. what a terrible day! She was sad and went home.",
      "I ate the pears of Zoe. the pears tasted good. Zoe gave me fresh pears. there was a silver rabbit near the road. what a wonderful day! I laughed all the way home.",
    ]
  `);
});

test("what happens, the ending and the answer to the question have the mood of the label", () => {
  for (const text of texts(300, { calm: 0, fillers: 2 })) {
    const { words, answers, label } = text;
    const { stated, ending, mood } = label;
    expect(moodOf(words.slice(stated!.start, stated!.end))).toBe(mood);
    expect(moodOf(words.slice(0, ending.start))).toBe(mood);
    expect(moodOf(words.slice(ending.start, ending.end))).toBe(mood);
    expect(answers[0]).toEqual(ending);
    if (!isAsked(text)) continue;
    const answer = words[answers.at(-1)!.start];
    const isReview = words.includes("review") || words.slice(ending.end).includes("day");
    expect(answer).toBe(
      { happy: isReview ? "good" : "happy", sad: isReview ? "bad" : "sad" }[mood],
    );
  }
});

test("calm texts have no mood before their ending, and there are some only with the knob", () => {
  const calm = texts(300, { calm: 1, fillers: 2 }).filter(({ label }) => label.isCalm);
  expect(calm.length).toBeGreaterThan(90);
  expect(calm.length).toBeLessThan(150);
  for (const { words, label } of calm) {
    expect(moodOf(words.slice(0, label.ending.start))).toBe("none");
    expect(moodOf(words.slice(label.ending.start, label.ending.end))).toBe(label.mood);
  }
  expect(texts(300, { calm: 0, fillers: 0 }).some(({ label }) => label.isCalm)).toBe(false);
});

test("so many sentences stand between what happens and the ending as the knob says", () => {
  for (const fillers of [0, 1, 2]) {
    for (const { words, label } of texts(50, { calm: 0, fillers })) {
      const wait = words.slice(label.stated!.end, label.ending.start);
      expect(wait.filter((word) => word === ".")).toHaveLength(fillers);
    }
  }
});

test("the counterfactual of a question has the other mood word in every place and no other change", () => {
  const drawn = texts(300, { calm: 1, fillers: 1 });
  for (const text of drawn) {
    const { words, answers, counterfactual } = text;
    expect(counterfactual !== undefined).toBe(isAsked(text));
    if (counterfactual === undefined) continue;
    expect(counterfactual).toHaveLength(words.length);
    const changed = words.flatMap((word, i) => (word === counterfactual[i] ? [] : [i]));
    expect(changed).toContain(answers.at(-1)!.start);
    for (const i of changed) expect(partnerOf(words[i]!)).toBe(counterfactual[i]);
  }
  expect(drawn.filter(isAsked).length).toBeGreaterThan(120);
});

test("the judge takes any ending of the right mood, and of a calm text any mood", () => {
  const endings = {
    happy: toWords("what a wonderful day ! She smiled all day ."),
    sad: toWords("what a terrible day ! She frowned all day ."),
  };
  for (const text of texts(200, { calm: 1, fillers: 1 })) {
    if (isAsked(text)) continue;
    const { isCalm, mood } = text.label;
    expect(sentiment.judge!(endings[mood], text)).toBe(true);
    expect(sentiment.judge!([...endings[mood], "<bos>", ...endings.sad], text)).toBe(true);
    expect(sentiment.judge!(endings[opposite[mood]], text)).toBe(isCalm);
    for (const question of ["is the review good or bad ? sad .", "? ."]) {
      const asked = toWords(question);
      expect(sentiment.judge!([...endings[mood], ...asked], text)).toBe(true);
      expect(sentiment.judge!([...endings[opposite[mood]], ...asked], text)).toBe(isCalm);
      expect(sentiment.judge!([...asked, ...endings[mood]], text)).toBe(false);
    }
    const late = toWords("there was a white mouse near the road . it was still early .");
    expect(sentiment.judge!([...late, ...endings[mood]], text)).toBe(true);
    expect(sentiment.judge!(toWords("She was happy and sad ."), text)).toBe(false);
    expect(sentiment.judge!(toWords("She went home ."), text)).toBe(false);
  }
});

test("the judge of a question takes its one word", () => {
  for (const text of texts(200, { calm: 1, fillers: 1 }).filter(isAsked)) {
    const answer = text.words[text.answers.at(-1)!.start]!;
    expect(sentiment.judge!([answer, ".", "<eos>"], text)).toBe(true);
    expect(sentiment.judge!([partnerOf(answer)!, "."], text)).toBe(false);
  }
});

test("a contrast has one beginning in both moods", () => {
  const rng = new Rng(5);
  for (let i = 0; i < 200; i++) {
    const { positive, negative } = sentiment.contrast!(rng);
    expect(moodOf(positive)).toBe("happy");
    expect(positive.map((word, k) => (word === negative[k] ? word : partnerOf(word)))).toEqual(
      negative,
    );
  }
});

test("every mood word has one partner, and every word is in the vocabulary", () => {
  const all = [...moodWords.happy, ...moodWords.sad];
  expect(new Set(all).size).toBe(40);
  const known = new Set(sentiment.vocabulary);
  const drawn = texts(500, { calm: 1, fillers: 2 });
  expect(drawn.flatMap(({ words }) => words).filter((word) => !known.has(word))).toEqual([]);
  expect(all.filter((word) => !known.has(word))).toEqual([]);
});

test("texts seldom come twice, and one in eight is held out", () => {
  const drawn = texts(2000, { calm: 0, fillers: 1 });
  expect(new Set(drawn.map(({ words }) => toText(words))).size).toBeGreaterThan(1980);
  const heldOut = drawn.filter(({ key }) => splitOf(key) === "heldOut").length / drawn.length;
  expect(Math.abs(heldOut - 1 / 8)).toBeLessThan(0.03);
});

/** The word of the other mood in its place. */
function partnerOf(word: string): string | undefined {
  const { happy, sad } = moodWords;
  return happy.includes(word) ? sad[happy.indexOf(word)] : happy[sad.indexOf(word)];
}
