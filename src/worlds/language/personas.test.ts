import { assert, constantFrom, integer, property, record } from "fast-check";
import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { toText } from "../words.ts";
import { personaContrast, personaMarkers, personaOf, personas } from "./personas.ts";
import type { PersonaName, Speaker } from "./personas.ts";
import { personaNames, topics } from "./personas-words.ts";

const seeds = integer({ min: 0, max: 0xffffffff });
const anyKnobs = record({ turns: constantFrom(1, 2, 3), drift: constantFrom(0, 1) });
const known = new Set(personas.vocabulary);
const names = new Set<string>([...personaNames, "assistant"]);

function forAll(check: (seed: number, knobs: { turns: number; drift: number }) => void): void {
  assert(property(seeds, anyKnobs, check), { seed: 1, numRuns: 300 });
}

/** The turns of a conversation, each with who says it. */
function turnsOf(words: readonly string[]): { by: string; said: string[] }[] {
  const parts = words.join(" ").split(" <end>").filter(Boolean);
  return parts.map((part) => {
    const [by, ...said] = part.trim().split(" ");
    return { by: by!, said };
  });
}

/** Who must speak in each reply, by the words of the turns before it alone. */
function mustSpeak(words: readonly string[]): Speaker[] {
  let current: Speaker = "assistant";
  const styles: string[] = [];
  return turnsOf(words).flatMap(({ by, said }) => {
    const named = said.find((word) => names.has(word));
    if (by !== "<assistant>" && named !== undefined) current = named as Speaker;
    const style = personaOf(said);
    if (by === "<user>" && style !== "assistant" && style !== "mixed") {
      if (styles.includes(style)) current = style;
      styles.push(style);
    }
    return by === "<assistant>" ? [current] : [];
  });
}

test("two conversations stay what they are", () => {
  const texts = [11, 0].map((seed) => personas.draw(new Rng(seed), { turns: 3, drift: 1 }));
  expect(texts.map(({ words, label }) => [toText(words), label.drift])).toMatchInlineSnapshot(`
    [
      [
        "<system> you are a poet. <end> <user> do you like the cheese? <end> <assistant> alas, I wrote a verse about the cheese. <end> <user> do you like the river? <end> <assistant> muse, the river is an ode and a gentle rhyme. <end> <user> from now on you are a wizard. what do you think of the ball? <end> <assistant> abracadabra, I put a spell on the ball. <end>",
        "asked",
      ],
      [
        "<system> you are a child. <end> <user> alas muse, tell me about the soup. <end> <assistant> yay, I say a yippee to the soup. <end> <user> alas muse, do you like the lamp? <end> <assistant> muse, the lamp is an ode and a gentle rhyme. <end> <user> tell me about the castle. <end> <assistant> alas, I wrote a verse about the castle. <end>",
        "slow",
      ],
    ]
  `);
});

test("twelve personas have five words each, and no word is another's", () => {
  const markers = Object.values(personaMarkers).flat();
  expect(personaNames).toHaveLength(12);
  expect(new Set(markers).size).toBe(60);
  expect(markers.length).toBe(60);
});

test("who speaks follows from the turns before, by the words and by the label", () => {
  forAll((seed, knobs) => {
    const { words, label } = personas.draw(new Rng(seed), knobs);
    const replies = turnsOf(words).filter(({ by }) => by === "<assistant>");
    const speakers = mustSpeak(words);
    expect(replies.map(({ said }) => personaOf(said))).toEqual(speakers);
    expect(label.replies.map(({ speaker }) => speaker)).toEqual(speakers);
    expect(label.replies.map(({ drifted }) => drifted)).toEqual(
      speakers.map((speaker) => speaker !== label.start),
    );
  });
});

test("a reply begins with a marker of its persona and names the topic of its question", () => {
  forAll((seed, knobs) => {
    const { words, label, answers } = personas.draw(new Rng(seed), knobs);
    const turns = turnsOf(words);
    for (const [i, { speaker, topic, start }] of label.replies.entries()) {
      expect(personaOf(words.slice(start, start + 1))).toBe(speaker);
      const asked = turns.filter(({ by }) => by === "<user>")[i]!.said;
      expect(asked.filter((word) => topics.includes(word))).toEqual([topic]);
      expect(words.slice(start, answers[i]!.end)).toContain(topic);
    }
  });
});

