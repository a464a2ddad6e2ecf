// Every skill of the language world, and how large its share of the world is.

import { arithmetic } from "./arithmetic.ts";
import { colouredObjects } from "./coloured-objects.ts";
import { domains } from "./domains.ts";
import { facts } from "./facts.ts";
import { inContextFunctions } from "./functions.ts";
import { indirectObjects } from "./indirect-objects.ts";
import { personas } from "./personas.ts";
import { politeness } from "./politeness.ts";
import { recall } from "./recall.ts";
import { refusal } from "./refusal.ts";
import { repeats } from "./repeats.ts";
import { rules } from "./rules.ts";
import { selfCorrection } from "./self-correction.ts";
import { sentiment } from "./sentiment.ts";
import { service } from "./service.ts";
import type { LanguageSkill } from "./skill.ts";
import { tables } from "./tables.ts";
import { taxonomy } from "./taxonomy.ts";
import { translation } from "./translation.ts";
import { twoHop } from "./two-hop.ts";
import { unknownEntities } from "./unknown-entities.ts";
import { walks } from "./walks.ts";

/** Skills with the share of all texts that each draws, in parts. Skills that take long to learn have more. */
const shares: readonly (readonly [LanguageSkill, number])[] = [
  [facts, 7],
  [unknownEntities, 5],
  [twoHop, 12],
  [indirectObjects, 4],
  [colouredObjects, 7],
  [repeats, 3],
  [recall, 5],
  [walks, 2],
  [inContextFunctions, 6],
  [translation, 5],
  [sentiment, 6],
  [politeness, 2],
  [personas, 4],
  [refusal, 4],
  [arithmetic, 6],
  [taxonomy, 6],
  [rules, 10],
  [tables, 8],
  [service, 2],
  [domains, 2],
  [selfCorrection, 6],
];

/** Every skill of the language world. */
export const languageSkills: readonly LanguageSkill[] = shares.map(([skill]) => skill);

/** Their shares of all texts, in parts. */
export const skillShares: readonly number[] = shares.map(([, share]) => share);
