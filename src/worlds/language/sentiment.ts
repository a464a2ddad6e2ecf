// Moods: small stories and reviews that are happy or sad. Something happens, some time passes, and the ending has the
// mood of what happened. A word pair such as `found/lost` is read as its left word in a happy text and as its right word
// in a sad one, so both tellings have the same form, and the mood words of the skill are exactly the words beside a slash.

import type { Rng } from "../../core/rng.ts";
import { fill } from "../stories-sentences.ts";
import type { Cast, Mood, Template } from "../stories-sentences.ts";
import { toWords } from "../words.ts";
import { animals, cities, colours, firstNames, foods, objects, places, women } from "./lexicon.ts";
import type { Contrast, Knobs, LanguageSkill, Span, Text } from "./skill.ts";

/** What is true of a text with a mood. */
export interface SentimentLabel {
  readonly mood: Mood;
  readonly form: "story" | "review";
  /** Whether nothing before the ending has a mood, so that the ending could have had either. */
  readonly isCalm: boolean;
  /** Where the mood is first stated; null in a calm text. */
  readonly stated: Span | null;
  /** The last one or two sentences before the question, if there is one. */
  readonly ending: Span;
}

/** The sentences of stories, or of reviews of one kind of thing. */
interface Form {
  readonly form: SentimentLabel["form"];
  /** What a review is about, or what people of a story have. */
  readonly things: readonly string[];
  readonly openings: readonly Template[];
  readonly events: readonly Template[];
  readonly calmEvents: readonly Template[];
  readonly endings: readonly Template[];
  readonly questions: readonly Template[];
}

/** What fills the slots of sentences besides people and the thing that a text is about. */
const slots = {
  colour: colours,
  animal: animals,
  food: foods,
  place: places,
  city: cities,
} as const;

const pronouns = {
  woman: { She: "She", her: "her" },
  man: { She: "He", her: "his" },
} as const;

const templates = (...texts: string[]): readonly Template[] => texts.map(toWords);

const fillers = templates(
  "the road was long .",
  "there was a {colour} {animal} near the road .",
  "{other} brought some {food} .",
  "it was still early .",
);

const review = {
  form: "review",
  calmEvents: templates("I came with {other} .", "I saw a {colour} {animal} there ."),
  endings: templates(
    "I loved/hated the {thing} .",
    "what a wonderful/terrible day !",
    "in the end the {thing} made me happy/sad .",
    "I was glad/upset that I came .",
    "I laughed/cried all the way home .",
    "it was the best/worst day of the year .",
  ),
  questions: templates("is the review good or bad ? good/bad ."),
} as const;

const forms: readonly Form[] = [
  {
    form: "story",
    things: objects,
    openings: templates(
      "{name} was at the {place} .",
      "{name} went to the {place} with {other} .",
      "{name} saw {other} near the {place} .",
      "In {city} , {name} had a {animal} .",
    ),
    events: templates(
      "{name} found/lost {her} {colour} {thing} .",
      "{name} fixed/broke {her} {colour} {thing} .",
      "{name} loved/hated {her} {colour} {thing} .",
      "{other} praised/scolded {name} .",
      "{other} helped/pushed {name} .",
      "{other} was kind/rude to {name} .",
      "{name} was proud/ashamed of {her} {thing} .",
      "{other} told {name} the good/bad news .",
      "{name} had a lovely/nasty dream about a {thing} .",
      "{She} was lucky/unlucky .",
    ),
    calmEvents: templates(
      "{name} had a {colour} {thing} .",
      "{other} gave {name} a {colour} {thing} .",
      "{She} ate some {food} .",
    ),
    endings: templates(
      "{She} smiled/frowned all day .",
      "{name} laughed/cried all the way home .",
      "it was the best/worst day of the year .",
      "what a wonderful/terrible day !",
      "in the end {name} was glad/upset .",
      "{She} was happy/sad and went home .",
      "{name} told {other} about the good/bad day .",
    ),
    questions: templates(
      "how does {name} feel ? happy/sad .",
      "was the day good or bad ? good/bad .",
    ),
  },
  {
    ...review,
    things: places,
    openings: templates("I went to the {thing} in {city} .", "I saw the {thing} with {name} ."),
    events: templates(
      "the {thing} was clean/dirty .",
      "{other} was kind/rude to me .",
      "it was warm/cold there .",
    ),
  },
  {
    ...review,
    things: foods,
    openings: templates("I ate {thing} at the {place} .", "I ate the {thing} of {name} ."),
    events: templates(
      "the {thing} tasted good/bad .",
      "{name} gave me fresh/stale {thing} .",
      "the {place} was clean/dirty .",
    ),
  },
  {
    ...review,
    things: objects,
    openings: templates(
      "I bought a {colour} {thing} in {city} .",
      "{name} gave me a {colour} {thing} .",
    ),
    events: templates(
      "the {thing} was strong/weak .",
      "it was a lovely/nasty {thing} .",
      "{other} loved/hated it .",
    ),
  },
];

const every = [
  fillers,
  forms.flatMap(({ openings, events, calmEvents, endings, questions }) =>
    [openings, events, calmEvents, endings, questions].flat(),
  ),
].flat(2);

const pairs = [...new Set(every.filter((word) => word.includes("/")))].map((p) => p.split("/"));

