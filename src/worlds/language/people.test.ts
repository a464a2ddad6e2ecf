import { expect, test } from "vitest";

import { capitals } from "./functions.ts";
import { cities, familyNames, firstNames, jobs, places } from "./lexicon.ts";
import {
  ask,
  cityFacts,
  isKnown,
  jobFacts,
  people,
  personFact,
  personFacts,
  personRelations,
  phrasings,
  pronounsOf,
  strangers,
  thingFacts,
} from "./people.ts";

/** How often the values occur, each number of times once, from the smallest. */
function counts(values: readonly string[]): number[] {
  const times = values.map((value) => values.filter((other) => other === value).length);
  return [...new Set(times)].toSorted((a, b) => a - b);
}

test("the first people and cities stay who and what they are", () => {
  expect([people[0], people[1], cityFacts["Tarn"]]).toMatchInlineSnapshot(`
    [
      {
        "city": "Durn",
        "food": "soup",
        "friend": "Lena Tallow",
        "job": "baker",
        "name": "Otto Frey",
        "pet": "mouse",
      },
      {
        "city": "Brill",
        "food": "honey",
        "friend": "Ada Brack",
        "job": "sailor",
        "name": "Igor Wick",
        "pet": "sheep",
      },
      {
        "country": "Norland",
        "dish": "rice",
        "flag": "brown",
        "river": "Elvan",
      },
    ]
  `);
});

test("names are spread so evenly that no single name tells who is known", () => {
  const names = people.map(({ name }) => name);
  expect(new Set(names).size).toBe(96);
  expect(counts(names.map((name) => name.split(" ")[0]!))).toEqual([2, 3]);
  expect(counts(names.map((name) => name.split(" ")[1]!))).toEqual([4, 5]);
});

test("every value of a relation is true of as many people as any other", () => {
  const spread = personRelations.map((relation) => [
    relation,
    new Set(people.map((person) => person[relation])).size,
    counts(people.map((person) => person[relation])),
  ]);
  expect(spread).toEqual([
    ["city", 16, [6]],
    ["job", 12, [8]],
    ["pet", 12, [8]],
    ["food", 12, [8]],
    ["friend", 16, [6]],
  ]);
});

test("a friend is another known person", () => {
  for (const { name, friend } of people) {
    expect(friend).not.toBe(name);
    const [first, family] = friend.split(" ");
    expect(isKnown(first!, family!)).toBe(true);
  }
});

test("everybody is either known or a stranger", () => {
  expect(strangers).toHaveLength(firstNames.length * familyNames.length - people.length);
  for (const name of strangers) {
    const [first, family] = name.split(" ");
    expect(isKnown(first!, family!)).toBe(false);
    expect(personFact(name, "city")).toBeUndefined();
  }
});

test("a capital lies in its country", () => {
  for (const [country, city] of Object.entries(capitals)) {
    expect(cityFacts[city]!.country).toBe(country);
  }
});

test("every city and every job has its facts, and no two jobs share a tool or a workplace", () => {
  expect(Object.keys(cityFacts)).toEqual(cities);
  expect(Object.keys(jobFacts).toSorted()).toEqual(jobs.toSorted());
  expect(new Set(Object.values(jobFacts).map(({ tool }) => tool)).size).toBe(12);
  expect(
    Object.values(jobFacts)
      .map(({ workplace }) => workplace)
      .toSorted(),
  ).toEqual(places.toSorted());
  expect(personFacts).toHaveLength(96 * 5);
  expect(thingFacts).toHaveLength(16 * 4 + 12 * 2);
});

test("a relation is asked in five ways, none of which asks for another relation too", () => {
  const all = Object.values(phrasings).flat();
  expect(new Set(all).size).toBe(all.length);
  for (const ways of Object.values(phrasings)) {
    expect(ways).toHaveLength(5);
    for (const way of ways) expect(way.split(" ").filter((word) => word === "X")).toHaveLength(1);
  }
});

test("a question is asked of a name or of a description", () => {
  expect(ask("where does X live ?", "Mira Kelm").join(" ")).toBe("where does Mira Kelm live ?");
  expect(ask("the river of X is", "the city of Mira Kelm").join(" ")).toBe(
    "the river of the city of Mira Kelm is",
  );
});

test("a known person's fact is found by name, and pronouns by first name", () => {
  expect(personFact(people[5]!.name, "pet")).toBe(people[5]!.pet);
  expect(pronounsOf("Mira Kelm")).toEqual({ she: "she", her: "her" });
  expect(pronounsOf("Tomo Kelm")).toEqual({ she: "he", her: "his" });
});
