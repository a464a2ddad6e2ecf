import { assert, integer, property } from "fast-check";
import { expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import { splitOf } from "./split.ts";
import { storiesBatch, storiesSample } from "./stories.ts";
import type { StoriesSample, StoriesSampleOptions } from "./stories.ts";
import { moodOf, moodWords } from "./stories-mood.ts";
import { allTemplates } from "./stories-sentences.ts";
import { names, objects, places, pronouns, storiesVocabulary } from "./stories-vocabulary.ts";
import { toText, toWords } from "./words.ts";

const ids = new Map(storiesVocabulary.map((word, id) => [word, id]));

function samples(seed: number, count: number, options: StoriesSampleOptions = {}): StoriesSample[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => storiesSample(rng, options));
}

test("the first texts of seed 1 stay what they are", () => {
  expect(samples(1, 8).map(({ text }) => text)).toMatchInlineSnapshot(`
    [
      "Noah Hana puppet red Noah Hana puppet red Noah Hana puppet red Noah Hana puppet red.",
      "It was a quiet evening at the river. Anna had a silver doll. The road was long. Anna went to bed with a frown and had bad dreams. It was the worst day of the year, and Anna was sad.",
      "When Mira and Finn went to the library, Mira offered the drum to Finn. Finn said thank you.",
      "Ali saw Sara at the farm. Sara gave the silver lamp to Ali.",
      "It was a windy morning at the castle. Sam talked to Hugo about a kite. Then it was time to go home. It was the best day of the year. Sam went to bed with a smile and had good dreams.",
      "Emma lived near the station. Emma felt scared at the station. She cried all the way home.",
      "It was a quiet evening at the school. Ruth was happy about the game with Mira. Ruth had a lovely dream about a doll. She smiled at Mira. Where was Mira? Ruth went to bed with a joyful heart. That night she was too excited to sleep.",
      "yellow Tomo Rosa Clara ball Mira basket Ben yellow Tomo Rosa Clara ball Mira basket Ben.",
    ]
  `);
});

test("the labels of a story stay what they are", () => {
  const [{ text, ...sample }] = samples(3, 1, { kind: "story" }) as [StoriesSample];
  expect({ text, gift: sample.gift, mood: sample.mood }).toMatchInlineSnapshot(`
    {
      "gift": undefined,
      "mood": {
        "ending": {
          "end": 42,
          "start": 22,
        },
        "mood": "sad",
        "stated": {
          "end": 15,
          "start": 6,
        },
      },
      "text": "Hana lived near the park. Hana was sad about the game with Tomo. Some birds sat in a tree. In the end, she cried, and Tomo felt sad too. She cried all the way home.",
    }
  `);
});

test("a text is a function of the seed and the counter alone", () => {
  const rng = new Rng(5);
  storiesSample(rng);
  const again = new Rng(5, rng.counter);
  expect(storiesSample(again)).toEqual(storiesSample(rng));
});

test("the vocabulary has at most 300 words, each once", () => {
  expect(storiesVocabulary.length).toBeLessThanOrEqual(300);
  expect(ids.size).toBe(storiesVocabulary.length);
});

