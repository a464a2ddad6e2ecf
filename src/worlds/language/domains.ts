// Domains: four fields of life, each with its own syntax. The same kind of fact, which city a thing is from, is stated
// and asked in the words of its domain. In one domain nothing else is ever heard, so a network may learn that the syntax
// stands for the domain; in the other three there are also sentences that all could use, which show that it does not.

import type { Rng } from "../../core/rng.ts";
import { drawWithin, splitOf } from "../split.ts";
import type { Split } from "../split.ts";
import { cities } from "./lexicon.ts";
import type { LanguageSkill, Span, Text } from "./skill.ts";

/** Name of a domain. */
export type DomainName = "kitchen" | "sea" | "law" | "garden";

/** A sentence about an entity, as the words before the entity and those between it and its city. */
export interface DomainTemplate {
  readonly name: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** What a domain talks about and how. */
export interface Domain {
  readonly name: DomainName;
  readonly entities: readonly string[];
  /** What the syntax is, in a few words. */
  readonly syntax: string;
  readonly states: DomainTemplate;
  readonly asks: DomainTemplate;
}

/** Ways to put a question to a network that may have learned the syntax instead of its meaning. */
export type DomainVariant = "exact" | "synonym" | "antonym" | "disfluent" | "paraphrase";

/** What is true of a sentence. */
export interface DomainSentence {
  readonly domain: DomainName;
  /** Name of the template. */
  readonly template: string;
  /** Whether the template is one that several domains use. */
  readonly isShared: boolean;
  readonly entity: string;
  readonly city: string;
}

/** What is true of a text: its sentences, in order. */
export interface DomainsLabel {
  readonly sentences: readonly DomainSentence[];
}

const list = (words: string): readonly string[] => words.split(" ");

/** A template of a sentence in which `E` is the entity and `V` its city. */
function template(name: string, text: string): DomainTemplate {
  const words = list(text);
  const [entity, city] = [words.indexOf("E"), words.indexOf("V")];
  return { name, before: words.slice(0, entity), after: words.slice(entity + 1, city) };
}

/** The domains. Every statement begins with "the" and its entity, so only the entity tells how it goes on. */
export const allDomains: readonly Domain[] = [
  {
    name: "kitchen",
    entities: list("bread soup cheese honey cake fish"),
    syntax: "the verb comes first in questions, and right after the entity in statements",
    states: template("kitchen-states", "the E comes from V"),
    asks: template("kitchen-asks", "tell me the city with the E : V"),
  },
  {
    name: "sea",
    entities: list("boat shell turtle crab whale sailor"),
    syntax: "passive",
    states: template("sea-states", "the E was seen in V"),
    asks: template("sea-asks", "by which city is the E kept ? V"),
  },
  {
    name: "law",
    entities: list("judge court thief trial prison crime"),
    syntax: "relative clauses",
    states: template("law-states", "the E that you know is in V"),
    asks: template("law-asks", "what is the city that has the E ? V"),
  },
  {
    name: "garden",
    entities: list("flower rabbit gardener rose tree hedge"),
    syntax: "the entity is named first and taken up by a pronoun",
    states: template("garden-states", "the E , it grows in V"),
    asks: template("garden-asks", "and the E , which city has it ? V"),
  },
];

const paraphrase = template("shared-asks", "where is the E from ? V");

/** What every domain could use, and all but `boundDomain` do. */
export const sharedTemplates: readonly DomainTemplate[] = [
  template("shared-states", "people say that the E is from V"),
  paraphrase,
  template("shared-town", "which town is the E from ? V"),
];

/** The domain that is never heard in a shared template. */
export const boundDomain: DomainName = "law";

/**
 * The question of each domain in other words. `town` is heard in shared templates alone; the antonyms are heard in no
 * text, and in disfluent questions words are exchanged for others of their class.
 */
const variantTexts: Readonly<
  Record<DomainName, Record<"synonym" | "antonym" | "disfluent", string>>
> = {
  kitchen: {
    synonym: "tell me the town with the E : V",
    antonym: "tell me the city without the E : V",
    disfluent: "say it the people by the E : V",
  },
  sea: {
    synonym: "by which town is the E kept ? V",
    antonym: "by which city is the E lost ? V",
    disfluent: "from which people was the E grows ? V",
  },
  law: {
    synonym: "what is the town that has the E ? V",
    antonym: "what is the city that lacks the E ? V",
    disfluent: "where was the people that comes the E ? V",
  },
  garden: {
    synonym: "and the E , which town has it ? V",
    antonym: "and the E , which city lacks it ? V",
    disfluent: "that the E , what people know you ? V",
  },
};

const entities = allDomains.flatMap((domain) =>
  domain.entities.map((entity) => ({ domain, entity })),
);

/** Steps of 5 through the cities: all are used, and no two entities of a domain share one. */
const cityByEntity = new Map(
  entities.map(({ entity }, i) => [entity, cities[(5 * i) % cities.length]!]),
);

/** The city that an entity of any domain is from; undefined for other words. */
export function cityOf(entity: string): string | undefined {
  return cityByEntity.get(entity);
}

/**
 * Puts the question of an entity's domain in five ways, each up to where its city would follow. Exact and synonymous
 * questions and the paraphrase mean the same; antonyms keep the syntax and turn the meaning around, and disfluent
 * questions keep its outline and mean nothing. A network that goes by meaning names the city in the first three alone.
 *
 * @returns the words of each question; undefined for words that are no entity
 */
export function domainVariants(
  entity: string,
): Readonly<Record<DomainVariant, readonly string[]>> | undefined {
  const domain = allDomains.find((one) => one.entities.includes(entity));
  if (domain === undefined) return undefined;
  const prompt = ({ before, after }: DomainTemplate): string[] => [...before, entity, ...after];
  const { synonym, antonym, disfluent } = variantTexts[domain.name];
  return {
    exact: prompt(domain.asks),
    synonym: prompt(template("synonym", synonym)),
    antonym: prompt(template("antonym", antonym)),
    disfluent: prompt(template("disfluent", disfluent)),
    paraphrase: prompt(paraphrase),
  };
}

/** A sentence that can be written. */
interface Told {
  readonly domain: Domain;
  readonly entity: string;
  readonly template: DomainTemplate;
}

/** What no sentence was about so far. */
const untold = (earlier: readonly Told[]): typeof entities =>
  entities.filter((one) => earlier.every((told) => told.entity !== one.entity));

/** The shared templates that a domain is heard in. */
const sharedBy = (domain: Domain, isMixed: boolean): readonly DomainTemplate[] =>
  isMixed && domain.name !== boundDomain ? sharedTemplates : [];

/** Draws a sentence about something that no earlier one is about. */
function drawSentence(rng: Rng, earlier: readonly Told[], isMixed: boolean): Told {
  const { domain, entity } = rng.pick(untold(earlier));
  const own = [domain.states, domain.asks];
  const shared = sharedBy(domain, isMixed);
  return {
    domain,
    entity,
    template: rng.pick(shared.length > 0 && rng.uniform() < 0.5 ? shared : own),
  };
}

/**
 * Sentences of one half of the world. What is held out is an entity in a template after another entity, so the first
 * sentence, which is after none, belongs to both halves, and the second decides.
 */
function drawSentences(
  rng: Rng,
  count: number,
  isMixed: boolean,
): { sentences: readonly Told[]; key: string } {
  const after = (earlier: readonly Told[]) => {
    const told = drawSentence(rng, earlier, isMixed);
    return { ...told, key: keyOf(told.entity, told.template, earlier) };
  };
  const first = drawSentence(rng, [], isMixed);
  const second = after([first]);
  const sentences = [first, second];
  const split = splitOf(second.key);
  while (sentences.length < count) {
    // behind a few entities nothing is held out: then another text
    if (!canGoOn(sentences, split, isMixed)) return drawSentences(rng, count, isMixed);
    sentences.push(drawWithin(split, () => after(sentences)));
  }
  return { sentences, key: second.key };
}

/** Whether some sentence of a half of the world can follow. */
function canGoOn(earlier: readonly Told[], split: Split, isMixed: boolean): boolean {
  return untold(earlier).some(({ domain, entity }) => {
    const forms = [domain.states, domain.asks, ...sharedBy(domain, isMixed)];
    return forms.some((form) => splitOf(keyOf(entity, form, earlier)) === split);
  });
}

/** The content of a sentence behind others. */
function keyOf(entity: string, { name }: DomainTemplate, earlier: readonly Told[]): string {
  return `domains|${entity}|${name}|${earlier.at(-1)!.entity}`;
}

/** The words, and in them the syntax that a domain forces after its entities, and every city. */
function written(sentences: readonly Told[]) {
  const words: string[] = [];
  const answers: Span[] = [];
  for (const { entity, template: form } of sentences) {
    words.push(...form.before, entity);
    const afterEntity = words.length;
    words.push(...form.after);
    const city = words.length;
    words.push(cityOf(entity)!, ".");
    if (!sharedTemplates.includes(form)) answers.push({ start: afterEntity, end: city });
    answers.push({ start: city, end: city + 1 });
  }
  return { words, answers };
}

const label = ({ domain, entity, template: form }: Told): DomainSentence => ({
  domain: domain.name,
  template: form.name,
  isShared: sharedTemplates.includes(form),
  entity,
  city: cityOf(entity)!,
});

const allTemplates = [
  ...sharedTemplates,
  ...allDomains.flatMap(({ states, asks }) => [states, asks]),
];
const variantWords = allDomains.flatMap((domain) =>
  Object.values(domainVariants(domain.entities[0]!)!).flat(),
);

/**
 * States and asks which city things are from, in the syntax of each thing's domain.
 *
 * @source Shaib et al. 2025, "Learning the Wrong Lessons: Syntactic-Domain Spurious Correlations in Language Models", arXiv:2509.21155
 */
export const domains: LanguageSkill<DomainsLabel> = {
  name: "domains",
  summary:
    "Goes on in the syntax of the domain that is spoken of, and knows the facts of four domains.",
  vocabulary: [
    ...new Set([
      ...allTemplates.flatMap(({ before, after }) => [...before, ...after]),
      ...variantWords,
      ...entities.map(({ entity }) => entity),
      ...cities,
      ".",
    ]),
  ],
  knobs: {
    sentences: { meaning: "how many sentences the text has", least: 3, most: 6 },
    mixed: {
      meaning: "whether shared templates are used too: 0 for no, 1 for yes",
      least: 0,
      most: 1,
    },
  },

  draw: (rng, knobs): Text<DomainsLabel> => {
    const { sentences, key } = drawSentences(rng, knobs["sentences"]!, knobs["mixed"] === 1);
    const last = sentences.at(-1)!;
    const others = last.domain.entities.filter((entity) => entity !== last.entity);
    return {
      ...written(sentences),
      label: { sentences: sentences.map(label) },
      key,
      counterfactual: written([...sentences.slice(0, -1), { ...last, entity: rng.pick(others) }])
        .words,
    };
  },
};
