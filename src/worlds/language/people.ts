// Who lives in the language world and what is true there. One fixed seed decides all of it, so that every network meets the
// same people. A network cannot work these facts out, it has to have learnt them.

import { Rng } from "../../core/rng.ts";
import {
  animals,
  cities,
  colours,
  countries,
  familyNames,
  firstNames,
  foods,
  jobs,
  women,
} from "./lexicon.ts";

/** What is known of a person. */
export const personRelations = ["city", "job", "pet", "food", "friend"] as const;
/** What is known of a city. */
export const cityRelations = ["country", "river", "flag", "dish"] as const;
/** What is known of a job. */
export const jobRelations = ["tool", "workplace"] as const;

export type PersonRelation = (typeof personRelations)[number];
export type CityRelation = (typeof cityRelations)[number];
export type JobRelation = (typeof jobRelations)[number];
export type Relation = PersonRelation | CityRelation | JobRelation;

/** A known person. */
export interface Person extends Readonly<Record<PersonRelation, string>> {
  /** First name and family name, such as `Mira Kelm`; `friend` is the name of another person in the same form. */
  readonly name: string;
}

/** Something that is true of a person, of a city or of a job. */
export interface Fact {
  /** As questions name it: `Mira Kelm`, `Tarn` or `a baker`. */
  readonly subject: string;
  readonly relation: Relation;
  /** One word; a friend has two. */
  readonly answer: string;
}

const rivers = "Alba Brenn Corra Dray Elvan Fenn Gala Hurn Isla Jura Kyre Lossa".split(" ");

/** What people of each job use, and where they do. */
export const jobFacts: Readonly<Record<string, Readonly<Record<JobRelation, string>>>> = {
  baker: { tool: "whisk", workplace: "market" },
  doctor: { tool: "lancet", workplace: "castle" },
  teacher: { tool: "ruler", workplace: "school" },
  painter: { tool: "brush", workplace: "museum" },
  farmer: { tool: "plough", workplace: "farm" },
  sailor: { tool: "compass", workplace: "beach" },
  singer: { tool: "trumpet", workplace: "park" },
  tailor: { tool: "needle", workplace: "lake" },
  miller: { tool: "sieve", workplace: "river" },
  gardener: { tool: "spade", workplace: "zoo" },
  writer: { tool: "pen", workplace: "library" },
  driver: { tool: "wrench", workplace: "station" },
};

const chance = new Rng(0x9e0b1e);

/** What is true of each city. */
export const cityFacts = drawCities();

/**
 * The known people: 96 of the 800 pairs of a first name and a family name. Every first name is in two or three of them and
 * every family name in four or five, so that neither tells by itself who is known.
 */
export const people: readonly Person[] = drawPeople(96);

/** All other pairs of names: people of whom nothing is known. */
export const strangers: readonly string[] = firstNames
  .flatMap((first) => familyNames.map((family) => `${first} ${family}`))
  .filter((name) => !people.some((person) => person.name === name));

/** Everything that is known of people. */
export const personFacts: readonly Fact[] = people.flatMap((person) =>
  personRelations.map((relation) => ({
    subject: person.name,
    relation,
    answer: person[relation],
  })),
);

/** Everything that is known of cities and of jobs. */
export const thingFacts: readonly Fact[] = [
  ...cities.flatMap((city) =>
    cityRelations.map((relation) => ({
      subject: city,
      relation,
      answer: cityFacts[city]![relation],
    })),
  ),
  ...jobs.flatMap((job) =>
    jobRelations.map((relation) => ({
      subject: `a ${job}`,
      relation,
      answer: jobFacts[job]![relation],
    })),
  ),
];

const peopleByName = new Map(people.map((person) => [person.name, person]));

/** Tells whether anything is known of the person with these names. */
export function isKnown(first: string, family: string): boolean {
  return peopleByName.has(`${first} ${family}`);
}

/**
 * Looks up what is true of a known person.
 *
 * @param name - such as `Mira Kelm`
 * @returns the answer, such as `Tarn`; undefined for a stranger
 */
export function personFact(name: string, relation: PersonRelation): string | undefined {
  return peopleByName.get(name)?.[relation];
}

/** How a person is called after the first mention. */
export function pronounsOf(name: string): { she: string; her: string } {
  return women.includes(name.split(" ")[0]!)
    ? { she: "she", her: "her" }
    : { she: "he", her: "his" };
}

