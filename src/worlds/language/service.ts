// Service: customers ask a shop about an order. How they word it shows what they are like, and the shop answers each
// kind in its own way.

import type { Rng } from "../../core/rng.ts";
import { chat, digits, objects, places } from "./lexicon.ts";
import type { Contrast, Knobs, LanguageSkill, Text } from "./skill.ts";

/** What customers are like. */
export const traits = ["impatient", "confused", "sceptical", "plain"] as const;
export type Trait = (typeof traits)[number];

/** What customers ask about: where the order is, what it costs, how it works. */
export const matters = ["place", "price", "use"] as const;
export type Matter = (typeof matters)[number];

/** What is true of a service dialogue. */
export interface ServiceLabel {
  readonly trait: Trait;
  readonly object: string;
  /** What each customer turn asks about. */
  readonly matters: readonly Matter[];
  /** Whether a note that names the trait stands in place of the last reply. */
  readonly isNoted: boolean;
}

const list = (sentences: readonly string[]): readonly (readonly string[])[] =>
  sentences.map((sentence) => sentence.split(" "));

/** What customers say besides their question; those at the same place have the same length. */
const remarks: Readonly<Record<Trait, readonly (readonly string[])[]>> = {
  impatient: list([
    "make it fast .",
    "I am still waiting .",
    "just be quick about it .",
    "I need it here right away .",
  ]),
  confused: list([
    "I am unsure .",
    "this is a puzzle .",
    "I mixed it all up .",
    "I do not understand it all .",
  ]),
  sceptical: list([
    "I doubt it .",
    "can you prove it ?",
    "I can not believe it .",
    "is that really what you say ?",
  ]),
  plain: list([
    "hello to you .",
    "good day to you .",
    "I come with a question .",
    "I have a question about it .",
  ]),
};

/** The words of customers that show a trait: one in each remark. */
const markers: Readonly<Record<Exclude<Trait, "plain">, readonly string[]>> = {
  impatient: ["fast", "waiting", "quick", "away"],
  confused: ["unsure", "puzzle", "mixed", "understand"],
  sceptical: ["doubt", "prove", "believe", "really"],
};

const marked = ["impatient", "confused", "sceptical"] as const;

/**
 * Reads off a dialogue's wording what the customer is like.
 *
 * @returns `plain` when no word shows a trait, `mixed` when there are words of several traits
 */
export function traitOf(words: readonly string[]): Trait | "mixed" {
  const shown = marked.filter((trait) => words.some((word) => markers[trait].includes(word)));
  return shown.length > 1 ? "mixed" : (shown[0] ?? "plain");
}

/** The longest sentence that is short, in words with its full stop. */
const SHORT = 9;

/**
 * Reads the style of a reply: steps with "first", "then" and "last" in this order are for the confused, "check" or
 * "because" for the sceptical, one short sentence for the impatient, and anything else is plain.
 *
 * @returns the trait that the style is for; `mixed` for steps with a proof, for some of the steps, and for no words
 */
export function replyStyleOf(words: readonly string[]): Trait | "mixed" {
  const steps = ["first", "then", "last"].map((step) => words.indexOf(step));
  const hasSteps = steps.every((at, i) => at > (steps[i - 1] ?? -1));
  const hasProof = words.includes("check") || words.includes("because");
  if (words.length === 0 || (!hasSteps && steps.some((at) => at >= 0))) return "mixed";
  if (hasSteps) return hasProof ? "mixed" : "confused";
  if (hasProof) return "sceptical";
  const sentences = words.filter((word) => word === ".").length;
  return sentences <= 1 && words.length <= SHORT ? "impatient" : "plain";
}

/** An order, as the shop's system turn has it. */
interface Order {
  readonly object: string;
  readonly place: string;
  readonly price: string;
  readonly handling: string;
}

const handlings: readonly string[] = ["push", "turn", "shake", "lift"];

const questions: Readonly<Record<Matter, (thing: string) => string>> = {
  place: (thing) => `where is ${thing} ?`,
  price: (thing) => `what does ${thing} cost ?`,
  use: (thing) => `how does ${thing} work ?`,
};

const facts: Readonly<Record<Matter, (order: Order) => string>> = {
  place: ({ place }) => `is at the ${place}`,
  price: ({ price }) => `costs ${price} coins`,
  use: ({ handling }) => `works if you ${handling} it`,
};

const steps: Readonly<Record<Matter, (order: Order) => string>> = {
  place: ({ object, place }) =>
    `first go to the ${place} , then show the list , last take the ${object} .`,
  price: ({ object, price }) =>
    `first count ${price} coins , then bring them here , last take the ${object} .`,
  use: ({ object, handling }) =>
    `first take the ${object} , then ${handling} it , last look at it .`,
};

/** Two replies for each kind of customer. */
const replies: Readonly<Record<Trait, (matter: Matter, order: Order) => readonly string[]>> = {
  impatient: (matter, order) => [
    `it ${facts[matter](order)} .`,
    `sorry , it ${facts[matter](order)} .`,
  ],
  confused: (matter, order) => [steps[matter](order), `we help you : ${steps[matter](order)}`],
  sceptical: (matter, order) => [
    `the ${order.object} ${facts[matter](order)} . you can check it on the list .`,
    `the ${order.object} ${facts[matter](order)} , because it says so on the list .`,
  ],
  plain: (matter, order) => [
    `your ${order.object} ${facts[matter](order)} . we hope that you like it .`,
    `good day to you . your ${order.object} ${facts[matter](order)} .`,
  ],
};