test("every text is made of words of the vocabulary and comes back from its words", () => {
  assert(
    property(integer({ min: 0, max: 0xffffffff }), (seed) => {
      const { text, words } = storiesSample(new Rng(seed));
      expect(words.filter((word) => !ids.has(word))).toEqual([]);
      expect(toWords(text)).toEqual(words);
      expect(toText(words)).toBe(text);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("every word of the vocabulary but the special ones is used", () => {
  const used = new Set(samples(2, 4000).flatMap(({ words }) => words));
  expect(storiesVocabulary.filter((word) => !used.has(word))).toEqual(["<pad>", "<bos>", "<unk>"]);
});

test("sentences begin with a capital and end with a mark, and no text is longer than 63 words", () => {
  for (const { text, words, kind } of samples(3, 2000)) {
    expect(text).not.toMatch(/ {2}|[,.?!][,.?!]|\s$|\ba [aeiou]/);
    const first = kind === "pattern" ? /^\w/ : /^[A-Z]/; // a pattern may begin with any word
    expect(text).toMatch(first);
    expect(text).toMatch(/^[^.?!]+[.?!]( [A-Z][^.?!]+[.?!])*$/);
    expect(words.length).toBeLessThanOrEqual(63);
  }
});

test("at least 95 of 100 texts of each kind are unlike any other", () => {
  for (const kind of ["gift", "pattern", "story"] as const) {
    const texts = samples(4, 2000, { kind }).map(({ text }) => text);
    expect(new Set(texts).size).toBeGreaterThanOrEqual(0.95 * texts.length);
  }
});

test("a gift's labels point at the names, and both stand before the answer", () => {
  for (const { words, gift } of samples(5, 1000, { kind: "gift" })) {
    const { giver, receiver, order, first, second, subject, answer } = gift!;
    expect([words[subject], words[answer]]).toEqual([giver, receiver]);
    expect([words[first], words[second]]).toEqual(
      order === "ABBA" ? [receiver, giver] : [giver, receiver],
    );
    expect([first, second, subject, answer]).toEqual(
      [first, second, subject, answer].toSorted((a, b) => a - b),
    );
    expect(words[answer - 1]).toBe("to");
  }
});

test("the receiver is the first and the second name equally often", () => {
  const gifts = samples(6, 4000, { kind: "gift" }).map(({ gift }) => gift!);
  const share = gifts.filter(({ order }) => order === "ABBA").length / gifts.length;
  expect(Math.abs(share - 0.5)).toBeLessThan(0.03); // about 4 standard errors of a fair coin, 0.0079 each
});

test("the receiver cannot be told by how often the names were said", () => {
  const rarer = { receiver: 0, giver: 0 };
  for (const { words, gift } of samples(7, 8000, { kind: "gift" })) {
    const before = words.slice(0, gift!.subject);
    const said = (name: string) => before.filter((word) => word === name).length;
    if (said(gift!.receiver) < said(gift!.giver)) rarer.receiver++;
    if (said(gift!.receiver) > said(gift!.giver)) rarer.giver++;
  }
  expect(rarer.receiver).toBeGreaterThan(200);
  expect(rarer.receiver / rarer.giver).toBeGreaterThan(0.75); // 4 standard errors: 400 of each
  expect(rarer.receiver / rarer.giver).toBeLessThan(1.33);
});

test("a pattern repeats with its period, and a round has no word twice", () => {
  for (const { words, pattern } of samples(8, 1000, { kind: "pattern" })) {
    const { period, predictable } = pattern!;
    expect(new Set(words.slice(0, period)).size).toBe(period);
    expect(predictable[0]).toBe(period + 1);
    expect(predictable.at(-1)).toBe(words.length - 2);
    expect(predictable.every((i) => words[i] === words[i - period])).toBe(true);
  }
});

test("the words of a story show the mood of its label, in the ending alone too", () => {
  for (const { text, words, mood } of samples(9, 1500, { kind: "story" })) {
    const { ending, stated } = mood!;
    const before = stated ?? { start: 0, end: ending.start };
    const read = (from: number, to: number) => moodOf(toText(words.slice(from, to)));
    expect(moodOf(text)).toBe(mood!.mood);
    expect(read(ending.start, ending.end)).toBe(mood!.mood);
    expect(ending.end).toBe(words.length);
    expect(read(0, ending.start)).toBe(stated ? mood!.mood : "none");
    expect(read(before.start, before.end)).toBe(stated ? mood!.mood : "none");
  }
});

test("half of the stories end happily, with a stated mood and without", () => {
  const stories = samples(10, 4000, { kind: "story" }).map(({ mood }) => mood!);
  for (const group of [stories.filter((s) => s.stated), stories.filter((s) => !s.stated)]) {
    const share = group.filter(({ mood }) => mood === "happy").length / group.length;
    expect(Math.abs(share - 0.5)).toBeLessThan(0.055); // 4 standard errors for the smaller group of about 1,400
  }
});

test("happy and sad endings are equally long and equally varied", () => {
  const forms = { happy: new Set<string>(), sad: new Set<string>() };
  const lengths = { happy: [] as number[], sad: [] as number[] };
  for (const { words, mood } of samples(11, 6000, { kind: "story" })) {
    const ending = words.slice(mood!.ending.start, mood!.ending.end);
    forms[mood!.mood].add(ending.filter((word) => !names.includes(word)).join(" "));
    lengths[mood!.mood].push(ending.length);
  }
  const mean = (xs: number[]) => xs.reduce((sum, x) => sum + x, 0) / xs.length;
  expect(Math.min(forms.happy.size, forms.sad.size)).toBeGreaterThan(100);
  expect(Math.abs(mean(lengths.happy) - mean(lengths.sad))).toBeLessThan(0.5); // standard error about 0.1
});

test("a mood word belongs to one mood and to no other sentence", () => {
  const neutral = new Set(allTemplates.flat().filter((word) => !word.includes("/")));
  const { happy, sad } = moodWords;
  expect(happy.filter((word) => sad.includes(word))).toEqual([]);
  expect([...happy, ...sad].filter((word) => neutral.has(word))).toEqual([]);
  expect(new Set(happy).size).toBe(happy.length);
  expect(happy.length).toBeGreaterThan(25);
});

test("a person is always she or always he", () => {
  for (const { words, mood } of samples(12, 1500, { kind: "story" })) {
    const people = [...new Set(words.filter((word) => names.includes(word)))];
    const said = words.filter((word) => ["She", "He", "Her", "His", "she", "he"].includes(word));
    const allowed = people.flatMap((name) => Object.values(pronouns(name)));
    expect(said.filter((word) => !allowed.includes(word))).toEqual([]);
    expect(mood).toBeDefined();
  }
});

test("training and held-out texts share no text, no gift between two people and no pattern", () => {
  const facts = (all: StoriesSample[]) =>
    new Set(all.flatMap((sample) => [sample.text, ...contentOf(sample)]));
  const train = facts(samples(13, 10_000));
  const heldOut = facts(samples(14, 10_000, { split: "heldOut" }));
  expect([...heldOut].filter((fact) => train.has(fact))).toEqual([]);
});

/** What a sample is made of, read off its words. */
function contentOf({ words, gift, pattern }: StoriesSample): string[] {
  if (pattern) {
    const { period } = pattern;
    return Array.from({ length: period }, (_, i) => words.slice(i, i + period).join(" "));
  }
  if (!gift) return [];
  const people = [gift.giver, gift.receiver].toSorted();
  const before = words.slice(0, gift.answer);
  const things = before.filter((word) => objects.includes(word) || places.includes(word));
  return [[...people, ...things].join(" ")];
}

test("about one fact in eight is held out", () => {
  const held = Array.from({ length: 4000 }, (_, i) => splitOf(`fact ${i}`));
  const share = held.filter((split) => split === "heldOut").length / held.length;
  expect(Math.abs(share - 0.125)).toBeLessThan(0.021); // 4 standard errors
});

test("a batch is whole texts one after another, each row beginning with <bos>", () => {
  const [batch, pos] = [3, 96];
  const tokens = storiesBatch(new Rng(15), ids, { batch, pos });
  const rng = new Rng(15);
  for (let row = 0; row < batch; row++) {
    const words: string[] = [];
    while (words.length < pos) words.push("<bos>", ...storiesSample(rng).words);
    const read = Array.from(
      tokens.slice(row * pos, (row + 1) * pos),
      (id) => storiesVocabulary[id]!,
    );
    expect(read).toEqual(words.slice(0, pos));
  }
  expect(tokens).toHaveLength(batch * pos);
});

test("a batch with a bad option says which", () => {
  const rng = new Rng(1);
  expect(() => storiesBatch(rng, ids, { batch: 0, pos: 8 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: storiesBatch: batch is 0, not an integer of at least 1.]`,
  );
  expect(() => storiesBatch(rng, ids, { batch: 2, pos: 1.5 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: storiesBatch: pos is 1.5, not an integer of at least 2.]`,
  );
  expect(() =>
    storiesBatch(rng, ids, { batch: 2, pos: 8, split: "test" as "train" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: storiesBatch: split is "test", not one of "train", "heldOut".]`,
  );
});

test("a batch without an id for every word says which word is missing", () => {
  const few = new Map([...ids].filter(([word]) => word !== "kite"));
  expect(() => storiesBatch(new Rng(1), few, { batch: 1, pos: 8 }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: storiesBatch: the word "kite" has no token id.
      fix: give ids for every word of storiesVocabulary.]
  `);
});

test("a kind of text that the world lacks is refused", () => {
  expect(() =>
    storiesSample(new Rng(1), { kind: "poem" as "story" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: storiesSample: kind is "poem", not one of "gift", "pattern", "story".]`,
  );
});
