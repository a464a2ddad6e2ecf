// `patchclamp world`: the language world, its skills, and texts drawn from it.

import { Chalk } from "chalk";
import type { ChalkInstance } from "chalk";
import { InvalidArgumentError } from "commander";

import { PatchClampError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import { report, table } from "../report/index.ts";
import type { Report } from "../report/index.ts";
import { wrap } from "../report/layout.ts";
import type { Knobs, Span } from "../worlds/language/skill.ts";
import type { LanguageSample } from "../worlds/language/world.ts";
import { splits } from "../worlds/split.ts";
import { toText } from "../worlds/words.ts";
import { command } from "./command.ts";
import type { OptionSpec } from "./command.ts";
import { choice, flag, number } from "./options.ts";

// Only these commands load the skills, so that the others start without them.
const loadSkills = () => import("../worlds/language/catalog.ts");
const loadWorld = () => import("../worlds/language/world.ts");

/** What is known of skills before any text is drawn. */
async function listedSkills() {
  const { languageSkills, skillShares } = await loadSkills();
  const parts = skillShares.reduce((sum, share) => sum + share);
  return languageSkills.map(({ name, summary, knobs, vocabulary, contrast }, i) => ({
    name,
    summary,
    share: skillShares[i]! / parts,
    words: vocabulary.length,
    hasContrasts: contrast !== undefined,
    knobs,
  }));
}

type Skills = Awaited<ReturnType<typeof listedSkills>>;

/** The skills, and below them their knobs. */
function skillsReport(skills: Skills, words: number): Report {
  return report({
    title: "The language world",
    subtitle: `${skills.length} skills share ${words} words; patchclamp world sample SKILL shows texts of one`,
    sections: [
      table({
        columns: [
          "skill",
          "a network that has it",
          { label: "share", unit: "%", decimals: 1 },
          "words",
        ],
        rows: skills.map((skill) => [skill.name, skill.summary, 100 * skill.share, skill.words]),
      }),
      table({
        title: "Knobs",
        columns: ["skill", "knob", "values", "what it sets"],
        rows: skills.flatMap(({ name, knobs }) =>
          Object.entries(knobs).map(([knob, { least, most, meaning }]) => [
            name,
            knob,
            `${least}..${most}`,
            meaning,
          ]),
        ),
        note: "Set one with --set knob=value; what is not set is drawn.",
      }),
    ],
  });
}

export const worldList = command({
  name: "world",
  summary: "list the skills of the language world, which texts are drawn from",
  operands: [],
  options: {},
  formats: ["html", "json"],
  examples: ["world", "world sample", "world sample two-hop --set spelled=2 --counterfactual"],
  run: async () => {
    const skills = await listedSkills();
    const words = (await loadWorld()).languageVocabulary.length;
    return { data: { world: "language", words, skills }, report: skillsReport(skills, words) };
  },
});

/** `--set`, given once for each knob. */
const set: OptionSpec<Knobs | undefined> = {
  value: "knob=value",
  help: "how hard the texts are; may be given several times (default: drawn)",
  parse: (given: string, before: Knobs = {}) => {
    const [, knob, value] = /^([^=]+)=(-?\d+)$/.exec(given) ?? [];
    if (knob !== undefined) return { ...before, [knob]: Number(value) };
    throw new InvalidArgumentError(
      `"${given}" is not a knob and a whole number, such as questions=3.`,
    );
  },
};

export const worldSample = command({
  name: "world sample",
  summary: "draw texts of the language world, with what follows from what",
  operands: [
    { name: "skill", help: "whose texts; any skill's unless it is named", isOptional: true },
  ],
  options: {
    count: number("n", "how many texts", 5),
    seed: number("n", "seed of the draws", 0),
    split: choice(splits, "the half of the world that they are from (default: train)"),
    set,
    answers: flag("put answers in [brackets] and slips in {braces}"),
    counterfactual: flag("show each text once more with another last answer"),
  },
  formats: ["json"],
  examples: [
    "world sample",
    "world sample two-hop --count 3 --answers",
    "world sample facts --split heldOut --set questions=3 --counterfactual",
    "world sample arithmetic --seed 7 --json",
  ],
  run: async ({ host, operands, options, print }) => {
    const { count, seed, split = "train", set: knobs = {}, answers, counterfactual } = options;
    const { languageSample, skillNamed } = await loadWorld();
    checkCount(count);
    const name = operands["skill"];
    const skill = name === undefined ? {} : { skill: skillNamed(name, "world sample").name };
    const rng = new Rng(seed);
    const samples = Array.from({ length: count }, () =>
      languageSample(rng, { ...skill, split, knobs }),
    );
    const style: Style = {
      ink: new Chalk({ level: host.color }),
      width: host.width,
      isBracketed: answers,
    };
    const shown = samples.map((sample) =>
      [
        ...(name === undefined ? [style.ink.dim(sample.skill)] : []),
        paragraph(sample, style),
        ...(counterfactual ? [otherParagraph(sample, style)] : []),
      ].join("\n"),
    );
    print(`${shown.join("\n\n")}\n`);
    return { data: { split, seed, knobs, samples: samples.map(sampleJson) }, isPrinted: true };
  },
});

function checkCount(count: number): void {
  if (Number.isInteger(count) && count >= 1) return;
  throw new PatchClampError("BAD_OPTION", {
    where: "world sample",
    problem: `count is ${count}, not a whole number of at least 1.`,
  });
}

/** The keys are always there, whichever skill drew the text. */
function sampleJson({ slips = [], counterfactual, ...sample }: LanguageSample): unknown {
  return { ...sample, slips, counterfactual: counterfactual ?? null };
}

/** How texts are shown. */
interface Style {
  readonly ink: ChalkInstance;
  readonly width: number;
  /** Whether what is coloured also stands in brackets. */
  readonly isBracketed: boolean;
}

/** A stretch of words that is set off. */
interface Mark extends Span {
  readonly paint: (text: string) => string;
  readonly brackets: string;
}

/** A text with its answers and slips set off. */
function paragraph({ words, answers, slips = [] }: LanguageSample, style: Style): string {
  const { ink } = style;
  const marks = [
    ...answers.map((span) => ({ ...span, paint: ink.green, brackets: "[]" })),
    ...slips.map((span) => ({ ...span, paint: ink.red, brackets: "{}" })),
  ];
  return marked(words, marks, style);
}

/** The counterfactual of a text, with its last answer and, before it, every other word set off. */
function otherParagraph({ words, answers, counterfactual }: LanguageSample, style: Style): string {
  const { ink } = style;
  if (counterfactual === undefined) return ink.dim("no counterfactual");
  const last = answers.at(-1)!;
  const changed = words
    .slice(0, last.start)
    .flatMap((word, i) =>
      word === counterfactual[i] ? [] : [{ start: i, end: i + 1, paint: ink.yellow, brackets: "" }],
    );
  const marks = [...changed, { ...last, paint: ink.green, brackets: "[]" }];
  return `${ink.dim("counterfactual:")}\n${marked(counterfactual, marks, style)}`;
}

// Control characters take no room when lines are broken, and no word has them.
const [open, close] = ["\u0002", "\u0003"] as const;

/** Words as lines of text, each turn of a conversation on its own, with stretches set off that do not overlap. */
function marked(words: readonly string[], marks: readonly Mark[], style: Style): string {
  const inOrder = marks.toSorted((a, b) => a.start - b.start);
  const turns = setOff(words, inOrder, style).split(/ (?=<(?:user|assistant)>)/);
  const lines = turns.flatMap((turn) => wrap(turn, style.width));
  const [before, ...pieces] = lines.join("\n").split(open);
  const painted = pieces.map((piece, i) => {
    const [inside, after] = piece.split(close) as [string, string];
    return inOrder[i]!.paint(inside) + after;
  });
  return [before, ...painted].join("");
}

/** The text of words, with a control character and perhaps a bracket at both ends of each mark. */
function setOff(
  words: readonly string[],
  marks: readonly Mark[],
  { isBracketed }: Pick<Style, "isBracketed">,
): string {
  const text = toText(words);
  let at = 0;
  const pieces = marks.map(({ start, end, brackets }) => {
    const [left = "", right = ""] = isBracketed ? brackets : "";
    const from = toText(words.slice(0, start + 1)).length - words[start]!.length;
    const to = toText(words.slice(0, end)).length;
    const between = text.slice(at, from);
    at = to;
    return between + open + left + text.slice(from, to) + right + close;
  });
  return pieces.join("") + text.slice(at);
}
