import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText } from "../words.ts";
import {
  capitals,
  functions,
  functionsThatFit,
  inContextFunctions,
  listWords,
} from "./functions.ts";
import type { FunctionLabel, Pair } from "./functions.ts";
import { cities, countries } from "./lexicon.ts";
import type { Text } from "./skill.ts";

const sample = (count: number, examples: number): Text<FunctionLabel>[] =>
  Array.from({ length: count }, (_, seed) => inContextFunctions.draw(new Rng(seed), { examples }));

const many = [3, 4, 5, 6].flatMap((examples) => sample(300, examples));

/** Reads the pairs of a text without looking at its label. */
const readPairs = (words: readonly string[]): Pair[] =>
  words
    .slice(0, -1)
    .join(" ")
    .split(" ; ")
    .map((pair) => {
      const [input, output] = pair.split(" : ");
      return { input: input!, output: output! };
    });

const named = (name: string) => functions.find((each) => each.name === name)!;

test("the texts of seeds 1 and 2 stay what they are", () => {
  const [, one, two] = sample(3, 4);
  expect([toText(one!.words), toText(two!.words)]).toMatchInlineSnapshot(`
    [
      "carry: carried; like: liked; take: took; bring: brought; want: wanted.",
      "sky: blue; cherry: red; sea: blue; milk: white; snow: white.",
    ]
  `);
});

test("each function gives what its name says", () => {
  const given = (name: string, inputs: string[]) => inputs.map((input) => named(name).apply(input));
  expect(given("antonym", ["hot", "cold", "king"])).toEqual(["cold", "hot", undefined]);
  expect(given("next", ["0", "8", "9", "Sunday"])).toEqual(["1", "9", undefined, "Monday"]);
  expect(given("previous", ["0", "9", "Monday"])).toEqual([undefined, "8", "Sunday"]);
  expect(given("capital", ["Norland", "Calder"])).toEqual(["Tarn", "Durn"]);
  expect(given("plural", ["cat", "red"])).toEqual(["cats", undefined]);
  expect(given("past", ["see", "bring"])).toEqual(["saw", "brought"]);
  expect(given("colour", ["grass", "snow"])).toEqual(["green", "white"]);
  expect(given("young", ["cat", "goose"])).toEqual(["kitten", "gosling"]);
  expect(given("sound", ["cat", "goose"])).toEqual(["meow", "honk"]);
  expect(given("counterpart", ["uncle", "aunt"])).toEqual(["aunt", "uncle"]);
  expect(given("into-veshti", ["cat", "red", "see"])).toEqual(["zivo", "rudim", "vidresh"]);
  expect(given("from-veshti", ["zivo", "cat"])).toEqual(["cat", undefined]);
  expect(given("copy", ["cat", "zivo", "kitten"])).toEqual(["cat", "zivo", undefined]);
  expect(given("first", ["cup kite ball", "cup"])).toEqual(["cup", undefined]);
  expect(given("last", ["cup kite ball", "cup"])).toEqual(["ball", undefined]);
});

test("every country has a capital of its own", () => {
  expect(Object.keys(capitals)).toEqual(countries);
  expect(new Set(Object.values(capitals)).size).toBe(countries.length);
  for (const city of Object.values(capitals)) expect(cities).toContain(city);
});

test("no pair belongs to two functions, so one example tells which it is", () => {
  for (const { name, pairs } of functions) {
    for (const pair of pairs) {
      expect(functionsThatFit([pair]).map((fitting) => fitting.name)).toEqual([name]);
    }
  }
});

test("most inputs belong to several functions, so the input alone does not tell which it is", () => {
  const inputs = functions.flatMap(({ pairs }) => pairs.map(({ input }) => input));
  const owners = (input: string) => functions.filter(({ apply }) => apply(input) !== undefined);
  expect(Math.min(...inputs.map((input) => owners(input).length))).toBeGreaterThanOrEqual(2);
  expect(owners("cat").map(({ name }) => name)).toMatchInlineSnapshot(`
    [
      "plural",
      "young",
      "sound",
      "into-veshti",
      "copy",
    ]
  `);
});

