// Sums and differences of numbers up to 99, worked out column by column: in sentences, or in symbols alone.
//
// Digits are words, and every number of a problem has two of them ("0 7"), as has its result unless it is above 99. So
// the ones always stand right before the sign or the question mark, and both columns are always there to be added.

import { PatchClampError } from "../../core/errors.ts";
import type { Rng } from "../../core/rng.ts";
import { drawWithin, splitOf } from "../split.ts";
import { chat, digits } from "./lexicon.ts";
import type { Contrast, Knobs, LanguageSkill, Span, Text } from "./skill.ts";

export type Operation = "+" | "-";

/** How the working is written: in sentences, or in symbols alone. */
export type WorkingStyle = "verbose" | "concise";

/** One column of a problem: `top` and `bottom`, and what the column before it left, make `value`. */
export interface Column {
  /** The digit of the first number, and 10 more if it had to borrow. */
  readonly top: number;
  readonly bottom: number;
  /** 1 when the column before it carried or borrowed, otherwise 0. */
  readonly carried: number;
  /** Such as 12 for 7 + 5; below 10 in a difference. */
  readonly value: number;
}

/** A problem with how it is solved. */
export interface ArithmeticProblem {
  readonly a: number;
  readonly op: Operation;
  readonly b: number;
  readonly style: WorkingStyle;
  readonly result: number;
  /** The ones, then the tens. */
  readonly steps: readonly [Column, Column];
}

export interface ArithmeticLabel {
  /** In the order of the text. Its answers are the working and the result of each. */
  readonly problems: readonly ArithmeticProblem[];
}

/** Requests in pairs of as many words, so that a text and its contrast stay side by side. */
const requests: readonly Readonly<Record<WorkingStyle, string>>[] = [
  { verbose: "explain step by step .", concise: "keep it very short ." },
  { verbose: "use full sentences .", concise: "use symbols alone ." },
  { verbose: "be thorough .", concise: "be concise ." },
];

const split = (text: string): string[] => text.split(" ");

const verboseWords = split(
  "first then add subtract the ones tens : plus minus is , so write and carry borrow .",
);

const vocabulary = [
  ...new Set([
    ...digits,
    ...Object.values(chat),
    ...split("what is ? + - = ;"),
    ...verboseWords,
    ...requests.flatMap(({ verbose, concise }) => split(`${verbose} ${concise}`)),
  ]),
];

export const arithmetic: LanguageSkill<ArithmeticLabel> = {
  name: "arithmetic",
  summary: "Adds and subtracts numbers of two digits and shows its working in the style asked for.",
  vocabulary,
  knobs: { digits: { meaning: "digits of the second number", least: 1, most: 2 } },
  draw,
  contrast,
};

/** A problem that is yet to be put into a turn. */
type Question = Pick<ArithmeticProblem, "a" | "op" | "b"> & { readonly key: string };

/** How a user's turn is worded. */
interface Wording {
  /** Whether it begins with "what is". */
  readonly asksWhat: boolean;
  /** Said in this turn; what was said before holds on when it is left out. */
  readonly request?: readonly string[];
  readonly requestFirst: boolean;
}

function draw(rng: Rng, knobs: Knobs): Text<ArithmeticLabel> {
  const last = drawQuestion(rng, knobs["digits"]!);
  // The other problem is of the same half, or training would show what is held out.
  const first = drawWithin(splitOf(last.key), () => drawQuestion(rng, knobs["digits"]!));

  const { opening, wordings, styles } = drawStyles(rng);
  const build = (end: Question): Omit<Text<ArithmeticLabel>, "key"> => {
    const words = [...opening];
    const answers: Span[] = [];
    const problems = [first, end].map((question, i) => {
      const problem = solve(question, styles[i]!);
      const turn = turnOf(problem, wordings[i]!);
      answers.push(...turn.answers.map((span) => shifted(span, words.length)));
      words.push(...turn.words);
      return problem;
    });
    return { words, answers, label: { problems } };
  };
  const other = rng.pick(neighbours(last, styles[1]!));
  return { ...build(last), key: last.key, counterfactual: build(other).words };
}

