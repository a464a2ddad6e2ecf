// Questions about people of whom nothing is known, between questions about people who are known.

import type { Rng } from "../../core/rng.ts";
import { drawWithin } from "../split.ts";
import { drawOthers, drawQuestion, facts, toLine, wordsIn, write } from "./facts.ts";
import type { Question } from "./facts.ts";
import { personFacts, personRelations, phrasings, strangers } from "./people.ts";
import type { Fact } from "./people.ts";
import type { LanguageSkill, Text } from "./skill.ts";

/** Whom a text asks about. */
export interface UnknownEntitiesLabel {
  /** One for each answer. */
  readonly questions: readonly (Fact & { readonly isKnown: boolean })[];
}

/** The answer to every question about a stranger. */
export const unknownAnswer = "unknown";

/**
 * Tells strangers from known people: what is asked of a stranger is `unknown`.
 *
 * The names give nothing away one by one, as known people have them too; a held-out stranger is asked about in no text of
 * the training half. Where the last question is about a known person, its key is that of the question in `facts`.
 */
export const unknownEntities: LanguageSkill<UnknownEntitiesLabel> = {
  name: "unknown-entities",
  summary:
    "Answers `unknown` when asked about a stranger, and what is true when asked about a known person.",
  vocabulary: wordsIn([facts.vocabulary.join(" "), strangers.join(" "), unknownAnswer]),
  knobs: {
    questions: { meaning: "questions in a text", least: 3, most: 6 },
    known: { meaning: "whether the last question is about a known person", least: 0, most: 1 },
  },
  draw: (rng, knobs) => {
    const last =
      knobs["known"] === 1 ? drawQuestion(rng, personFacts) : askStranger(rng, strangers);
    const before = drawOthers([last], knobs["questions"]! - 1, () =>
      drawWithin("train", () =>
        rng.uniform() < 0.5 ? drawQuestion(rng, personFacts) : askStranger(rng, strangers),
      ),
    );
    return textOf(rng, before, last);
  },
};

function textOf(rng: Rng, before: readonly Question[], last: Question): Text<UnknownEntitiesLabel> {
  const questions = [...before, last];
  const swapped = namesake(rng, last, before);
  return {
    ...write(questions.map(toLine)),
    label: {
      questions: questions.map(({ subject, relation, answer }) => ({
        subject,
        relation,
        answer,
        isKnown: answer !== unknownAnswer,
      })),
    },
    key: last.key,
    ...(swapped && { counterfactual: write([...before, swapped].map(toLine)).words }),
  };
}

function askStranger(rng: Rng, from: readonly string[]): Question {
  const subject = rng.pick(from);
  const relation = rng.pick(personRelations);
  const phrasing = rng.below(phrasings[relation].length);
  return { subject, relation, phrasing, answer: unknownAnswer, key: `unknown-entities|${subject}` };
}

/**
 * The same question about somebody of the same first name who is known if this person is not, or the other way round;
 * undefined for friends, whose names are longer than `unknown`.
 */
function namesake(rng: Rng, last: Question, before: readonly Question[]): Question | undefined {
  if (last.relation === "friend") return undefined;
  const first = last.subject.split(" ")[0]!;
  const isFree = (subject: string): boolean =>
    subject.split(" ")[0] === first && !before.some((question) => question.subject === subject);

  if (last.answer !== unknownAnswer) {
    return { ...last, subject: rng.pick(strangers.filter(isFree)), answer: unknownAnswer };
  }
  const known = personFacts.filter(
    ({ subject, relation }) => relation === last.relation && isFree(subject),
  );
  return known.length > 0 ? { ...last, ...rng.pick(known) } : undefined;
}
