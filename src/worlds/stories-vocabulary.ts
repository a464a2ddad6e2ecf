import { allTemplates } from "./stories-sentences.ts";

const list = (words: string): readonly string[] => words.split(" ");

/** People who are called "she". */
const women = list("Mira Anna Clara Emma Hana Ivy Lena Lily Mei Nora Olga Rosa Ruth Sara Vera Zoe");

/** People who are called "he". */
const men = list("Tomo Ali Ben Emil Finn Hugo Jack Ken Leo Max Noah Omar Otto Paul Ravi Sam");

/** Everyone in the stories world; each is always "she" or always "he". */
export const names: readonly string[] = [...women, ...men];

/** What things in the stories world look like. */
export const colours = list("red blue green yellow white black pink brown silver golden");

/** What people in the stories world find, lose and give away. */
export const objects: readonly string[] = [
  ...list("kite cup ball book hat drum doll lamp bell shell"),
  ...list("basket flower scarf ring puppet ribbon boat coin pencil whistle"),
];

/** Where people in the stories world go: each can follow "at the". */
export const places = list(
  "market park school beach river library station farm lake museum zoo castle",
);

/** Stands before every text and parts one from the next. */
export const bosWord = "<bos>";

/** Fills up a batch whose texts differ in length. */
export const padWord = "<pad>";

/** Stands for any word that the world does not have. */
export const unknownWord = "<unk>";

const womenNames = new Set(women);

/**
 * The pronouns of a person.
 *
 * @param name - one of `names`
 */
export function pronouns(name: string): { she: string; She: string; her: string; Her: string } {
  return womenNames.has(name)
    ? { she: "she", She: "She", her: "her", Her: "Her" }
    : { she: "he", She: "He", her: "his", Her: "His" };
}

/**
 * Every word of the stories world, once, in the order of the token ids: special words, punctuation, names, colours,
 * objects, places, and the words of the sentences in alphabetical order.
 */
export const storiesVocabulary: readonly string[] = [
  ...new Set(
    [
      [padWord, bosWord, unknownWord, ".", ",", "?", "!"],
      [names, colours, objects, places].flat(),
      sentenceWords().toSorted(),
    ].flat(),
  ),
];

function sentenceWords(): string[] {
  const fixed = allTemplates.flat().filter((word) => !word.startsWith("{"));
  const said = [pronouns("Mira"), pronouns("Tomo")].flatMap((cast) => Object.values(cast));
  return [...fixed.flatMap((word) => word.split("/")), ...said];
}