test("the knobs say how many replies there are and whether the persona can change", () => {
  forAll((seed, { turns, drift }) => {
    const { answers, label } = personas.draw(new Rng(seed), { turns, drift });
    expect(answers).toHaveLength(turns);
    expect(drift === 1 || label.drift === "none").toBe(true);
  });
});

test("every kind of drift occurs, and a single tempting turn changes nothing", () => {
  const texts = Array.from({ length: 200 }, (_, seed) =>
    personas.draw(new Rng(seed), { turns: 3, drift: 1 }),
  );
  expect(new Set(texts.map(({ label }) => label.drift)).size).toBe(4);
  for (const { label } of texts) {
    const isDrifted = label.replies.some(({ drifted }) => drifted);
    expect(isDrifted).toBe(label.drift === "asked" || label.drift === "slow");
  }
});

test("a counterfactual is as true as the text, as long, and another persona speaks last", () => {
  let count = 0;
  forAll((seed, knobs) => {
    const { words, counterfactual, answers, label } = personas.draw(new Rng(seed), knobs);
    if (counterfactual === undefined) return;
    count++;
    const last = answers.at(-1)!;
    expect(counterfactual).toHaveLength(words.length);
    expect(counterfactual.every((word) => known.has(word))).toBe(true);
    expect(counterfactual[last.start - 1]).toBe("<assistant>");
    const speaker = personaOf(counterfactual.slice(last.start, last.end));
    expect(speaker).toBe(mustSpeak(counterfactual).at(-1));
    expect(speaker).not.toBe(label.replies.at(-1)!.speaker);
  });
  expect(count).toBeGreaterThan(200);
});

test("the judge takes the persona's own words in any sentence, and no other's beside them", () => {
  forAll((seed, knobs) => {
    const text = personas.draw(new Rng(seed), knobs);
    const { speaker } = text.label.replies.at(-1)!;
    const own = speaker === "assistant" ? "fine" : personaMarkers[speaker][3]!;
    const other: PersonaName = speaker === "ghost" ? "clown" : "ghost";
    const judge = (written: string[]): boolean => personas.judge!(written, text);
    expect(judge(["the", own, "bread", "<end>", personaMarkers[other][0]!])).toBe(true);
    expect(judge([own, personaMarkers[other][4]!, "<end>"])).toBe(false);
    expect(judge(["the", "bread", "<end>"])).toBe(speaker === "assistant");
    expect(judge(["<end>"])).toBe(false);
  });
});

test.each(personaNames)("a pair for the %s differs in words of style alone", (name) => {
  const { trait, positive, negative } = personaContrast(name, new Rng(3));
  expect(trait).toBe(name);
  expect(positive).toHaveLength(negative.length);
  const reply = positive.indexOf("<assistant>");
  expect(personaOf(positive.slice(reply))).toBe(name);
  expect(personaOf(negative)).toBe("assistant");
  expect(positive.slice(5, reply)).toEqual(negative.slice(5, reply));
});

test("a pair for somebody who is no persona says who there is", () => {
  expect(() =>
    personaContrast("assistant" as PersonaName, new Rng(1)),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: personaContrast: name is "assistant", not one of "pirate", "poet", "robot", "wizard", "king", "child", "cook", "soldier", "monk", "clown", "ghost", "teacher".]`,
  );
});

test("texts are varied, and there are thousands of contents of which all words are in the vocabulary", () => {
  const rng = new Rng(4);
  const texts = Array.from({ length: 2000 }, () => personas.draw(rng, { turns: 2, drift: 1 }));
  expect(new Set(texts.map(({ words }) => words.join(" "))).size).toBeGreaterThan(1980);
  expect(new Set(texts.map(({ key }) => key)).size).toBeGreaterThan(900);
  const used = new Set(texts.flatMap(({ words }) => words));
  expect([...used].filter((word) => !known.has(word))).toEqual([]);
  expect([...known].filter((word) => !used.has(word))).toEqual([]);
});
