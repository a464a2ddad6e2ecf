// Indirect objects: two people are named, one of them gives, and the other receives. Both names stand before the gap and
// either may be first, so a network has to look back and find the name that is not the giver's.

import type { Rng } from "../core/rng.ts";
import { asides, fill, givings, leads, meetings, thanks } from "./stories-sentences.ts";
import type { Cast } from "./stories-sentences.ts";
import { colours, names, objects, places } from "./stories-vocabulary.ts";

/** Order of the two names before the gap: the giver's name comes second (ABB_) or first (BAB_). */
export type NameOrder = "ABBA" | "BABA";

/** What is true of a gift; positions count words from the beginning of the text. */
export interface GiftLabel {
  readonly giver: string;
  readonly receiver: string;
  readonly order: NameOrder;
  /** Where the name that is first in the text is first said. */
  readonly first: number;
  /** Where the other name is first said. */
  readonly second: number;
  /** Where the giver is named as the giver. */
  readonly subject: number;
  /** Where the receiver is named as the receiver: the word to predict. */
  readonly answer: number;
}

/** A drawn gift. */
export interface Gift {
  readonly words: readonly string[];
  readonly label: GiftLabel;
  readonly cast: Cast;
  /** Its content: who (in no order), what and where. */
  readonly key: string;
}

export interface GiftOptions {
  /** Order of the names; either, equally often, when it is left out. */
  order?: NameOrder;
  /** Always the same sentence without asides, so that all texts have their names at the same positions. */
  isPlain?: boolean;
}

/** Draws a meeting and a gift; the text ends with the gift's full stop. */
export function drawGift(rng: Rng, options: GiftOptions = {}): Gift {
  const { order = rng.pick(["ABBA", "BABA"] as const), isPlain = false } = options;

  const [first, second, third] = rng.shuffle(names) as [string, string, string];
  const [giver, receiver] = order === "ABBA" ? [second, first] : [first, second];
  const [colour, object, place] = [rng.pick(colours), rng.pick(objects), rng.pick(places)];
  const cast: Cast = { first, second, third, giver, receiver, colour, object, place };

  const meeting = isPlain ? meetings[0]! : rng.pick(meetings);
  const isClause = meeting.at(-1) === ",";
  const aside = !isPlain && !isClause && rng.uniform() < 0.4 ? rng.pick(asides) : [];
  const lead = !isPlain && !isClause && rng.uniform() < 0.3 ? rng.pick(leads) : [];
  const giving = isPlain ? givings[0]! : rng.pick(givings);
  const template = [...meeting, ...aside, ...lead, ...giving];

  return {
    words: fill(template, cast),
    label: {
      giver,
      receiver,
      order,
      first: template.indexOf("{first}"),
      second: template.indexOf("{second}"),
      subject: template.indexOf("{giver}"),
      answer: template.indexOf("{receiver}"),
    },
    cast,
    key: ["gift", ...[giver, receiver].toSorted(), object, place].join("|"),
  };
}

/** Draws what follows a gift: half the time nothing. */
export function drawThanks(rng: Rng, gift: Gift): string[] {
  return rng.uniform() < 0.5 ? fill(rng.pick(thanks), gift.cast) : [];
}
