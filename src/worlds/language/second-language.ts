// Veshti, a language that is spoken nowhere else, and as much English as it has words for. Its verb comes last, its
// adjectives follow their nouns, and small words at the end of a phrase say "many", "the" and "it is over":
//
//   the big cats saw a red kite
//   zivo granim mo li flirro rudim vidresh ka      cat big MANY THE kite red see PAST
//
// Nouns end in -o or -u, adjectives in -im and verbs in -esh. Every sentence has one form in each language.

/** Veshti nouns by their English words, whose plurals all end in -s. */
export const nouns = {
  cat: "zivo",
  dog: "torgu",
  horse: "hastavo",
  duck: "kvako",
  goat: "mekro",
  rabbit: "lupsu",
  turtle: "skarno",
  parrot: "arvu",
  cup: "chonu",
  kite: "flirro",
  ball: "gombu",
  drum: "dambo",
  lamp: "luzo",
  ring: "ondu",
} as const;

/** Veshti adjectives by their English words. */
export const adjectives = {
  red: "rudim",
  blue: "modrim",
  green: "zelnim",
  black: "chernim",
  white: "belvim",
  big: "granim",
  small: "piklim",
  new: "novrim",
} as const;

/** Veshti verbs by their English words, which stand after "will". */
export const verbs = {
  see: "vidresh",
  find: "trovesh",
  take: "nakesh",
  hide: "kashesh",
  carry: "portresh",
  follow: "sekvesh",
  like: "amresh",
  want: "volnesh",
  drop: "falkesh",
  bring: "doresh",
} as const;

export type Noun = keyof typeof nouns;
export type Adjective = keyof typeof adjectives;
export type Verb = keyof typeof verbs;

/** The English past of each verb. */
export const pasts: Readonly<Record<Verb, string>> = {
  see: "saw",
  find: "found",
  take: "took",
  hide: "hid",
  carry: "carried",
  follow: "followed",
  like: "liked",
  want: "wanted",
  drop: "dropped",
  bring: "brought",
};

/** Veshti words that stand for no English word of their own. */
const particles = { many: "mo", the: "li", past: "ka" } as const;

/** The English plural of a noun. */
export const plural = (noun: Noun): string => `${noun}s`;

/** What a sentence says of someone or something. */
export interface Phrase {
  readonly noun: Noun;
  readonly adjective: Adjective | null;
  readonly number: "one" | "many";
  /** Whether it is "the" cat; otherwise it is any. */
  readonly isDefinite: boolean;
}

/** What a sentence says, in neither language. */
export interface Sentence {
  readonly subject: Phrase;
  readonly verb: Verb;
  readonly tense: "past" | "future";
  readonly object: Phrase;
}

const keys = <K extends string>(record: Readonly<Record<K, string>>) => Object.keys(record) as K[];

/** Finds the key of a word. */
const lookup = <K extends string>(known: readonly K[], word: (key: K) => string) =>
  new Map(known.map((key) => [word(key), key]));

const same = (word: string) => word;

const englishWordsFor = {
  article: lookup(["the", "a"], same),
  adjective: lookup(keys(adjectives), same),
  one: lookup(keys(nouns), same),
  many: lookup(keys(nouns), plural),
  will: lookup(["will"], same),
  verb: lookup(keys(verbs), same),
  past: lookup(keys(verbs), (verb) => pasts[verb]),
};

const foreignWordsFor = {
  noun: lookup(keys(nouns), (noun) => nouns[noun]),
  adjective: lookup(keys(adjectives), (adjective) => adjectives[adjective]),
  many: lookup(["many"], () => particles.many),
  the: lookup(["the"], () => particles.the),
  verb: lookup(keys(verbs), (verb) => verbs[verb]),
  past: lookup(["past"], () => particles.past),
};

const wordsOf = (lookups: Readonly<Record<string, ReadonlyMap<string, string>>>) =>
  Object.values(lookups).flatMap((words) => [...words.keys()]);

/** Every word of the English sentences. */
export const englishWords: readonly string[] = wordsOf(englishWordsFor);

/** Every word of Veshti. */
export const foreignWords: readonly string[] = wordsOf(foreignWordsFor);

