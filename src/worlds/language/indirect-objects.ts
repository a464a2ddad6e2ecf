// Indirect objects: two people meet, one of them gives, and the other receives. Both names stand before the gap and either
// may be first, so a network has to look back and find the name that is not the giver's. At times a third person is
// mentioned who is not there, so that the name said once is not always the answer.

import type { Rng } from "../../core/rng.ts";
import { colours, firstNames, objects, places } from "./lexicon.ts";
import type { LanguageSkill, Text } from "./skill.ts";

/** Order of the two names before the gap: the giver's name comes second (ABBA) or first (BABA). */
export type GiftOrder = "ABBA" | "BABA";

/** What is true of a gift; positions count words from the beginning of the text. */
export interface Gift {
  readonly giver: string;
  readonly receiver: string;
  readonly order: GiftOrder;
  /** Where the name that is first in the meeting is said. */
  readonly first: number;
  /** Where the other name of the meeting is said. */
  readonly second: number;
  /** Where the giver is named as the giver. */
  readonly subject: number;
  /** Where the receiver is named as the receiver. */
  readonly answer: number;
}

/** The last gift of a text, and those before it. */
export interface IndirectObjectLabel extends Gift {
  readonly earlier: readonly Gift[];
}

const templates = (...texts: string[]): readonly (readonly string[])[] =>
  texts.map((text) => text.split(" "));

/** Two people come together. A clause ends with a comma; the first one is the plain one. */
const meetings = templates(
  "when {first} and {second} went to the {place} ,",
  "after {first} and {second} met at the {place} ,",
  "while {first} and {second} were at the {place} ,",
  "before {first} and {second} left the {place} ,",
  "{first} and {second} walked to the {place} .",
  "{first} went to the {place} with {second} .",
  "{first} saw {second} at the {place} .",
  "one day {first} met {second} near the {place} .",
);

/** Somebody else, who is not there; only after a full stop. */
const asides = templates(
  "{third} stayed at home .",
  "{third} was far away .",
  "{third} was still asleep .",
);

/** One of the two gives something to the other; the first one is the plain one. */
const givings = templates(
  "{giver} gave the {colour} {object} to {receiver} .",
  "{giver} handed a {colour} {object} to {receiver} .",
  "{giver} passed the {object} to {receiver} .",
  "{giver} showed a {colour} {object} to {receiver} .",
  "{giver} offered the {colour} {object} to {receiver} .",
  "{giver} took a {object} and gave it to {receiver} .",
);

const slot = (word: string): boolean => word.startsWith("{");

interface ToldGift {
  readonly words: readonly string[];
  readonly gift: Gift;
  readonly key: string;
}

/** Draws a meeting and a gift among three people that begins at word `start` of a text. */
function drawGift(rng: Rng, people: readonly string[], start: number, isPlain: boolean): ToldGift {
  const order = rng.pick(["ABBA", "BABA"] as const);
  const [first, second, third] = people as [string, string, string];
  const [giver, receiver] = order === "ABBA" ? [second, first] : [first, second];
  const things = { colour: rng.pick(colours), object: rng.pick(objects), place: rng.pick(places) };
  const cast: Record<string, string> = { first, second, third, giver, receiver, ...things };

  const meeting = isPlain ? meetings[0]! : rng.pick(meetings);
  const aside = meeting.at(-1) === "." && rng.uniform() < 0.5 ? rng.pick(asides) : [];
  const template = [...meeting, ...aside, ...(isPlain ? givings[0]! : rng.pick(givings))];
  const at = (name: string): number => start + template.indexOf(`{${name}}`);

  return {
    words: template.map((word) => (slot(word) ? cast[word.slice(1, -1)]! : word)),
    gift: {
      giver,
      receiver,
      order,
      first: at("first"),
      second: at("second"),
      subject: at("giver"),
      answer: at("receiver"),
    },
    key: [...[giver, receiver].toSorted(), things.object, things.place].join(" "),
  };
}

/**
 * Who receives what somebody gives.
 *
 * @source Wang, Variengien, Conmy, Shlegeris & Steinhardt 2022, arXiv:2211.00593
 */
export const indirectObjects: LanguageSkill<IndirectObjectLabel> = {
  name: "indirect-objects",
  summary: "Names the one of two people who receives what the other one gives.",
  vocabulary: [
    ...new Set(
      [
        [...meetings, ...asides, ...givings].flat().filter((word) => !slot(word)),
        [firstNames, colours, objects, places].flat(),
      ].flat(),
    ),
  ],
  knobs: {
    gifts: { meaning: "how many gifts, each among other people", least: 1, most: 2 },
    plain: {
      meaning: "1 tells every gift in the same sentence, so that names stand at the same positions",
      least: 0,
      most: 1,
    },
  },

  draw: (rng, { gifts, plain }): Text<IndirectObjectLabel> => {
    const people = rng.shuffle(firstNames);
    const words: string[] = [];
    const told = Array.from({ length: gifts! }, (_, i) => {
      const drawn = drawGift(rng, people.slice(3 * i), words.length, plain === 1);
      words.push(...drawn.words);
      return drawn;
    });

    const last = told.at(-1)!.gift;
    return {
      words,
      answers: told.map(({ gift: { answer } }) => ({ start: answer, end: answer + 1 })),
      label: { ...last, earlier: told.slice(0, -1).map(({ gift }) => gift) },
      key: told.map(({ key }) => key).join(" , "),
      counterfactual: words.with(last.subject, last.receiver).with(last.answer, last.giver),
    };
  },
};
