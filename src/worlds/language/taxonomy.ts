// Taxonomies: a fixed tree of made-up kinds. The tree is the same in every text, so a network learns it by heart; what
// it has to find out by itself is what follows from it, for questions that it was never asked. Every code spells the way
// down the tree, and what is true of a realm or of an order is true of all below it.

import type { Rng } from "../../core/rng.ts";
import { drawWithin, splitOf } from "../split.ts";
import type { LanguageSkill, Span, Text } from "./skill.ts";
import {
  ancestorsOf,
  orderProperties,
  propertiesOf,
  realmProperties,
  taxonomyKinds,
  taxonomyNode,
  taxonomyNodes,
  taxonomyOrders,
} from "./taxonomy-tree.ts";
import type { TaxonomyNode } from "./taxonomy-tree.ts";

/** What a question asks for; `is` and `has` are answered by yes or no. */
export type TaxonomyForm =
  | "code"
  | "coded"
  | "order"
  | "realm"
  | "path"
  | "is"
  | "has"
  | "properties"
  | "both";

/** A question and what is true of it. */
export interface TaxonomyQuestion {
  readonly form: TaxonomyForm;
  /** Name of the node that it is about. */
  readonly subject: string;
  /** The node or property that the subject is asked about with, in the forms `is`, `has` and `both`. */
  readonly object?: string;
  readonly answer: string;
  /** How far the answer is above the subject: to the top when it is no, and 0 for codes. */
  readonly levels: number;
}

/** What is true of a text: its questions, in order. */
export interface TaxonomyLabel {
  readonly questions: readonly TaxonomyQuestion[];
}

const list = (words: string): string[] => words.split(" ");

/** A question before it is answered. */
interface Asked {
  readonly subject: TaxonomyNode;
  readonly object?: string;
}

/** A form of question: how it is drawn, put and answered. */
interface Form {
  readonly draw: (rng: Rng) => Asked;
  readonly prompt: (subject: TaxonomyNode, object: string) => string;
  readonly answer: (subject: TaxonomyNode, object: string) => string;
  readonly levels: (subject: TaxonomyNode, object: string) => number;
}

const belowRealms = [...taxonomyOrders, ...taxonomyKinds];
const nodes = (from: readonly TaxonomyNode[]) => (rng: Rng) => ({ subject: rng.pick(from) });
const realmOf = (node: TaxonomyNode): TaxonomyNode => ancestorsOf(node).at(-1) ?? node;
const yesOrNo = (isTrue: boolean): string => (isTrue ? "yes" : "no");
const lineOf = (node: TaxonomyNode): TaxonomyNode[] => [node, ...ancestorsOf(node)];

/** How far up a node of the line is that `isIt`; to the top when there is none. */
function climb(node: TaxonomyNode, isIt: (above: TaxonomyNode) => boolean): number {
  const at = lineOf(node).findIndex(isIt);
  return at === -1 ? ancestorsOf(node).length : at;
}

const firstShared = (a: TaxonomyNode, b: TaxonomyNode): TaxonomyNode =>
  a.parent === b.parent ? a.parent! : realmOf(a);

const forms: Readonly<Record<TaxonomyForm, Form>> = {
  code: {
    draw: nodes(taxonomyNodes),
    prompt: ({ name }) => `what is the code of a ${name} ?`,
    answer: ({ code }) => code.join(" "),
    levels: () => 0,
  },
  coded: {
    draw: nodes(taxonomyNodes),
    prompt: ({ code }) => `which kind has the code ${code.join(" ")} ?`,
    answer: ({ name }) => `a ${name}`,
    levels: () => 0,
  },
  order: {
    draw: nodes(taxonomyKinds),
    prompt: ({ name }) => `what is the order of a ${name} ?`,
    answer: ({ parent }) => parent!.name,
    levels: () => 1,
  },
  realm: {
    draw: nodes(belowRealms),
    prompt: ({ name }) => `what is the realm of a ${name} ?`,
    answer: (node) => realmOf(node).name,
    levels: (node) => ancestorsOf(node).length,
  },
  path: {
    draw: nodes(taxonomyKinds),
    prompt: ({ name }) => `what is the path of a ${name} ?`,
    answer: (node) =>
      lineOf(node)
        .map(({ name }) => name)
        .toReversed()
        .join(" , "),
    levels: () => 2,
  },
  is: {
    draw: (rng) => {
      const subject = rng.pick(belowRealms);
      const above = rng.pick(ancestorsOf(subject));
      const others = taxonomyNodes.filter((node) => node.rank === above.rank && node !== above);
      // Half of the answers are no, whichever rank is asked about.
      return { subject, object: (rng.uniform() < 0.5 ? above : rng.pick(others)).name };
    },
    prompt: ({ name }, object) => `is a ${name} a ${object} ?`,
    answer: (node, object) => yesOrNo(ancestorsOf(node).some(({ name }) => name === object)),
    levels: (node, object) => climb(node, ({ name }) => name === object),
  },
  has: {
    draw: (rng) => {
      const subject = rng.pick(belowRealms);
      const has = propertiesOf(subject);
      const lacks = [...realmProperties, ...orderProperties].filter((one) => !has.includes(one));
      return { subject, object: rng.pick(rng.uniform() < 0.5 ? has : lacks) };
    },
    prompt: ({ name }, object) => `does a ${name} have ${object} ?`,
    answer: (node, object) => yesOrNo(propertiesOf(node).includes(object)),
    levels: (node, object) => climb(node, ({ property }) => property === object),
  },
  properties: {
    draw: nodes(belowRealms),
    prompt: ({ name }) => `what does a ${name} have ?`,
    answer: (node) => propertiesOf(node).join(" and "),
    levels: (node) => ancestorsOf(node).length,
  },
  both: {
    draw: (rng) => {
      const subject = rng.pick(taxonomyKinds);
      const sisters = subject.parent!.children;
      const cousins = realmOf(subject).children.flatMap(({ children }) => children);
      const near = (rng.uniform() < 0.5 ? sisters : cousins).filter((node) => node !== subject);
      return { subject, object: rng.pick(near).name };
    },
    prompt: ({ name }, object) => `what are a ${name} and a ${object} both ?`,
    answer: (node, object) => `a ${firstShared(node, taxonomyNode(object)).name}`,
    levels: (node, object) => (firstShared(node, taxonomyNode(object)) === node.parent ? 1 : 2),
  },
};
const allForms = Object.keys(forms) as TaxonomyForm[];

