// Stories with a mood: something happens that is happy, sad or neither, some time passes, and the story ends happily or
// sadly. The ending follows the event; where the event has no mood, either ending is as likely.

import type { Rng } from "../core/rng.ts";
import { drawWithin } from "./split.ts";
import type { Split } from "./split.ts";
import { drawGift } from "./stories-gift.ts";
import type { GiftLabel } from "./stories-gift.ts";
import {
  calmEvents,
  endings,
  events,
  fill,
  fillers,
  moodFillers,
  reactions,
  settings,
} from "./stories-sentences.ts";
import type { Cast, Mood, Template } from "./stories-sentences.ts";
import { colours, names, objects, places, pronouns } from "./stories-vocabulary.ts";

/** A piece of a text, in words counted from its beginning; `end` is the first word after it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What is true of a story. */
export interface MoodLabel {
  readonly mood: Mood;
  /** Where the mood is stated; null when the ending alone shows it. */
  readonly stated: Span | null;
  /** The last one or two sentences. */
  readonly ending: Span;
}

/** A story whose mood is still open: everything is decided but which side of a slash is read. */
export interface Tale {
  /** Words before the event: a setting or a gift. */
  readonly opening: readonly string[];
  readonly gift: GiftLabel | undefined;
  /** What happens and, at times, how the person takes it. */
  readonly event: Template;
  readonly isCalm: boolean;
  readonly wait: Template;
  readonly ending: Template;
  readonly cast: Cast;
}

export interface TaleOptions {
  split: Split;
  /** Whether the event has no mood; so in three of ten stories when it is left out. */
  isCalm?: boolean;
}

/** The most words a story has, so that a context of 64 tokens holds it after `<bos>`. */
const longestStory = 63;

/** Draws a story of 3 to 8 sentences. */
export function drawTale(rng: Rng, options: TaleOptions): Tale {
  const { split, isCalm = rng.uniform() < 0.3 } = options;
  for (;;) {
    const tale = tryTale(rng, split, isCalm);
    const { opening, event, wait, ending } = tale;
    if (opening.length + event.length + wait.length + ending.length <= longestStory) return tale;
  }
}

/** Writes a story down in one of the two moods. */
export function tell(tale: Tale, mood: Mood): { words: readonly string[]; label: MoodLabel } {
  const { opening, event, isCalm, wait, ending, cast } = tale;
  const eventEnd = opening.length + event.length;
  const endingStart = eventEnd + wait.length;
  return {
    words: [...opening, ...fill([...event, ...wait, ...ending], cast, mood)],
    label: {
      mood,
      stated: isCalm ? null : { start: opening.length, end: eventEnd },
      ending: { start: endingStart, end: endingStart + ending.length },
    },
  };
}

/** Draws a story that may be too long. */
function tryTale(rng: Rng, split: Split, isCalm: boolean): Tale {
  const gift = rng.uniform() < 0.15 ? drawWithin(split, () => drawGift(rng)) : undefined;
  const people = gift && [gift.label.giver, gift.label.receiver];
  const [name, other] = rng.shuffle(people ?? names) as [string, string];
  const place = gift?.cast.place ?? rng.pick(places);
  const setting = rng.pick(settings);

  const { cast, event } = drawWithin(split, () => {
    const [colour, object] = [rng.pick(colours), rng.pick(objects)];
    const drawn: Cast = { name, other, colour, object, place, ...pronouns(name) };
    const count = isCalm || gift || rng.uniform() < 0.75 ? 1 : 2;
    const template = several(rng, isCalm ? calmEvents : events, count);
    return { cast: drawn, event: template, key: ["story", ...fill(template, drawn)].join("|") };
  });

  const reaction = isCalm || rng.uniform() < 0.4 ? [] : rng.pick(reactions);

  return {
    opening: gift?.words ?? fill(setting, cast),
    gift: gift?.label,
    event: [...event, ...reaction],
    isCalm,
    wait: several(rng, isCalm ? fillers : [...fillers, ...moodFillers], rng.categorical([3, 5, 2])),
    ending: several(rng, endings, rng.uniform() < 0.5 ? 1 : 2),
    cast,
  };
}

/** `count` different sentences in a row. */
function several(rng: Rng, from: readonly Template[], count: number): Template {
  return rng.shuffle(from).slice(0, count).flat();
}
