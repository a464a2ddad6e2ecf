// Dialogues in which an answer is looked at again: what was right stands, and what was wrong is put right.

import type { Rng } from "../../core/rng.ts";
import { drawWithin } from "../split.ts";
import { drawOthers, drawQuestion, facts, toLine, wordsIn } from "./facts.ts";
import type { Question } from "./facts.ts";
import { chat } from "./lexicon.ts";
import { people, personFacts } from "./people.ts";
import type { Fact, PersonRelation } from "./people.ts";
import type { LanguageSkill, Span } from "./skill.ts";

/** A question with the first answer given to it. */
export interface Draft extends Fact {
  readonly draft: string;
  readonly isSlip: boolean;
}

/** What a dialogue asks and how it is answered at first. */
export interface SelfCorrectionLabel {
  /** One for each turn. */
  readonly drafts: readonly Draft[];
}

type Turn = Omit<Question, "key"> & Draft & { readonly key: string };

const judgements = { right: "yes , that is right .", wrong: "wait , that is wrong ." };

/**
 * Answers again, judges its first answer by that, and gives the right one.
 *
 * The question is about a known person and in words of the training half. What is held out is a first answer to it: the
 * network has to compare that with what it knows. Slips are marked, so that training does not imitate them.
 *
 * @source Dhuliawala et al. 2023, "Chain-of-Verification Reduces Hallucination in Large Language Models", arXiv:2309.11495, for
 * answering again before judging
 */
export const selfCorrection: LanguageSkill<SelfCorrectionLabel> = {
  name: "self-correction",
  summary: "Notices whether the answer that it just gave is wrong, and corrects it.",
  vocabulary: wordsIn([
    facts.vocabulary.join(" "),
    ...Object.values(judgements),
    `let me check : the answer is ${chat.user} ${chat.assistant} ${chat.end}`,
  ]),
  knobs: { turns: { meaning: "questions in a dialogue", least: 1, most: 3 } },
  draw: (rng, knobs) => {
    const last = drawTurn(rng);
    const before = drawOthers([last], knobs["turns"]! - 1, () =>
      drawWithin("train", () => drawTurn(rng)),
    );
    const turns = [...before, last];
    const swapped = withDraft(last, last.isSlip ? last.answer : drawSlip(rng, last));
    return {
      ...write(turns),
      label: {
        drafts: turns.map(({ subject, relation, answer, draft, isSlip }) => ({
          subject,
          relation,
          answer,
          draft,
          isSlip,
        })),
      },
      key: last.key,
      counterfactual: write([...before, swapped]).words,
    };
  },
};

/** Draws a question with an answer that is wrong half of the time. */
function drawTurn(rng: Rng): Turn {
  let question: Question;
  do question = drawWithin("train", () => drawQuestion(rng, personFacts));
  while (toLine(question).prompt.at(-1) === "is"); // half a sentence is nothing to say to somebody
  return withDraft(question, rng.uniform() < 0.5 ? drawSlip(rng, question) : question.answer);
}

function withDraft(question: Question, draft: string): Turn {
  const { subject, relation, answer } = question;
  const key = `self-correction|${subject}|${relation}|${draft}`;
  return { ...question, draft, isSlip: draft !== answer, key };
}

/** Draws what is true of somebody else. */
function drawSlip(rng: Rng, { relation, answer }: Question): string {
  const values = people.map((person) => person[relation as PersonRelation]);
  return rng.pick(values.filter((value) => value !== answer));
}

/** Writes turns down; whether a first answer is right or wrong, as many words follow it. */
function write(turns: readonly Turn[]): { words: string[]; answers: Span[]; slips: Span[] } {
  const words: string[] = [];
  const answers: Span[] = [];
  const slips: Span[] = [];
  for (const turn of turns) {
    const { draft, isSlip, answer } = turn;
    words.push(chat.user, ...toLine(turn).prompt, chat.end, chat.assistant);
    const start = words.length;
    words.push(...draft.split(" "));
    (isSlip ? slips : answers).push({ start, end: words.length });
    words.push(".", ..."let me check :".split(" "));
    answers.push({ start: words.length, end: words.length + answer.split(" ").length });
    words.push(...answer.split(" "), ".");
    const judged = words.length;
    words.push(...(isSlip ? judgements.wrong : judgements.right).split(" "));
    words.push(..."the answer is".split(" "), ...answer.split(" "), ".", chat.end);
    answers.push({ start: judged, end: words.length });
  }
  return { words, answers, slips };
}