/** A question with the words that put it. */
interface Put extends TaxonomyQuestion {
  readonly key: string;
  readonly prompt: string;
}

/** Puts a question in words. */
function put(form: TaxonomyForm, { subject, object = "" }: Asked): Put {
  const { prompt, answer, levels } = forms[form];
  return {
    form,
    subject: subject.name,
    ...(object !== "" && { object }),
    answer: answer(subject, object),
    levels: levels(subject, object),
    key: `taxonomy|${form}|${subject.name}|${object}`,
    prompt: prompt(subject, object),
  };
}

function drawQuestion(rng: Rng): Put {
  const form = rng.pick(allForms);
  return put(form, forms[form].draw(rng));
}

/** Questions that are all in one half of the world: the half of the first. */
function drawQuestions(rng: Rng, count: number): Put[] {
  const first = drawQuestion(rng);
  const questions = new Map([[first.key, first]]);
  while (questions.size < count) {
    const next = drawWithin(splitOf(first.key), () => drawQuestion(rng));
    questions.set(next.key, next);
  }
  return [...questions.values()];
}

/** The same question about another node of the same rank, with another answer of as many words. */
function otherwise(rng: Rng, { form, subject, object, answer }: Put): Put {
  const { rank } = taxonomyNode(subject);
  const others = taxonomyNodes
    .filter(({ rank: other, name }) => other === rank && name !== object)
    .filter((node) => form !== "both" || realmOf(node) === realmOf(taxonomyNode(object!)))
    .map((node) => put(form, { subject: node, ...(object !== undefined && { object }) }));
  return rng.pick(others.filter((other) => other.answer !== answer));
}

/** What the tree says of a node and of nothing else: statements never say what follows from others. */
function statementsOf({ name, code, parent, property }: TaxonomyNode): string[] {
  return [
    ...(parent === undefined ? [] : [`a ${name} is a ${parent.name} .`]),
    ...(parent === undefined ? [] : [`every ${name} is a ${parent.name} .`]),
    ...(property === undefined ? [] : [`every ${name} has ${property} .`]),
    `the code of a ${name} is ${code.join(" ")} .`,
    `${code.join(" ")} is the code of a ${name} .`,
  ];
}

function written(statements: readonly string[], questions: readonly Put[]) {
  const words = statements.flatMap(list);
  const answers = questions.map(({ prompt, answer }): Span => {
    words.push(...list(prompt));
    const start = words.length;
    words.push(...list(answer));
    const end = words.length;
    words.push(".");
    return { start, end };
  });
  return { words, answers };
}

/** Kinds, orders and realms: what follows from a tree that is known by heart. */
export const taxonomy: LanguageSkill<TaxonomyLabel> = {
  name: "taxonomy",
  summary:
    "Tells what follows from a tree of made-up kinds: classes, codes and inherited properties.",
  vocabulary: [
    ...taxonomyNodes.map(({ name }) => name),
    ...new Set(taxonomyNodes.flatMap(({ code }) => code)),
    ...realmProperties,
    ...orderProperties,
    ...list(
      "a and are both code does every has have is kind no of order path realm the what which",
    ),
    ...list("yes , . ?"),
  ],
  knobs: {
    statements: { meaning: "how many facts of the tree are stated first", least: 0, most: 2 },
    questions: { meaning: "how many questions follow", least: 3, most: 5 },
  },

  draw: (rng, knobs): Text<TaxonomyLabel> => {
    const statements = Array.from({ length: knobs["statements"]! }, () =>
      rng.pick(statementsOf(rng.pick(taxonomyNodes))),
    );
    const questions = drawQuestions(rng, knobs["questions"]!);
    return {
      ...written(statements, questions),
      label: { questions: questions.map(({ key: _key, prompt: _prompt, ...truth }) => truth) },
      key: questions[0]!.key,
      counterfactual: written(statements, [
        ...questions.slice(0, -1),
        otherwise(rng, questions.at(-1)!),
      ]).words,
    };
  },
};
