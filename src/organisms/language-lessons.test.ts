import { expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import { languageSample } from "../worlds/index.ts";
import {
  drawnAt,
  fillerLessons,
  firstLessons,
  readerLessons,
  seekerLessons,
  stateLessons,
} from "./language-lessons.ts";

const lessons = firstLessons(8000);

const ofAll = {
  first: lessons,
  seeker: seekerLessons(8000),
  state: stateLessons(8000),
  reader: readerLessons(8000),
  filler: fillerLessons(8000),
};

test.each(Object.entries(ofAll))(
  "%s lessons follow each other, and leave more than half of the steps to the whole world",
  (_, own) => {
    const ends = own.map(({ until }) => until);
    expect(ends).toEqual(ends.toSorted((a, b) => a - b));
    expect(new Set(ends).size).toBe(ends.length);
    const whole = Array.from({ length: 8000 }, (_, index) => drawnAt(index, own).skills);
    expect(whole.filter((skills) => skills === undefined).length).toBeGreaterThan(4000);
  },
);

test("a step draws from its lesson or from everything", () => {
  const skillsAt = (index: number): string[] | undefined =>
    drawnAt(index, lessons).skills?.map(({ skill }) => skill!);
  expect(skillsAt(0)).toEqual(["repeats"]);
  expect(skillsAt(599)).toEqual(["repeats", "recall"]);
  expect(skillsAt(2000)).toContain("tables");
  expect(skillsAt(2001)).toBeUndefined();
  expect(skillsAt(lessons.at(-1)!.until)).toBeUndefined();
});

test("only answers count in a lesson, and what is said otherwise elsewhere", () => {
  expect(drawnAt(5, lessons).context).toBe(0);
  expect(drawnAt(7999, lessons)).toEqual({});
});

test.each(Object.entries(ofAll))(
  "all of the %s lessons have texts in the half for training",
  (_, own) => {
    for (const drawn of own.flatMap(({ skills }) => skills)) {
      const { answers, skill } = languageSample(new Rng(1), drawn);
      expect(skill).toBe(drawn.skill);
      expect(answers.length).toBeGreaterThan(0);
    }
  },
);
