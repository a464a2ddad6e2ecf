// Questions that take two facts: one leads from a person to a city, a job or a friend, the other one on from there.

import type { Rng } from "../../core/rng.ts";
import { drawWithin } from "../split.ts";
import { drawOthers, wordsIn } from "./facts.ts";
import { chat, thinkFirst } from "./lexicon.ts";
import {
  ask,
  cityFacts,
  cityRelations,
  jobFacts,
  jobRelations,
  people,
  personFact,
  personFacts,
  phrasings,
  thingFacts,
} from "./people.ts";
import type { Person, Relation } from "./people.ts";
import type { LanguageSkill, Span } from "./skill.ts";

/** What lies between a person and the answer. */
export type Bridge = "city" | "job" | "friend";

/** A question and the two facts that answer it. */
export interface TwoHop {
  /** The person's name. */
  readonly subject: string;
  readonly bridge: Bridge;
  /** The city, the job or the friend of the person. */
  readonly entity: string;
  /** What is asked of `entity`. */
  readonly relation: Relation;
  readonly answer: string;
}

/** What a text asks. */
export interface TwoHopLabel {
  /** One for each answer. */
  readonly questions: readonly (TwoHop & { readonly isSpelled: boolean })[];
}

interface TwoHopQuestion extends TwoHop {
  readonly phrasing: string;
  readonly key: string;
}

/** Every question that takes two facts: 96 people, ten relations. */
export const twoHops: readonly TwoHop[] = people.flatMap((person) => [
  ...cityRelations.map((relation) =>
    hop(person, "city", relation, cityFacts[person.city]![relation]),
  ),
  ...jobRelations.map((relation) => hop(person, "job", relation, jobFacts[person.job]![relation])),
  ...(["city", "job", "pet", "food"] as const).map((relation) =>
    hop(person, "friend", relation, personFact(person.friend, relation)!),
  ),
]);

/** What a question says for each bridge; people stand for their jobs. */
const subjects: Readonly<Record<Bridge, string>> = {
  city: "the city of X",
  job: "X",
  friend: "the friend of X",
};

/** What the working says before the bridge. */
const workings: Readonly<Record<Bridge, string>> = {
  city: "X lives in",
  job: "X works as a",
  friend: "the friend of X is",
};

/**
 * Composition of two facts.
 *
 * What is held out is a person together with a bridge and what is asked of it, such as the country of Mira Kelm's city:
 * training shows it in no text of this skill, in any words, while it shows other questions about that city and other
 * questions about Mira Kelm, and `facts` shows each of the two facts. The skill is measured with `spelled` at 0, where the
 * answer comes at once. After `think first .` the first fact is written out before the answer.
 */
export const twoHop: LanguageSkill<TwoHopLabel> = {
  name: "two-hop",
  summary:
    "Answers a question about the city, the job or the friend of a person without being told who or what that is.",
  vocabulary: wordsIn([
    ...Object.values(phrasings).flat(),
    ...[...personFacts, ...thingFacts].flatMap(({ subject, answer }) => [subject, answer]),
    ...Object.values(subjects),
    ...Object.values(workings),
    `in which country does X live ? ${thinkFirst} ${chat.think} ${chat.thought}`,
  ]),
  knobs: {
    questions: { meaning: "questions in a text", least: 3, most: 4 },
    spelled: { meaning: "last questions whose working is written out", least: 0, most: 2 },
  },
  draw: (rng, knobs) => {
    const { questions: count, spelled } = knobs as { questions: number; spelled: number };
    const last = drawTwoHop(rng, twoHops);
    const before = drawOthers([last], count - 1, () =>
      drawWithin("train", () => drawTwoHop(rng, twoHops)),
    );
    const swapped = drawWithin("train", () =>
      drawTwoHop(
        rng,
        twoHops.filter(
          ({ subject, bridge, relation, answer }) =>
            bridge === last.bridge &&
            relation === last.relation &&
            answer !== last.answer &&
            !before.some((question) => question.subject === subject),
        ),
      ),
    );
    const questions = [...before, last];
    const firstSpelled = count - spelled;
    return {
      ...write(questions, firstSpelled),
      label: {
        questions: questions.map(({ subject, bridge, entity, relation, answer }, i) => ({
          subject,
          bridge,
          entity,
          relation,
          answer,
          isSpelled: i >= firstSpelled,
        })),
      },
      key: last.key,
      counterfactual: write([...before, { ...swapped, phrasing: last.phrasing }], firstSpelled)
        .words,
    };
  },
};

function hop(person: Person, bridge: Bridge, relation: Relation, answer: string): TwoHop {
  return { subject: person.name, bridge, entity: person[bridge], relation, answer };
}

function drawTwoHop(rng: Rng, from: readonly TwoHop[]): TwoHopQuestion {
  const drawn = rng.pick(from);
  const { subject, bridge, relation } = drawn;
  const about = phrasings[relation].map((phrasing) => phrasing.replace("X", subjects[bridge]));
  const also = relation === "country" ? ["in which country does X live ?"] : [];
  return {
    ...drawn,
    phrasing: rng.pick([...about, ...also]),
    key: `two-hop|${subject}|${bridge}|${relation}`,
  };
}

/** Writes questions down; from the one with the index `firstSpelled` on, the answer begins with its working. */
function write(
  questions: readonly TwoHopQuestion[],
  firstSpelled: number,
): { words: string[]; answers: Span[] } {
  const words: string[] = [];
  const answers: Span[] = [];
  questions.forEach(({ subject, bridge, entity, answer, phrasing }, i) => {
    const isSpelled = i >= firstSpelled;
    if (isSpelled) words.push(...thinkFirst.split(" "));
    words.push(...ask(phrasing, subject));
    const start = words.length;
    if (isSpelled) {
      const working = [...ask(workings[bridge], subject), ...entity.split(" "), "."];
      words.push(chat.think, ...working, chat.thought);
    }
    words.push(answer);
    answers.push({ start, end: words.length });
    words.push(".");
  });
  return { words, answers };
}