function shifted({ start, end }: Span, by: number): Span {
  return { start: start + by, end: end + by };
}

function drawQuestion(rng: Rng, digitsOfSecond: number): Question {
  const x = rng.below(100);
  const y = rng.below(10 ** digitsOfSecond);
  const op = rng.pick(["+", "-"] as const);
  return op === "-" && x < y ? question(y, op, x) : question(x, op, y);
}

/** Sums of the same two numbers share a key, whichever comes first. */
function question(a: number, op: Operation, b: number): Question {
  const [x, y] = op === "+" && a > b ? [b, a] : [a, b];
  return { a, op, b, key: `${x} ${op} ${y}` };
}

/** The style is set by a system turn or by the first user's turn, and may be set anew; unsaid, it is concise. */
function drawStyles(rng: Rng): {
  readonly opening: readonly string[];
  readonly wordings: readonly Wording[];
  readonly styles: readonly WorkingStyle[];
} {
  const source = (["unsaid", "system", "user"] as const)[rng.categorical([0.2, 0.3, 0.5])]!;
  const drawStyle = (): WorkingStyle => (rng.uniform() < 0.6 ? "verbose" : "concise");
  const first = source === "unsaid" ? "concise" : drawStyle();
  const isSetAnew = source === "user" && rng.uniform() < 0.5;
  const second = isSetAnew ? drawStyle() : first;
  const wording = (request?: readonly string[]): Wording => ({
    asksWhat: rng.uniform() < 0.5,
    requestFirst: rng.uniform() < 0.5,
    ...(request && { request }),
  });
  const asked = (style: WorkingStyle): string[] => split(rng.pick(requests)[style]);
  return {
    opening: source === "system" ? [chat.system, ...asked(first), chat.end] : [],
    wordings: [
      wording(source === "user" ? asked(first) : undefined),
      wording(isSetAnew ? asked(second) : undefined),
    ],
    styles: [first, second],
  };
}

function solve({ a, op, b }: Question, style: WorkingStyle): ArithmeticProblem {
  return { a, op, b, style, result: op === "+" ? a + b : a - b, steps: columnsOf(a, op, b) };
}

/** What the user asks and the assistant answers; the answers are the working and the result. */
function turnOf(
  { a, op, b, style, result }: ArithmeticProblem,
  { asksWhat, request = [], requestFirst }: Wording,
): { readonly words: readonly string[]; readonly answers: readonly Span[] } {
  const sentence = [...(asksWhat ? ["what", "is"] : []), ...twoDigits(a), op, ...twoDigits(b), "?"];
  const asked = requestFirst ? [...request, ...sentence] : [...sentence, ...request];
  const words = [chat.user, ...asked, chat.end, chat.assistant, chat.think];
  const answers: Span[] = [];
  for (const [answer, mark] of [
    [workingOf(a, op, b, style), chat.thought],
    [twoDigits(result), chat.end],
  ] as const) {
    answers.push({ start: words.length, end: words.length + answer.length });
    words.push(...answer, mark);
  }
  return { words, answers };
}

/** Problems with one digit changed whose working and result have as many words and whose result is another one. */
function neighbours({ a, op, b }: Question, style: WorkingStyle): Question[] {
  const size = (x: number, y: number): string =>
    `${workingOf(x, op, y, style).length} ${twoDigits(op === "+" ? x + y : x - y).length}`;
  const own = size(a, b);
  const isAlike = (x: number, y: number): boolean => (op === "+" || x >= y) && size(x, y) === own;
  return [
    ...oneDigitOff(a).map((x) => question(x, op, b)),
    ...oneDigitOff(b).map((y) => question(a, op, y)),
  ].filter((other) => isAlike(other.a, other.b));
}

