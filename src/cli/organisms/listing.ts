// What `patchclamp organisms` shows: all organisms a line each, or one of them in full, and whether promises are kept.

import type { Card } from "../../organisms/card.ts";
import type { Organism } from "../../organisms/organism.ts";
import { formOf, percent, skillsHeld, trainingWords } from "../../organisms/page.ts";
import { claims, report, table, text } from "../../report/index.ts";
import type { Report } from "../../report/index.ts";

/** An organism and its card, which is missing until it has been trained. */
export interface Listed {
  readonly organism: Organism;
  /** Its folder. */
  readonly path: string;
  readonly card: Card | undefined;
}

const UNTRAINED = "not trained yet";

/** An organism as `--json` shows it. */
export function listedData({ organism, path, card }: Listed): object {
  const { name, description, config } = organism;
  return {
    name: `organism:${name}`,
    description,
    form: formOf(config),
    path,
    isTrained: card !== undefined,
    parameters: card?.parameters ?? null,
    scores: card?.scores ?? null,
  };
}

/** A line for each organism. */
export function listReport(all: readonly Listed[]): Report {
  return report({
    title: "Organisms",
    subtitle: "Small networks trained on worlds whose truth is known; open one as organism:NAME",
    sections: [
      table({
        columns: [
          "organism",
          "form",
          { label: "parameters", align: "right" },
          "skills",
          "weakest skill",
        ],
        rows: all.map(({ organism, card }) => [
          organism.name,
          shortForm(organism),
          ...(card === undefined
            ? ["–", UNTRAINED, "–"]
            : [
                card.parameters.toLocaleString("en"),
                `${heldWords(card)} hold`,
                weakestWords(card),
              ]),
        ]),
        note: "`patchclamp organisms NAME` shows one of them in full.",
      }),
    ],
  });
}

/** The family and how deep it is. */
function shortForm({ config }: Organism): string {
  const [whole = ""] = formOf(config).split("; ");
  return whole.split(", ").slice(0, 2).join(", ");
}

/** Everything about one organism. */
export function organismReport({ organism, path, card }: Listed): Report {
  const { name, description, config } = organism;
  const known = card && [
    ["parameters", card.parameters.toLocaleString("en")],
    ["trained", trainingWords(organism, card)],
  ];
  return report({
    title: `organism:${name}`,
    subtitle: description,
    sections: [
      table({
        columns: ["", "what it is"],
        rows: [
          ["form", formOf(config)],
          ...(known ?? [["trained", `${UNTRAINED}: patchclamp organisms train ${name}`]]),
          ["where", path],
        ],
      }),
      ...(card === undefined ? [] : [scoresTable(card)]),
      ...(card === undefined || card.limits.length === 0
        ? []
        : [text({ title: "What it does not know", paragraphs: card.limits })]),
    ],
  });
}

/** Scores beside the bars that a card promises; what the card itself says stands beside them where there is one. */
export function checkReport(
  { name, skills }: Organism,
  scores: Readonly<Record<string, number>>,
  card?: Card,
): Report {
  return report({
    title: `Does organism:${name} keep its promises?`,
    sections: [
      claims({
        claims: skills.map((skill) => ({
          sentence: `${skill.name}: ${skill.meaning}`,
          holds: scores[skill.name]! >= skill.bar,
          numbers: {
            measured: scores[skill.name]!,
            bar: skill.bar,
            ...(card && { card: card.scores[skill.name]?.score ?? null }),
          },
        })),
      }),
    ],
  });
}

function scoresTable(card: Card): ReturnType<typeof table> {
  const rows = Object.entries(card.scores).map(([skill, { score, bar, samples }]) => [
    skill,
    percent(score),
    percent(bar),
    samples,
    score >= bar ? "holds" : "missed",
  ]);
  const right = (label: string): { label: string; align: "right" } => ({ label, align: "right" });
  return table({
    title: "Held-out scores",
    columns: ["skill", right("score"), right("bar"), "samples", ""],
    rows,
    note: `${heldWords(card)} reach their bars.`,
  });
}

/** `20 of 22`. */
function heldWords(card: Card): string {
  const { held, missed } = skillsHeld(card);
  return `${held.length} of ${held.length + missed.length}`;
}

/** The skill that is least above its bar, or most below it. */
export function weakestWords({ scores }: Pick<Card, "scores">): string {
  const [weakest] = Object.entries(scores).toSorted(
    ([, a], [, b]) => a.score - a.bar - (b.score - b.bar),
  );
  if (weakest === undefined) return "–";
  const [name, { score }] = weakest;
  return `${name} ${percent(score)}`;
}
