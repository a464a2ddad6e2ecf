// In-context functions: a few examples of a function, such as word and antonym, and a word to apply it to. Which function
// it is has to be gathered from the examples, since most words are inputs of several; what it gives for a word is known
// by heart. Prompts of this form are what function vectors are taken from.

import type { Rng } from "../../core/rng.ts";
import { animals, colours, digits, objects } from "./lexicon.ts";
import { adjectives, nouns, pasts, plural, verbs } from "./second-language.ts";
import type { Noun } from "./second-language.ts";
import type { LanguageSkill, Span } from "./skill.ts";

/** What a function is given, one word or three parted by spaces, and the word that it gives. */
export interface Pair {
  readonly input: string;
  readonly output: string;
}

/** A function that examples can show. */
export interface InContextFunction {
  /** Such as `antonym`. */
  readonly name: string;
  /** All it maps; none for functions of a list, which take any three of `listWords`. */
  readonly pairs: readonly Pair[];
  /** What it gives, or undefined for what it does not map. */
  readonly apply: (input: string) => string | undefined;
  /** Draws different inputs: all that it maps, or enough lists for a text. */
  readonly drawInputs: (rng: Rng) => readonly string[];
}

/** What is true of a text. */
export interface FunctionLabel {
  /** The name of the function. */
  readonly function: string;
  readonly examples: readonly Pair[];
  /** The last pair; its output is the last answer. */
  readonly query: Pair;
}

/** The capital of each country. */
export const capitals: Readonly<Record<string, string>> = {
  Norland: "Tarn",
  Sudria: "Velt",
  Westmark: "Osmo",
  Estonna: "Brill",
  Ruvia: "Canto",
  Calder: "Durn",
};

/** The words that lists are made of. */
export const listWords: readonly string[] = [...objects, ...colours, ...animals];

/** Reads pairs such as `cat:kitten dog:puppy`. */
const read = (text: string): Pair[] =>
  text.split(" ").map((pair) => {
    const [input, output] = pair.split(":") as [string, string];
    return { input, output };
  });

const pairsOf = (record: Readonly<Record<string, string>>): Pair[] =>
  Object.entries(record).map(([input, output]) => ({ input, output }));

const reversed = (pairs: readonly Pair[]): Pair[] =>
  pairs.map(({ input, output }) => ({ input: output, output: input }));

const bothWays = (pairs: readonly Pair[]): Pair[] => [...pairs, ...reversed(pairs)];

const antonyms = read(
  "hot:cold big:small up:down old:new wet:dry fast:slow happy:sad early:late hard:soft long:short rich:poor clean:dirty full:empty loud:quiet",
);

const days = read(
  "Monday:Tuesday Tuesday:Wednesday Wednesday:Thursday Thursday:Friday Friday:Saturday Saturday:Sunday Sunday:Monday",
);

const followers: readonly Pair[] = [
  ...digits.slice(1).map((output, i) => ({ input: digits[i]!, output })),
  ...days,
];

// At most two things of a colour, so that whatever is asked, something of another colour could have been asked.
const colourPairs = read(
  "grass:green leaf:green sky:blue sea:blue snow:white milk:white blood:red cherry:red sun:yellow coal:black",
);

const young = read(
  "cat:kitten dog:puppy horse:foal sheep:lamb duck:duckling goose:gosling goat:kid fox:cub",
);

const sounds = read(
  "cat:meow dog:bark horse:neigh sheep:bleat duck:quack goose:honk parrot:squawk mouse:squeak",
);

const counterparts = read(
  "king:queen man:woman boy:girl father:mother brother:sister son:daughter uncle:aunt prince:princess",
);

const dictionary = pairsOf({ ...nouns, ...adjectives, ...verbs });

const wordFunctions: readonly InContextFunction[] = [
  mapping("antonym", bothWays(antonyms)),
  mapping("next", followers),
  mapping("previous", reversed(followers)),
  mapping("capital", pairsOf(capitals)),
  mapping(
    "plural",
    Object.keys(nouns).map((noun) => ({ input: noun, output: plural(noun as Noun) })),
  ),
  mapping("past", pairsOf(pasts)),
  mapping("colour", colourPairs),
  mapping("young", young),
  mapping("sound", sounds),
  mapping("counterpart", bothWays(counterparts)),
  mapping("into-veshti", dictionary),
  mapping("from-veshti", reversed(dictionary)),
];

