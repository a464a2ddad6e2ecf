import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { LONGEST_TEXT, languageBatch } from "./batch.ts";
import type { LanguageBatch, LanguageBatchOptions } from "./batch.ts";
import { languageSample, languageVocabulary } from "./world.ts";
import type { LanguageSample } from "./world.ts";

const tokens = ["<pad>", "<bos>", "<eos>", ...languageVocabulary];
const ids = new Map(tokens.map((word, id) => [word, id]));

/** One text of a row, with all that the batch says of its tokens. */
interface Packed {
  readonly words: readonly string[];
  readonly positions: readonly number[];
  readonly segment: number;
  readonly weights: readonly number[];
}

/** The texts of every row, parted where the segment changes; padding has segment 0. */
function rowsOf(batch: LanguageBatch, pos: number): Packed[][] {
  const size = batch.tokens.length / pos;
  return Array.from({ length: size }, (_, row) => {
    const all = Array.from({ length: pos }, (_, i) => row * pos + i);
    const numbers = [...new Set(all.map((i) => batch.segments[i]!))];
    return numbers.map((segment) => {
      const own = all.filter((i) => batch.segments[i] === segment);
      return {
        words: own.map((i) => tokens[batch.tokens[i]!]!),
        positions: own.map((i) => batch.positions[i]!),
        segment,
        weights: own.map((i) => batch.weights[i]!),
      };
    });
  });
}

const paddingOf = ({ segments }: LanguageBatch): number =>
  segments.filter((segment) => segment === 0).length / segments.length;

/** What a batch of this seed draws from, by the text between `<bos>` and `<eos>`. */
function drawnFrom(seed: number, { split, skills }: Partial<LanguageBatchOptions>) {
  const rng = new Rng(seed);
  const samples = Array.from({ length: 150 }, () =>
    languageSample(rng, {
      ...(split && { split }),
      ...(skills && rng.pick(skills)),
    }),
  );
  return new Map(samples.map((sample) => [`<bos> ${sample.words.join(" ")} <eos>`, sample]));
}

/** A tenth, in single precision. */
const tenth = Math.fround(0.1);

/** What each token of a text is worth: nobody predicts `<bos>`, and slips are not imitated. */
function expectedWeights({ words, answers, slips = [] }: LanguageSample): number[] {
  const within = (spans: typeof answers, at: number): boolean =>
    spans.some(({ start, end }) => at >= start && at < end);
  const inText = words.map((_, i) => (within(slips, i) ? 0 : within(answers, i) ? 1 : tenth));
  return [0, ...inText, tenth];
}

const sizes: LanguageBatchOptions[] = [
  { batch: 1, pos: LONGEST_TEXT + 3 },
  { batch: 16, pos: 128 },
  { batch: 8, pos: 256, split: "heldOut" },
];

test.each(sizes)("rows of $batch x $pos hold whole texts, numbered from 1", (size) => {
  const drawn = drawnFrom(1, size);
  const batch = languageBatch(new Rng(1), ids, size);
  const rows = rowsOf(batch, size.pos);
  const inTurn = rows.flat().flatMap(({ words }) => words);
  expect(inTurn).toEqual(Array.from(batch.tokens, (id) => tokens[id]));
  const texts = rows.flatMap((row) => row.filter(({ segment }) => segment > 0));
  const read = texts.map(({ words }) => words.join(" "));
  expect(read.filter((text) => !drawn.has(text))).toEqual([]);
  expect(new Set(read).size).toBe(read.length);
  for (const row of rows) {
    const numbers = row.map(({ segment }) => segment).filter((segment) => segment > 0);
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  }
});

test("positions count the tokens of each text, and weights are those of its answers and slips", () => {
  const options = {
    batch: 16,
    pos: 128,
    skills: [{ skill: "self-correction" }, { skill: "tables" }],
  };
  const drawn = drawnFrom(2, options);
  const rows = rowsOf(languageBatch(new Rng(2), ids, options), 128);
  for (const { words, positions, segment, weights } of rows.flat()) {
    if (segment === 0) continue;
    expect(positions).toEqual(words.map((_, i) => i));
    expect(weights).toEqual(expectedWeights(drawn.get(words.join(" "))!));
  }
});

test("padding stands at the end of a row and is worth nothing", () => {
  for (const row of rowsOf(languageBatch(new Rng(3), ids, { batch: 16, pos: 128 }), 128)) {
    const at = row.findIndex(({ segment }) => segment === 0);
    if (at < 0) continue;
    expect(at).toBe(row.length - 1);
    const { words, positions, weights } = row[at]!;
    expect(new Set(words)).toEqual(new Set(["<pad>"]));
    expect([...positions, ...weights].every((value) => value === 0)).toBe(true);
  }
});

test.each([
  { batch: 16, pos: 128, most: 0.06 },
  { batch: 8, pos: 256, most: 0.04 },
])("at most $most of $batch rows of $pos is padding", ({ most, ...size }) => {
  for (let seed = 0; seed < 10; seed++) {
    expect(paddingOf(languageBatch(new Rng(seed), ids, size))).toBeLessThan(most);
  }
});

test("the same seed gives the same batch, and goes on to another", () => {
  const options = { batch: 4, pos: 128 };
  const [rng, other] = [new Rng(4), new Rng(4)];
  const first = languageBatch(rng, ids, options);
  expect(languageBatch(other, ids, options)).toEqual(first);
  expect(languageBatch(rng, ids, options).tokens).not.toEqual(first.tokens);
});

test("a batch draws from the skills that are named, and from nothing else", () => {
  const skills = [{ skill: "walks" }, { skill: "arithmetic" }];
  const rows = rowsOf(languageBatch(new Rng(5), ids, { batch: 8, pos: 128, skills }), 128);
  const texts = rows.flat().filter(({ segment }) => segment > 0);
  const isSum = texts.map(({ words }) => words.includes("<think>"));
  expect(new Set(isSum)).toEqual(new Set([true, false]));
  expect(texts.every(({ words }, i) => isSum[i] || !words.includes("."))).toBe(true);
});

test("a word without an id is refused", () => {
  const fewer = new Map(ids);
  fewer.delete(".");
  expect(() => languageBatch(new Rng(1), fewer, { batch: 1, pos: 128 }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: languageBatch: the word "." has no token id.
      fix: give ids for every word of languageVocabulary and for <bos>, <eos> and <pad>.]
  `);
});

test("rows that a text may not fit in are refused, and no rows", () => {
  expect(() =>
    languageBatch(new Rng(1), ids, { batch: 1, pos: 120 }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: languageBatch: pos is 120, not an integer of at least 121.]`,
  );
  expect(() =>
    languageBatch(new Rng(1), ids, { batch: 0, pos: 128 }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: languageBatch: batch is 0, not an integer of at least 1.]`,
  );
});

test("an empty list of skills is refused", () => {
  expect(() => languageBatch(new Rng(1), ids, { batch: 1, pos: 128, skills: [] }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: languageBatch: skills is empty, so there is nothing to draw.
      fix: name a skill, or leave skills out to draw from all.]
  `);
});

test("words that no truth decides count as much as `context` says, which is a share", () => {
  const weightsAt = (context: number): number[] =>
    Array.from(languageBatch(new Rng(6), ids, { batch: 4, pos: 128, context }).weights);
  expect(new Set(weightsAt(0))).toEqual(new Set([0, 1]));
  expect(new Set(weightsAt(0.5))).toEqual(new Set([0, 0.5, 1]));
  for (const context of [-0.1, 1.1, NaN]) {
    expect(() => weightsAt(context)).toThrow(/context is .* must be a number from 0 to 1/);
  }
});