const shopTurn = (order: Order): string =>
  `${chat.system} the ${order.object} ${facts.place(order)} . it ${facts.price(order)} . it ${facts.use(order)} . ${chat.end}`;

/** What a customer turn says, but for the trait that words it, and which of two replies it gets. */
interface Turn {
  readonly matter: Matter;
  /** The remarks before and after the question, by their places in the list. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly reply: number;
}

function customerTurn(turn: Turn, thing: string, trait: Trait): string[] {
  const remark = (at: number): readonly string[] => remarks[trait][at]!;
  return [
    chat.user,
    ...turn.before.flatMap(remark),
    ...questions[turn.matter](thing).split(" "),
    ...turn.after.flatMap(remark),
    chat.end,
  ];
}

interface Dialogue {
  readonly order: Order;
  readonly turns: readonly Turn[];
  readonly isNoted: boolean;
}

/** Writes a dialogue down as a customer with `trait` has it. */
function write({ order, turns, isNoted }: Dialogue, trait: Trait): Pick<Text, "words" | "answers"> {
  const words = shopTurn(order).split(" ");
  const answers = turns.map((turn, i) => {
    words.push(...customerTurn(turn, i === 0 ? `my ${order.object}` : "it", trait));
    const isNote = isNoted && i === turns.length - 1;
    words.push(...(isNote ? ["the", "customer", "is"] : [chat.assistant]));
    const start = words.length;
    const reply = replies[trait](turn.matter, order)[turn.reply]!;
    words.push(...(isNote ? [trait] : [...reply.split(" "), chat.end]));
    return { start, end: words.length };
  });
  if (isNoted) words.push(".");
  return { words, answers };
}

function drawOrder(rng: Rng): Order {
  return {
    object: rng.pick(objects),
    place: rng.pick(places),
    price: rng.pick(digits.slice(2)),
    handling: rng.pick(handlings),
  };
}

function drawTurn(rng: Rng, matter: Matter): Turn {
  const [first, second] = rng.permutation(remarks.plain.length);
  const { before, after } = rng.pick([
    { before: [first!], after: [] },
    { before: [], after: [first!] },
    { before: [first!], after: [second!] },
  ]);
  return { matter, before, after, reply: rng.below(2) };
}

function drawService(rng: Rng, knobs: Knobs): Text<ServiceLabel> {
  const order = drawOrder(rng);
  const asked = rng.shuffle(matters).slice(0, knobs["turns"]);
  const turns = asked.map((matter) => drawTurn(rng, matter));
  const dialogue = { order, turns, isNoted: rng.uniform() < 0.4 };
  const trait = rng.pick(traits);
  const text = write(dialogue, trait);

  const exchanged = rng
    .shuffle(traits.filter((other) => other !== trait))
    .map((other) => write(dialogue, other).words)
    .find(({ length }) => length === text.words.length);
  return {
    ...text,
    label: { trait, object: order.object, matters: asked, isNoted: dialogue.isNoted },
    key: `service|${trait}|${order.object}|${asked.at(-1)!}`,
    ...(dialogue.isNoted && exchanged && { counterfactual: exchanged }),
  };
}

/**
 * Draws a pair for one trait: the same question up to where the reply begins, once by such a customer and once by a
 * plain one. They have the same length and differ in the remarks alone.
 *
 * @param trait - any but `plain`
 */
export function serviceContrast(trait: Exclude<Trait, "plain">, rng: Rng): Contrast {
  const order = drawOrder(rng);
  const turn = drawTurn(rng, rng.pick(matters));
  const askedBy = (customer: Trait): string[] => [
    ...shopTurn(order).split(" "),
    ...customerTurn(turn, `my ${order.object}`, customer),
    chat.assistant,
  ];
  return { trait, positive: askedBy(trait), negative: askedBy("plain") };
}

/** Reads what a customer is like, and answers accordingly. */
export const service: LanguageSkill<ServiceLabel> = {
  name: "service",
  summary: "Reads off the wording what a customer is like, and answers each kind in its own way.",
  vocabulary: vocabulary(),
  knobs: { turns: { meaning: "questions of the customer", least: 1, most: 2 } },
  draw: drawService,
  judge: (written, { label }) => {
    if (label.isNoted) return written[0] === label.trait;
    const end = written.indexOf(chat.end);
    return replyStyleOf(end < 0 ? written : written.slice(0, end)) === label.trait;
  },
  contrast: (rng) => serviceContrast(rng.pick(marked), rng),
};

function vocabulary(): string[] {
  const order = { object: objects[0]!, place: places[0]!, price: digits[2]!, handling: "push" };
  const written = matters.flatMap((matter) =>
    traits.flatMap((trait) => [
      ...replies[trait](matter, order).flatMap((reply) => reply.split(" ")),
      ...customerTurn({ matter, before: [0, 1], after: [2, 3], reply: 0 }, "my it", trait),
    ]),
  );
  return [
    ...new Set([
      ...shopTurn(order).split(" "),
      ...written.flatMap((word) => word.split(" ")),
      chat.assistant,
      "customer",
      ...traits,
      ...handlings,
      ...objects,
      ...places,
      ...digits.slice(2),
    ]),
  ];
}
