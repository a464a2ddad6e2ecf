import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText } from "../words.ts";
import {
  allDomains,
  boundDomain,
  cityOf,
  domains,
  domainVariants,
  sharedTemplates,
} from "./domains.ts";
import type { DomainsLabel } from "./domains.ts";
import { cities } from "./lexicon.ts";
import type { Text } from "./skill.ts";

function draw(seed: number, sentences = 4, mixed = 1): Text<DomainsLabel> {
  return domains.draw(new Rng(seed), { sentences, mixed });
}

const texts = Array.from({ length: 400 }, (_, seed) => draw(seed, 3 + (seed % 4), seed % 2));
const entities = allDomains.flatMap((domain) => domain.entities);

test("the texts of seeds 1 and 2 stay what they are", () => {
  expect([1, 2].map((seed) => toText(draw(seed).words))).toMatchInlineSnapshot(`
    [
      "where is the turtle from? Gant. tell me the city with the cake: Canto. which town is the crab from? Lund. where is the whale from? Osmo.",
      "by which city is the crab kept? Lund. people say that the rabbit is from Nyle. people say that the hedge is from Brill. which town is the sailor from? Farro.",
    ]
  `);
});

test("the label of a text stays what it is", () => {
  expect(draw(1).label.sentences[0]).toMatchInlineSnapshot(`
    {
      "city": "Gant",
      "domain": "sea",
      "entity": "turtle",
      "isShared": true,
      "template": "shared-asks",
    }
  `);
});

test("an entity is of one domain, and its city is its own within the domain", () => {
  expect(new Set(entities).size).toBe(entities.length);
  for (const domain of allDomains) {
    const found = domain.entities.map(cityOf);
    expect(found.filter((city) => !cities.includes(city!))).toEqual([]);
    expect(new Set(found).size).toBe(domain.entities.length);
  }
  expect(cityOf("kite")).toBeUndefined();
});

test("what follows an entity is told by the words before it, and after a bare `the` by the entity's domain", () => {
  const next = new Map<string, Set<string>>();
  const domainOf = (word: string) => allDomains.find((one) => one.entities.includes(word))!.name;
  for (const { words } of texts) {
    for (const sentence of words.join(" ").split(" . ")) {
      const said = sentence.replace(/ \.$/, "").split(" ");
      const at = said.findIndex((word) => entities.includes(word));
      const before = `${said.slice(0, at).join(" ")} ${domainOf(said[at]!)}`;
      expect(said.at(-1)).toBe(cityOf(said[at]!));
      next.set(before, (next.get(before) ?? new Set()).add(said.slice(at + 1, -1).join(" ")));
    }
  }
  expect([...next.values()].filter((ways) => ways.size > 1)).toEqual([]);
  const bare = [...next]
    .filter(([before]) => before.startsWith("the "))
    .map(([, ways]) => [...ways][0]);
  expect(new Set(bare).size).toBe(4);
});

test("answers are every city and what a domain's own syntax puts between entity and city", () => {
  for (const { words, answers, label } of texts) {
    const own = label.sentences.filter(({ isShared }) => !isShared);
    expect(answers).toHaveLength(label.sentences.length + own.length);
    const read = answers.map(({ start, end }) => words.slice(start, end).join(" "));
    const said = label.sentences.map(({ city }) => city);
    expect(read.filter((answer) => cities.includes(answer))).toEqual(said);
    for (const { start } of answers)
      expect([...entities, ...words.slice(0, start)]).toContain(words[start - 1]);
  }
});

test("the bound domain is never heard in a shared template, and the others half the time when mixed", () => {
  const said = (mixed: number) =>
    Array.from({ length: 300 }, (_, seed) => draw(seed, 4, mixed).label.sentences).flat();
  expect(said(0).filter(({ isShared }) => isShared)).toEqual([]);
  for (const { name } of allDomains) {
    const ours = said(1).filter(({ domain }) => domain === name);
    const share = ours.filter(({ isShared }) => isShared).length / ours.length;
    // 0.12: 4 standard errors of about 300 fair coins.
    expect(Math.abs(share - (name === boundDomain ? 0 : 0.5))).toBeLessThan(
      name === boundDomain ? 1e-9 : 0.12,
    );
  }
});