test("a text shows different pairs of the function that its label names, and none backwards", () => {
  for (const { words, label } of many) {
    const pairs = readPairs(words);
    expect(pairs).toEqual([...label.examples, label.query]);
    const { apply } = named(label.function);
    expect(pairs.map(({ input }) => apply(input))).toEqual(pairs.map(({ output }) => output));
    const shown = new Set(pairs.map(({ input, output }) => `${input}:${output}`));
    expect(shown.size).toBe(pairs.length);
    const others = pairs.filter(({ input, output }) => input !== output);
    expect(others.filter(({ input, output }) => shown.has(`${output}:${input}`))).toEqual([]);
  }
});

test("the examples fit one function alone, and all outputs after the first are answers", () => {
  for (const { words, answers, label } of many) {
    expect(functionsThatFit(label.examples).map(({ name }) => name)).toEqual([label.function]);
    const said = answers.map(({ start, end }) => words.slice(start, end).join(" "));
    expect(said).toEqual([...label.examples.slice(1), label.query].map(({ output }) => output));
  }
});

test("a counterfactual asks for another word of the same function", () => {
  for (const { words, answers, label, counterfactual } of many) {
    expect(counterfactual).toHaveLength(words.length);
    const pairs = readPairs(counterfactual!);
    const { input, output } = pairs.at(-1)!;
    expect(pairs.slice(0, -1)).toEqual(label.examples);
    expect(output).toBe(named(label.function).apply(input));
    expect(output).not.toBe(label.query.output);
    expect(counterfactual![answers.at(-1)!.start]).toBe(output);
  }
});

test("`examples` is how many are shown, unless the function has too few pairs", () => {
  for (const examples of [3, 4, 5, 6]) {
    for (const { label } of sample(200, examples)) {
      const most = label.function === "capital" ? 4 : 6;
      expect(label.examples).toHaveLength(Math.min(examples, most));
    }
  }
});

test("all words are in the vocabulary, and all functions and words of the vocabulary are used", () => {
  const used = new Set(many.flatMap(({ words }) => words));
  expect([...used].toSorted()).toEqual([...inContextFunctions.vocabulary].toSorted());
  expect(new Set(many.map(({ label }) => label.function)).size).toBe(functions.length);
});

test("functions of a list find it in the words that lists are made of", () => {
  for (const { label } of many) {
    if (label.function !== "first" && label.function !== "last") continue;
    const words = label.query.input.split(" ");
    expect(words).toHaveLength(3);
    for (const word of words) expect(listWords).toContain(word);
  }
});

test("texts differ, and one key in eight is held out, of every function", () => {
  expect(new Set(many.map(({ words }) => words.join(" "))).size).toBeGreaterThan(
    0.95 * many.length,
  );
  const heldOut = many.filter(({ key }) => splitOf(key) === "heldOut");
  // 0.125 with a standard error of 0.01 for 1200 keys.
  expect(heldOut.length / many.length).toBeGreaterThan(0.09);
  expect(heldOut.length / many.length).toBeLessThan(0.16);
  expect(new Set(heldOut.map(({ label }) => label.function)).size).toBe(functions.length);
});

test("the same examples in another order have the same key", () => {
  const texts = sample(3000, 4).filter(({ label }) => label.function === "capital");
  for (const { key, label } of texts) {
    const inputs = label.examples.map(({ input }) => input).toSorted();
    expect(key).toBe(["functions", "capital", label.query.input, ...inputs].join("|"));
  }
  // 6 queries with 4 of the 5 other countries each, in 24 orders.
  expect(new Set(texts.map(({ key }) => key)).size).toBe(30);
  expect(new Set(texts.map(({ words }) => words.join(" "))).size).toBeGreaterThan(100);
});