/** Whatever a function takes can also be copied, so that no word gives its function away. */
const copied = [...new Set(wordFunctions.flatMap(({ pairs }) => pairs.map(({ input }) => input)))];

/**
 * Every function.
 *
 * @source Todd et al. 2023, arXiv:2310.15213, for the form of the prompts and most kinds of function
 */
export const functions: readonly InContextFunction[] = [
  ...wordFunctions,
  mapping(
    "copy",
    copied.map((word) => ({ input: word, output: word })),
  ),
  ofList("first", 0),
  ofList("last", 2),
];

function mapping(name: string, pairs: readonly Pair[]): InContextFunction {
  const outputs = new Map(pairs.map(({ input, output }) => [input, output]));
  const inputs = [...outputs.keys()];
  return {
    name,
    pairs,
    apply: (input) => outputs.get(input),
    drawInputs: (rng) => rng.shuffle(inputs),
  };
}

/** The function that gives the word at `place` of a list of three. */
function ofList(name: string, place: number): InContextFunction {
  return {
    name,
    pairs: [],
    apply: (input) => {
      const words = input.split(" ");
      return words.length === 3 ? words[place] : undefined;
    },
    drawInputs: (rng) => {
      const words = rng.shuffle(listWords);
      return Array.from({ length: words.length / 3 }, (_, i) =>
        words.slice(3 * i, 3 * i + 3).join(" "),
      );
    },
  };
}

/**
 * Lists the functions that some examples could be of.
 *
 * @returns functions that map every example as it is shown; all functions when there is no example
 */
export function functionsThatFit(examples: readonly Pair[]): readonly InContextFunction[] {
  return functions.filter(({ apply }) =>
    examples.every(({ input, output }) => apply(input) === output),
  );
}

/** Whether an output follows from the pairs before it: all functions that they could be of agree on it. */
function isDetermined(before: readonly Pair[], { input, output }: Pair): boolean {
  const outputs = functionsThatFit(before).map(({ apply }) => apply(input));
  return outputs.every((other) => other === undefined || other === output);
}

export const inContextFunctions: LanguageSkill<FunctionLabel> = {
  name: "functions",
  summary:
    "Gathers from examples which function is meant, such as antonym or capital, and applies it to another word.",
  vocabulary: [
    ...new Set([
      ...functions.flatMap(({ pairs }) => pairs.flatMap(({ input, output }) => [input, output])),
      ...listWords,
      ":",
      ";",
      ".",
    ]),
  ],
  knobs: {
    examples: {
      meaning: "examples before the query; two fewer than the function has pairs at most",
      least: 3,
      most: 6,
    },
  },
  draw: (rng, knobs) => {
    const drawn = rng.pick(functions);
    const pairs = drawPairs(rng, drawn);
    const count = Math.min(knobs["examples"]!, pairs.length - 2);
    const [examples, query] = [pairs.slice(0, count), pairs[count]!];
    const other = pairs.slice(count + 1).find(({ output }) => output !== query.output)!;

    const shown = [...examples, query];
    const { words, outputs } = write(shown);
    const inputs = examples.map(({ input }) => input).toSorted();
    return {
      words,
      answers: outputs.filter((_, i) => isDetermined(shown.slice(0, i), shown[i]!)),
      label: { function: drawn.name, examples, query },
      key: ["functions", drawn.name, query.input, ...inputs].join("|"),
      counterfactual: write([...examples, other]).words,
    };
  },
};

/** Draws pairs of a function, none of which is another one read backwards. */
function drawPairs(rng: Rng, { apply, drawInputs }: InContextFunction): Pair[] {
  const seen = new Set<string>();
  const pairs: Pair[] = [];
  for (const input of drawInputs(rng)) {
    const output = apply(input)!;
    if (seen.has(`${output}:${input}`)) continue;
    seen.add(`${input}:${output}`);
    pairs.push({ input, output });
  }
  return pairs;
}

/** Writes `hot : cold ; big : small .` and says where the outputs are. */
function write(pairs: readonly Pair[]): { words: string[]; outputs: Span[] } {
  const words: string[] = [];
  const outputs = pairs.map(({ input, output }, i): Span => {
    words.push(...input.split(" "), ":", output, i + 1 < pairs.length ? ";" : ".");
    return { start: words.length - 2, end: words.length - 1 };
  });
  return { words, outputs };
}