function oneDigitOff(n: number): number[] {
  const tens = n - (n % 10);
  const all = digits.flatMap((_, digit) => [tens + digit, 10 * digit + (n % 10)]);
  return all.filter((other) => other !== n);
}

/**
 * Writes the working of a problem: the ones, then the tens.
 *
 * @param a - 0..99, at least `b` in a difference
 * @param b - 0..99
 * @returns its words, such as `7 + 5 = 1 2 ; 4 + 3 + 1 = 8` for 47 + 35 in the concise style
 * @throws PatchClampError `BAD_OPTION` when a number is out of its range
 */
export function workingOf(a: number, op: Operation, b: number, style: WorkingStyle): string[] {
  const isFit = (n: number): boolean => Number.isInteger(n) && n >= 0 && n <= 99;
  if (!isFit(a) || !isFit(b) || (op === "-" && a < b)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "workingOf",
      problem: `${a} ${op} ${b} is no problem of this world.`,
      fix: "give whole numbers from 0 to 99, and the larger one first in a difference.",
    });
  }
  const [ones, tens] = columnsOf(a, op, b);
  const write = (column: Column): string[] => columnWords(column, op, style);
  if (style === "concise") return [...write(ones), ";", ...write(tens)];

  const [verb, rest] = op === "+" ? ["add", "carry"] : ["subtract", "borrow"];
  const passed = tens.carried === 1 ? ["and", rest, "1"] : [];
  const first = ["first", verb, "the", "ones", ":", ...write(ones)];
  const noted = [",", "so", "write", String(ones.value % 10), ...passed, "."];
  return [...first, ...noted, "then", verb, "the", "tens", ":", ...write(tens), "."];
}

function columnsOf(a: number, op: Operation, b: number): [Column, Column] {
  const [x, y] = [a % 10, b % 10];
  const sign = op === "+" ? 1 : -1;
  const carried = Number(op === "+" ? x + y >= 10 : x < y);
  const top = op === "-" ? x + 10 * carried : x;
  const [tensOfA, tensOfB] = [Math.floor(a / 10), Math.floor(b / 10)];
  return [
    { top, bottom: y, carried: 0, value: top + sign * y },
    { top: tensOfA, bottom: tensOfB, carried, value: tensOfA + sign * (tensOfB + carried) },
  ];
}

function columnWords(column: Column, op: Operation, style: WorkingStyle): string[] {
  const { top, bottom, carried, value } = column;
  const sign = style === "concise" ? op : op === "+" ? "plus" : "minus";
  const equals = style === "concise" ? "=" : "is";
  const third = carried === 1 ? [sign, "1"] : [];
  return [...digitsOf(top), sign, String(bottom), ...third, equals, ...digitsOf(value)];
}

const digitsOf = (n: number, least = 1): string[] => String(n).padStart(least, "0").split("");
const twoDigits = (n: number): string[] => digitsOf(n, 2);

/**
 * Reads which style a conversation asks for: that of the last request, and concise when there is none.
 *
 * @param words - a conversation up to the working in question
 */
export function styleOf(words: readonly string[]): WorkingStyle {
  const said = (style: WorkingStyle): number =>
    Math.max(
      ...requests.map((request) => ` ${words.join(" ")} `.lastIndexOf(` ${request[style]} `)),
    );
  return said("verbose") > said("concise") ? "verbose" : "concise";
}

function contrast(rng: Rng): Contrast {
  const asked = drawQuestion(rng, 2);
  const request = rng.pick(requests);
  const form = { asksWhat: rng.uniform() < 0.5, requestFirst: rng.uniform() < 0.5 };
  const write = (style: WorkingStyle): readonly string[] =>
    turnOf(solve(asked, style), { ...form, request: split(request[style]) }).words;
  return { trait: "verbose", positive: write("verbose"), negative: write("concise") };
}
