// Translation between English and Veshti, sentence by sentence. The languages differ in words and in order, and there
// are millions of sentences, so a network has to translate: it cannot have seen them all.

import type { Rng } from "../../core/rng.ts";
import { drawWithin, splitOf } from "../split.ts";
import { animals } from "./lexicon.ts";
import {
  adjectives,
  english,
  englishWords,
  foreign,
  foreignWords,
  nouns,
  verbs,
} from "./second-language.ts";
import type { Adjective, Noun, Phrase, Sentence, Verb } from "./second-language.ts";
import type { LanguageSkill, Span } from "./skill.ts";

/** The languages by the words that announce them. */
export type Language = "English" | "Veshti";

/** A sentence and its translation; spans end after the full stop. */
export interface Translation {
  readonly from: Language;
  readonly to: Language;
  readonly sentence: Sentence;
  readonly source: Span;
  readonly target: Span;
}

/** What is true of a text of translations. */
export interface TranslationLabel {
  readonly translations: readonly Translation[];
  /** Veshti sentences at the end of the text that nobody translates. */
  readonly untranslated: readonly Sentence[];
}

/** What a text says, before it is written. */
interface Content {
  readonly asked: readonly { readonly from: Language; readonly sentence: Sentence }[];
  readonly untranslated: readonly Sentence[];
}

const allNouns = Object.keys(nouns) as Noun[];
const allAdjectives = Object.keys(adjectives) as Adjective[];
const allVerbs = Object.keys(verbs) as Verb[];

/** Nouns that can do something; all can have something done to them. */
const doers = allNouns.filter((noun) => animals.includes(noun));

const say: Readonly<Record<Language, (sentence: Sentence) => string[]>> = {
  English: english,
  Veshti: foreign,
};

export const translation: LanguageSkill<TranslationLabel> = {
  name: "translation",
  summary:
    "Translates sentences from English into Veshti, a language with other words in another order, and back.",
  vocabulary: ["English", "Veshti", ":", ".", ...englishWords, ...foreignWords],
  knobs: {
    sentences: { meaning: "sentences that are translated", least: 1, most: 3 },
    direction: {
      meaning: "0 into Veshti, 1 into English, 2 either for each sentence",
      least: 0,
      most: 2,
    },
  },
  draw: (rng, knobs) => {
    const last = { from: drawSource(rng, knobs["direction"]!), sentence: drawSentence(rng) };
    const key = keyOf(last.sentence);
    // no text of one half holds a sentence of the other
    const drawOther = (): Sentence =>
      drawWithin(splitOf(key), () => {
        const sentence = drawSentence(rng);
        return { sentence, key: keyOf(sentence) };
      }).sentence;
    const before = Array.from({ length: knobs["sentences"]! - 1 }, () => ({
      from: drawSource(rng, knobs["direction"]!),
      sentence: drawOther(),
    }));
    const untranslated = rng.uniform() < 1 / 8 ? [drawOther(), drawOther()] : [];
    const { words, translations } = write({ asked: [...before, last], untranslated });
    const other = { from: last.from, sentence: exchange(rng, last.sentence) };
    return {
      words,
      answers: translations.map(({ target }) => target),
      label: { translations, untranslated },
      key,
      counterfactual: write({ asked: [...before, other], untranslated }).words,
    };
  },
};

function keyOf(sentence: Sentence): string {
  return `translation|${english(sentence).join(" ")}`;
}

function drawSource(rng: Rng, direction: number): Language {
  if (direction === 2) return rng.pick(["English", "Veshti"] as const);
  return direction === 0 ? "English" : "Veshti";
}

/** Draws a sentence whose subject is an animal and whose object is something else. */
function drawSentence(rng: Rng): Sentence {
  const subject = rng.pick(doers);
  return {
    subject: drawPhrase(rng, subject),
    verb: rng.pick(allVerbs),
    tense: rng.pick(["past", "future"] as const),
    object: drawPhrase(rng, pickOther(rng, allNouns, subject)),
  };
}

function drawPhrase(rng: Rng, noun: Noun): Phrase {
  return {
    noun,
    adjective: rng.uniform() < 2 / 3 ? rng.pick(allAdjectives) : null,
    number: rng.pick(["one", "many"] as const),
    isDefinite: rng.uniform() < 0.5,
  };
}

const pickOther = <T>(rng: Rng, items: readonly T[], ...taken: readonly T[]): T =>
  rng.pick(items.filter((item) => !taken.includes(item)));

/** Exchanges a noun, an adjective or the verb for another; the sentence keeps its form, so its length too. */
function exchange(rng: Rng, sentence: Sentence): Sentence {
  const { subject, verb, object } = sentence;
  const [doer, thing] = [subject.noun, object.noun];
  const changes: (() => Partial<Sentence>)[] = [
    () => ({ subject: { ...subject, noun: pickOther(rng, doers, doer, thing) } }),
    () => ({ object: { ...object, noun: pickOther(rng, allNouns, doer, thing) } }),
    () => ({ verb: pickOther(rng, allVerbs, verb) }),
  ];
  for (const part of ["subject", "object"] as const) {
    const phrase = sentence[part];
    if (phrase.adjective === null) continue;
    const adjective = phrase.adjective;
    changes.push(() => ({
      [part]: { ...phrase, adjective: pickOther(rng, allAdjectives, adjective) },
    }));
  }
  return { ...sentence, ...rng.pick(changes)() };
}

function write({ asked, untranslated }: Content): { words: string[]; translations: Translation[] } {
  const words: string[] = [];
  const append = (language: Language, ...sentences: readonly Sentence[]): Span => {
    words.push(language, ":");
    const start = words.length;
    for (const sentence of sentences) words.push(...say[language](sentence), ".");
    return { start, end: words.length };
  };
  const translations = asked.map(({ from, sentence }): Translation => {
    const to = from === "English" ? "Veshti" : "English";
    return { from, to, sentence, source: append(from, sentence), target: append(to, sentence) };
  });
  // Only at the end: before "English :" they would look like something to translate.
  if (untranslated.length > 0) append("Veshti", ...untranslated);
  return { words, translations };
}