/**
 * Says a sentence in English.
 *
 * @returns its words without a full stop, such as `["the", "cat", "saw", "red", "kites"]`
 */
export function english({ subject, verb, tense, object }: Sentence): string[] {
  const said = tense === "past" ? [pasts[verb]] : ["will", verb];
  return [...englishPhrase(subject), ...said, ...englishPhrase(object)];
}

function englishPhrase({ noun, adjective, number, isDefinite }: Phrase): string[] {
  const article = isDefinite ? ["the"] : number === "one" ? ["a"] : [];
  return [...article, ...(adjective ? [adjective] : []), number === "one" ? noun : plural(noun)];
}

/**
 * Says a sentence in Veshti.
 *
 * @returns its words without a full stop, such as `["zivo", "li", "flirro", "rudim", "mo", "vidresh", "ka"]`
 */
export function foreign({ subject, verb, tense, object }: Sentence): string[] {
  const past = tense === "past" ? [particles.past] : [];
  return [...foreignPhrase(subject), ...foreignPhrase(object), verbs[verb], ...past];
}

function foreignPhrase({ noun, adjective, number, isDefinite }: Phrase): string[] {
  return [
    nouns[noun],
    ...(adjective ? [adjectives[adjective]] : []),
    ...(number === "many" ? [particles.many] : []),
    ...(isDefinite ? [particles.the] : []),
  ];
}

/**
 * Reads an English sentence: the inverse of `english`.
 *
 * @param words - a sentence without its full stop
 * @returns what it says; undefined when these words are no sentence that `english` writes
 */
export function readEnglish(words: readonly string[]): Sentence | undefined {
  const left = [...words];
  const subject = readEnglishPhrase(left);
  const isFuture = take(left, englishWordsFor.will) !== undefined;
  const verb = take(left, isFuture ? englishWordsFor.verb : englishWordsFor.past);
  const object = readEnglishPhrase(left);
  if (!subject || !verb || !object) return undefined;
  const sentence: Sentence = { subject, verb, tense: isFuture ? "future" : "past", object };
  return isSame(english(sentence), words) ? sentence : undefined;
}

function readEnglishPhrase(left: string[]): Phrase | undefined {
  const isDefinite = take(left, englishWordsFor.article) === "the";
  const adjective = take(left, englishWordsFor.adjective) ?? null;
  const one = take(left, englishWordsFor.one);
  const noun = one ?? take(left, englishWordsFor.many);
  return noun && { noun, adjective, number: one ? "one" : "many", isDefinite };
}

/**
 * Reads a Veshti sentence: the inverse of `foreign`.
 *
 * @param words - a sentence without its full stop
 * @returns what it says; undefined when these words are no sentence that `foreign` writes
 */
export function readForeign(words: readonly string[]): Sentence | undefined {
  const left = [...words];
  const subject = readForeignPhrase(left);
  const object = readForeignPhrase(left);
  const verb = take(left, foreignWordsFor.verb);
  const tense = take(left, foreignWordsFor.past) ?? "future";
  if (!subject || !verb || !object) return undefined;
  const sentence: Sentence = { subject, verb, tense, object };
  return isSame(foreign(sentence), words) ? sentence : undefined;
}

function readForeignPhrase(left: string[]): Phrase | undefined {
  const noun = take(left, foreignWordsFor.noun);
  const adjective = take(left, foreignWordsFor.adjective) ?? null;
  const number = take(left, foreignWordsFor.many) ?? "one";
  const isDefinite = take(left, foreignWordsFor.the) !== undefined;
  return noun && { noun, adjective, number, isDefinite };
}

/** Takes the next word off `left` if it is one of `known`, and says what it stands for. */
function take<K extends string>(left: string[], known: ReadonlyMap<string, K>): K | undefined {
  const found = known.get(left[0] ?? "");
  if (found !== undefined) left.shift();
  return found;
}

// Reading is lenient about articles and about words left over; saying the sentence again is what makes it exact.
const isSame = (said: readonly string[], words: readonly string[]) =>
  said.length === words.length && said.every((word, i) => word === words[i]);