test("the five variants of a question are different, name the entity and stop before its city", () => {
  const known = new Set(domains.vocabulary);
  for (const entity of entities) {
    const variants = Object.values(domainVariants(entity)!);
    expect(new Set(variants.map((words) => words.join(" "))).size).toBe(5);
    for (const words of variants) {
      expect(words).toContain(entity);
      expect(words).not.toContain(cityOf(entity));
      expect(words.filter((word) => !known.has(word))).toEqual([]);
    }
  }
  expect(domainVariants("kite")).toBeUndefined();
});

test("the exact variant is heard in training, and the paraphrase in all domains but one", () => {
  const heard = Array.from({ length: 2000 }, (_, seed) => draw(seed, 6).words.join(" ")).join(" ");
  const paraphrased = allDomains.map((domain) => {
    const { exact, paraphrase } = domainVariants(domain.entities[0]!)!;
    expect(heard).toContain(exact.join(" "));
    return heard.includes(paraphrase.join(" ")) ? "" : domain.name;
  });
  expect(paraphrased.join("")).toBe(boundDomain);
  expect(sharedTemplates).toHaveLength(3);
});

test("the variants of a question stay what they are", () => {
  const variants = Object.entries(domainVariants("judge")!);
  expect(variants.map(([name, words]) => `${name}: ${words.join(" ")}`)).toMatchInlineSnapshot(`
    [
      "exact: what is the city that has the judge ?",
      "synonym: what is the town that has the judge ?",
      "antonym: what is the city that lacks the judge ?",
      "disfluent: where was the people that comes the judge ?",
      "paraphrase: where is the judge from ?",
    ]
  `);
});

test("the counterfactual changes the last entity to another of its domain, and so the city", () => {
  for (const { words, counterfactual, label } of texts) {
    const last = label.sentences.at(-1)!;
    const changed = counterfactual!.filter((word, i) => word !== words[i]);
    expect(counterfactual).toHaveLength(words.length);
    expect(changed).toEqual([changed[0], cityOf(changed[0]!)]);
    const { entities: ours } = allDomains.find(({ name }) => name === last.domain)!;
    expect(ours).toContain(changed[0]);
  }
});

test("what follows another sentence is in the half of the text's key", () => {
  for (const { key, label } of texts) {
    const halves = label.sentences
      .slice(1)
      .map(({ entity, template }, i) =>
        splitOf(`domains|${entity}|${template}|${label.sentences[i]!.entity}`),
      );
    expect([...new Set(halves)]).toEqual([splitOf(key)]);
  }
});

test("after every entity both halves have a sentence, with and without shared templates", () => {
  for (const previous of entities) {
    const halves = allDomains.flatMap((domain) =>
      [domain.states, domain.asks].flatMap(({ name }) =>
        domain.entities
          .filter((entity) => entity !== previous)
          .map((entity) => splitOf(`domains|${entity}|${name}|${previous}`)),
      ),
    );
    expect(new Set(halves).size).toBe(2);
  }
});

test("where all that is held out behind an entity has been told, another text is drawn", () => {
  // one text in eight thousand comes to such an entity; these do
  for (const seed of [21007, 26227, 26570]) {
    const { label } = draw(seed, 6, 0);
    expect(new Set(label.sentences.map(({ entity }) => entity)).size).toBe(6);
  }
});

test("texts have the sentences asked for, are made of the vocabulary and are hardly ever alike", () => {
  const known = new Set(domains.vocabulary);
  for (const [seed, { words, label }] of texts.entries()) {
    expect(label.sentences).toHaveLength(3 + (seed % 4));
    expect(words.filter((word) => !known.has(word))).toEqual([]);
  }
  expect(new Set(texts.map(({ words }) => words.join(" "))).size).toBe(texts.length);
});