/** Ways to ask for each relation of somebody or something `X`; the answer comes directly after. */
export const phrasings: Readonly<Record<Relation, readonly string[]>> = {
  city: [
    "where does X live ?",
    "what is the city of X ?",
    "in which city does X live ?",
    "the city of X is",
    "name the city of X .",
  ],
  job: [
    "what is the job of X ?",
    "which job does X have ?",
    "what work does X do ?",
    "as what does X work ?",
    "name the job of X .",
  ],
  pet: [
    "what is the pet of X ?",
    "which pet does X have ?",
    "which animal does X keep ?",
    "which animal lives with X ?",
    "name the pet of X .",
  ],
  food: [
    "what does X like to eat ?",
    "which food does X like ?",
    "what is the food of X ?",
    "the food of X is",
    "name the food of X .",
  ],
  friend: [
    "who is the friend of X ?",
    "with whom does X spend time ?",
    "which friend does X have ?",
    "the friend of X is",
    "name the friend of X .",
  ],
  country: [
    "what is the country of X ?",
    "in which country is X ?",
    "to which country does X belong ?",
    "the country of X is",
    "name the country of X .",
  ],
  river: [
    "what is the river of X ?",
    "which river flows through X ?",
    "by which river is X ?",
    "the river of X is",
    "name the river of X .",
  ],
  flag: [
    "what is the flag of X like ?",
    "which colour is the flag of X ?",
    "what colour does the flag of X have ?",
    "the flag of X is",
    "name the colour of the flag of X .",
  ],
  dish: [
    "what is the dish of X ?",
    "which dish do people cook in X ?",
    "what do people eat in X ?",
    "the dish of X is",
    "name the dish of X .",
  ],
  tool: [
    "what is the tool of X ?",
    "which tool does X use ?",
    "which tool does X need ?",
    "with which tool does X work ?",
    "name the tool of X .",
  ],
  workplace: [
    "what is the workplace of X ?",
    "at which place does X work ?",
    "to which place does X go for work ?",
    "which place is the workplace of X ?",
    "name the workplace of X .",
  ],
};

/**
 * Asks for a relation.
 *
 * @param phrasing - one of `phrasings`
 * @param subject - stands for its `X`, such as `Mira Kelm` or `the city of Mira Kelm`
 * @returns the words up to the answer
 */
export function ask(phrasing: string, subject: string): string[] {
  return phrasing.split(" ").flatMap((word) => (word === "X" ? subject.split(" ") : word));
}

function drawCities(): Readonly<Record<string, Readonly<Record<CityRelation, string>>>> {
  const columns = {
    // The first six cities are the capitals.
    country: [...countries, ...evenly(countries, cities.length - countries.length)],
    river: evenly(rivers, cities.length),
    flag: evenly(colours, cities.length),
    dish: evenly(foods, cities.length),
  };
  return Object.fromEntries(
    cities.map((city, i) => [
      city,
      {
        country: columns.country[i]!,
        river: columns.river[i]!,
        flag: columns.flag[i]!,
        dish: columns.dish[i]!,
      },
    ]),
  );
}

function drawPeople(count: number): Person[] {
  const names = drawUntil(
    () => {
      const families = evenly(familyNames, count);
      return evenly(firstNames, count).map((first, i) => `${first} ${families[i]!}`);
    },
    (drawn) => new Set(drawn).size === count,
  );
  // Sixteen people have all the friends: a friend is then shared, as a city and a job are, and what holds for the friend of
  // one person can be worked out from others.
  const friends = drawUntil(
    () => evenly(names.slice(0, 16), count),
    (drawn) => drawn.every((friend, i) => friend !== names[i]),
  );
  const columns = [cities, jobs, animals, foods].map((values) => evenly(values, count));
  return names.map((name, i) => {
    const [city, job, pet, food] = columns.map((column) => column[i]!) as [
      string,
      string,
      string,
      string,
    ];
    return { name, city, job, pet, food, friend: friends[i]! };
  });
}

/** `count` values in random order, each as often as any other or once more. */
function evenly(values: readonly string[], count: number): string[] {
  const order = chance.shuffle(values);
  return chance.shuffle(Array.from({ length: count }, (_, i) => order[i % order.length]!));
}

function drawUntil<T>(draw: () => T, isGood: (drawn: T) => boolean): T {
  for (;;) {
    const drawn = draw();
    if (isGood(drawn)) return drawn;
  }
}
