// In which order the language world is taught: what comes first, what is drawn beside everything, and until when.

import type { DrawnSkill, LanguageBatchOptions } from "../worlds/index.ts";

/** A stretch of training in which some skills are drawn apart, each alike. */
export interface Lesson {
  /** The first step that does not belong to it; it begins where the one before ends. */
  readonly until: number;
  readonly skills: readonly DrawnSkill[];
  /** One batch in so many is of these skills, and the others of the whole world. */
  readonly every: number;
}

const [repeats, recall] = [{ skill: "repeats" }, { skill: "recall" }];

/** Pairs of words that stand side by side, of which the first is given. */
const besides = { ...recall, knobs: { apart: 0, backwards: 0 } };

/** The same of three pairs. */
const ofThree = { ...recall, knobs: { ...besides.knobs, pairs: 3 } };

/** What takes looking back: for what goes with a word, and then for what goes with that. */
const lookups: readonly DrawnSkill[] = [
  repeats,
  recall,
  { skill: "coloured-objects" },
  { skill: "indirect-objects" },
  { skill: "tables" },
  { skill: "tables" },
  { skill: "rules" },
  { skill: "rules", knobs: { spelled: 1 } },
  { skill: "self-correction" },
  { skill: "walks" },
];

/**
 * First to repeat, then to tell what goes with the word beside it, then with a word farther off, then to look things up, then
 * everything. Each takes up what the one before left. Only answers count, since what no truth decides, such as which words are
 * listed, drowns the little that they teach.
 *
 * @param steps - of the whole training
 */
export const firstLessons = (steps: number): readonly Lesson[] => [
  { until: 300, skills: [repeats], every: 1 },
  { until: 600, skills: [repeats, { ...recall, knobs: { apart: 0 } }], every: 1 },
  { until: 1000, skills: [repeats, recall], every: 1 },
  ...lastLessons(steps),
];

/**
 * The same for a network that keeps a state of fixed size, and so has to learn what to keep before it can learn where to look: first one of
 * three pairs, then one of many and to repeat. With a state of 16 numbers it repeated 80 % of words after these 900 steps; of the lesson that
 * `firstLessons` begin with, 1 % after 300.
 *
 * @param steps - of the whole training
 */
export const stateLessons = (steps: number): readonly Lesson[] => [
  { until: 400, skills: [ofThree], every: 1 },
  { until: 900, skills: [repeats, besides], every: 1 },
  { until: 1400, skills: [repeats, recall], every: 1 },
  ...lastLessons(steps),
];

/**
 * The same for a network whose heads begin by looking back and for their own word (`seekingHeads`), which leaves little to learn of recall.
 * What takes looking things up goes on beside everything for longer, since chains of rules are what such a network knows last.
 *
 * @param steps - of the whole training
 */
export const seekerLessons = (steps: number): readonly Lesson[] => [
  ...shortLessons,
  ...lastLessons(steps),
  { until: 0.7 * steps, skills: lookups, every: 4 },
];

/**
 * The same for a network whose heads begin by looking for their own word (`ownWordsBehind`), which leaves little to learn of recall, and that
 * reads a text as a whole before it writes.
 *
 * @param steps - of the whole training
 */
export const readerLessons = (steps: number): readonly Lesson[] => [
  ...shortLessons,
  { until: 1000, skills: lookups, every: 1 },
  { until: 0.45 * steps, skills: lookups, every: 4 },
];

/**
 * The same for one that fills words in.
 *
 * @param steps - of the whole training
 */
export const fillerLessons = (steps: number): readonly Lesson[] => [
  ...shortLessons,
  { until: 1400, skills: lookups, every: 1 },
  { until: 0.45 * steps, skills: lookups, every: 3 },
];

/** To repeat and to recall, where heads begin by looking for their own word. */
const shortLessons: readonly Lesson[] = [
  { until: 150, skills: [repeats], every: 1 },
  { until: 400, skills: [repeats, besides, besides, besides], every: 1 },
  { until: 700, skills: [repeats, recall], every: 1 },
];

/** To look things up, at first alone and then beside everything. */
const lastLessons = (steps: number): readonly Lesson[] => [
  { until: 2000, skills: lookups, every: 1 },
  { until: 0.45 * steps, skills: lookups, every: 2 },
];

/** What is drawn in a step: the whole world, or the skills of a lesson, of which only answers count. */
export function drawnAt(
  index: number,
  lessons: readonly Lesson[],
): Pick<LanguageBatchOptions, "skills" | "context"> {
  const lesson = lessons.find(({ until }) => index < until);
  return lesson === undefined || index % lesson.every > 0
    ? {}
    : { skills: lesson.skills, context: 0 };
}
