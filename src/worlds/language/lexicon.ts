// Words that several skills share. A word means the same thing wherever it stands.

const list = (words: string): readonly string[] => words.split(" ");

/** People who are called "she". */
export const women = list(
  "Mira Anna Clara Emma Hana Ivy Lena Lily Mei Nora Olga Rosa Ruth Sara Vera Zoe Ada Bea Dora Edith",
);

/** People who are called "he". */
const men = list(
  "Tomo Ali Ben Emil Finn Hugo Jack Ken Leo Max Noah Omar Otto Paul Ravi Sam Abel Carl Dario Igor",
);

/** First names; each is always "she" or always "he". */
export const firstNames: readonly string[] = [...women, ...men];

/** Family names. */
export const familyNames = list(
  "Kelm Orrin Vash Tallow Brack Sedge Loman Pell Quill Marsh Dunn Frey Hale Jasper Nettle Rook Stave Thorn Wick Yarrow",
);

export const colours = list("red blue green yellow white black pink brown silver golden");

/** Things that people hold, give and lose. */
export const objects = list(
  "cup kite ball book hat drum doll lamp bell shell basket flower scarf ring puppet ribbon boat coin pencil whistle",
);

/** Where people go: each can follow "at the". */
export const places = list(
  "market park school beach river library station farm lake museum zoo castle",
);

export const animals = list("cat dog horse sheep duck goose parrot rabbit turtle fox mouse goat");

export const foods = list("bread soup rice cheese honey beans cake fish eggs noodles apples pears");

export const jobs = list(
  "baker doctor teacher painter farmer sailor singer tailor miller gardener writer driver",
);

export const cities = list(
  "Tarn Velt Osmo Brill Canto Durn Eskel Farro Gant Hollin Ister Jarrow Kest Lund Morra Nyle",
);

export const countries = list("Norland Sudria Westmark Estonna Ruvia Calder");

export const digits = list("0 1 2 3 4 5 6 7 8 9");

/** Marks of a conversation: who speaks, where a turn ends, and working that is not part of the answer. */
export const chat = {
  system: "<system>",
  user: "<user>",
  assistant: "<assistant>",
  end: "<end>",
  think: "<think>",
  thought: "</think>",
} as const;

/** What stands before a question that is to be answered with its working. */
export const thinkFirst = "think first .";