/** The words that only happy texts use, and those that only sad ones use; the two lists run in parallel. */
export const moodWords: Readonly<Record<Mood, readonly string[]>> = {
  happy: pairs.map(([happy]) => happy!),
  sad: pairs.map(([, sad]) => sad!),
};

/**
 * Reads a mood off words.
 *
 * @returns `mixed` when there are words of both moods, `none` when there is no such word
 */
export function moodOf(words: readonly string[]): Mood | "mixed" | "none" {
  const isHappy = words.some((word) => moodWords.happy.includes(word));
  const isSad = words.some((word) => moodWords.sad.includes(word));
  if (isHappy && isSad) return "mixed";
  return isHappy ? "happy" : isSad ? "sad" : "none";
}

/** Stories and reviews that end in the mood in which they began. */
export const sentiment: LanguageSkill<SentimentLabel> = {
  name: "sentiment",
  summary: "Ends a happy story or review happily and a sad one sadly, and tells which it is.",
  vocabulary: [
    ...new Set([
      ...every.flatMap((word) => (word.startsWith("{") ? [] : word.split("/"))),
      ...Object.values(pronouns).flatMap((of) => Object.values(of)),
      ...Object.values(slots).flat(),
      ...firstNames,
      ...objects,
    ]),
  ],
  knobs: {
    calm: { meaning: "1 if four in ten texts have no mood before the ending", least: 0, most: 1 },
    fillers: { meaning: "sentences between what happens and the ending", least: 0, most: 2 },
  },
  draw,
  judge,
  contrast,
};

/** A text whose mood is still open: everything is decided but which side of a slash is read. */
interface Tale {
  readonly form: Form;
  readonly cast: Cast;
  readonly isCalm: boolean;
  readonly opening: Template;
  readonly event: Template;
  readonly wait: Template;
  readonly ending: Template;
  /** Empty if nothing is asked; ends with the answer and a full stop. */
  readonly question: Template;
}

function draw(rng: Rng, knobs: Knobs): Text<SentimentLabel> {
  const isCalm = knobs["calm"]! > 0 && rng.uniform() < 0.4;
  const tale = drawTale(rng, isCalm, knobs["fillers"]!);
  const mood = rng.pick(["happy", "sad"] as const);

  const { form, cast, opening, event, wait, ending, question } = tale;
  const words = tell(tale, mood);
  const start = opening.length + event.length + wait.length;
  const span: Span = { start, end: start + ending.length };
  const asked: Span = { start: words.length - 2, end: words.length - 1 };
  const isAsked = question.length > 0;

  return {
    words,
    // A calm text leaves its ending open, so only the question after it has an answer that follows.
    answers: isAsked ? (isCalm ? [asked] : [span, asked]) : [span],
    label: {
      mood,
      form: form.form,
      isCalm,
      stated: isCalm ? null : { start: opening.length, end: opening.length + event.length },
      ending: span,
    },
    key: ["sentiment", ...fill([...opening, ...event], cast)].join(" "),
    ...(isAsked && { counterfactual: tell(tale, mood === "happy" ? "sad" : "happy") }),
  };
}

function judge(
  written: readonly string[],
  { words, answers, label }: Text<SentimentLabel>,
): boolean {
  const { start, end } = answers.at(-1)!;
  if (end === start + 1) return written[0] === words[start];
  const mood = moodOf(toldIn(written));
  return label.isCalm ? mood === "happy" || mood === "sad" : mood === label.mood;
}

/** What is told before another text begins and before anything is asked, since a question names both moods. */
function toldIn(words: readonly string[]): readonly string[] {
  const mark = words.findIndex((word) => word.startsWith("<"));
  const text = mark < 0 ? words : words.slice(0, mark);
  const asked = text.indexOf("?");
  if (asked < 0) return text;
  const last = text.findLastIndex((word, i) => i < asked && (word === "." || word === "!"));
  return text.slice(0, last + 1);
}

function contrast(rng: Rng): Contrast {
  const tale = drawTale(rng, false, rng.below(3));
  const beginning: Tale = { ...tale, ending: [], question: [] };
  return {
    trait: "happy",
    positive: tell(beginning, "happy"),
    negative: tell(beginning, "sad"),
  };
}

function drawTale(rng: Rng, isCalm: boolean, fillerCount: number): Tale {
  const form = rng.pick(rng.uniform() < 0.5 ? forms.slice(0, 1) : forms.slice(1));
  const [name, other] = rng.shuffle(firstNames) as [string, string];
  const slot = Object.entries(slots).map(([key, words]) => [key, rng.pick(words)] as const);
  const pronoun = pronouns[women.includes(name) ? "woman" : "man"];
  return {
    form,
    cast: { ...Object.fromEntries(slot), ...pronoun, name, other, thing: rng.pick(form.things) },
    isCalm,
    opening: rng.pick(form.openings),
    event: several(rng, isCalm ? form.calmEvents : form.events, 1 + rng.below(2)),
    wait: several(rng, fillers, fillerCount),
    ending: several(rng, form.endings, rng.uniform() < 0.7 ? 1 : 2),
    question: rng.uniform() < 0.5 ? rng.pick(form.questions) : [],
  };
}

/** `count` different sentences in a row. */
function several(rng: Rng, from: readonly Template[], count: number): Template {
  return rng.shuffle(from).slice(0, count).flat();
}

function tell({ opening, event, wait, ending, question, cast }: Tale, mood: Mood): string[] {
  return fill([...opening, ...event, ...wait, ...ending, ...question], cast, mood);
}
