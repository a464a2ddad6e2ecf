// Rules and facts about people, and what follows from them: true, false, or unknown where nothing follows.
//
// Rules are followed forward only: from "if someone is kind then they are tall" and "Mira is not tall" nothing follows
// here, and what does not follow is unknown, not false.

import type { Rng } from "../../core/rng.ts";
import { chat, firstNames, thinkFirst } from "./lexicon.ts";
import type { Knobs, LanguageSkill, Span, Text } from "./skill.ts";

const split = (text: string): string[] => text.split(" ");

/** Attributes; of two that are opposites a text speaks of one. */
const opposites = split(
  "tall kind rich old/young happy/sad brave quiet/loud strong/weak clever slow/fast calm",
).map((word) => word.split("/"));

const attributes = opposites.flat();

/** Whoever is `given` is `follows`, or is not when the rule denies it. */
export interface Rule {
  readonly given: string;
  readonly follows: string;
  readonly denies: boolean;
}

/** `name` is `attribute`. */
export interface Fact {
  readonly name: string;
  readonly attribute: string;
}

/** What follows about a person, with the rules that lead to it from a fact, in order; none for a fact itself. */
export interface Conclusion extends Fact {
  readonly holds: boolean;
  readonly chain: readonly Rule[];
}

export type Answer = "true" | "false" | "unknown";

export interface RuleQuestion extends Fact {
  readonly answer: Answer;
  /**
   * How many rules lead to the attribute: from the fact used, or when the answer is unknown, from where the rules
   * begin.
   */
  readonly depth: number;
  /** The rules that lead from a fact to the answer, in order; none when it is unknown. */
  readonly chain: readonly Rule[];
}

export interface RulesLabel {
  readonly rules: readonly Rule[];
  readonly facts: readonly Fact[];
  /** In the order of the text. Its answers are theirs. */
  readonly questions: readonly RuleQuestion[];
  /** Depth of the last question. */
  readonly depth: number;
  /** Whether there is one question, whose answer begins with its working: all that follows about the person. */
  readonly isSpelled: boolean;
}

const answers: readonly Answer[] = ["true", "false", "unknown"];
/** How much each answer is sought, since most of what can be asked is unknown and little of it false. */
const rarity = [1, 4, 1];

/**
 * Rule chains, answered at once, or after `think first.` with all that follows about the person, rule by rule.
 *
 * @source Clark, Tafjord & Richardson 2020, "Transformers as Soft Reasoners over Language", arXiv:2002.05867; working written out:
 * Tafjord, Dalvi & Clark 2021, "ProofWriter", arXiv:2012.13048
 */
export const rules: LanguageSkill<RulesLabel> = {
  name: "rules",
  summary: "Follows rules from facts and tells what is true, what is false and what is unknown.",
  vocabulary: [
    ...new Set([
      ...firstNames,
      ...attributes,
      ...answers,
      ...split(
        `if someone is then they are not people . ? ${thinkFirst} ${chat.think} ${chat.thought}`,
      ),
    ]),
  ],
  knobs: {
    depth: { meaning: "rules in the chain of the last question", least: 1, most: 3 },
    spelled: { meaning: "1 asks one question and writes its working out", least: 0, most: 1 },
  },
  draw,
};

/** What a text tells before it asks. */
interface Scene {
  readonly rules: readonly Rule[];
  readonly facts: readonly Fact[];
}

function draw(rng: Rng, knobs: Knobs): Text<RulesLabel> {
  const depth = knobs["depth"]!;
  const isSpelled = knobs["spelled"] === 1;
  const wanted = rng.pick(answers);
  for (;;) {
    const scene = drawScene(rng, depth);
    // Working takes room, so that nothing is asked before it.
    const questions = drawQuestions(rng, scene, depth, wanted)?.slice(isSpelled ? -1 : 0);
    const others = questions && changedFacts(scene, questions);
    if (!others || others.length === 0) continue;

    const isShort = scene.rules.map(() => rng.uniform() < 0.5);
    const { words, spans } = write(scene, questions, { isShort, isSpelled });
    const changed = others
      .map((other) => write(other, questions, { isShort, isSpelled }).words)
      .filter(({ length }) => length === words.length);
    return {
      words,
      answers: spans,
      label: { ...scene, questions, depth, isSpelled },
      key: keyOf(scene, questions),
      ...(changed.length > 0 && { counterfactual: rng.pick(changed) }),
    };
  }
}

/** The rules in no order, the facts and what is asked, in words. */
function keyOf(scene: Scene, questions: readonly RuleQuestion[]): string {
  const told = scene.rules.map(
    ({ given, follows, denies }) => `${given}>${denies ? "not " : ""}${follows}`,
  );
  const about = ({ name, attribute }: Fact): string => `${name} ${attribute}`;
  return [told.toSorted(), scene.facts.map(about), questions.map(about)].join("|");
}

/**
 * Draws rules that nowhere meet (no two conclude the same), a chain of `depth` among them, and facts about one person or
 * two. Every premise is as likely as any other to be a fact, so that a chain is reached from its beginning, from its
 * middle or not at all.
 */
function drawScene(rng: Rng, depth: number): Scene {
  const fresh = rng.shuffle(opposites).map((either) => rng.pick(either));
  const take = (): string => fresh.pop()!;
  const count = depth === 3 ? 4 : 3 + rng.below(2);

  const links: { given: string; follows: string }[] = [];
  const used: string[] = [];
  for (let i = 0; i < count; i++) {
    const isNewChain = i === 0 || (i >= depth && rng.uniform() < 0.6);
    const given = isNewChain ? take() : i < depth ? links[i - 1]!.follows : rng.pick(used);
    const follows = take();
    links.push({ given, follows });
    used.push(given, follows);
  }

  const premises = [...new Set(links.map(({ given }) => given))];
  // Where a rule inside a chain denies its conclusion, the rest of the chain does not follow.
  const told = links.map((link) => ({
    ...link,
    denies: rng.uniform() < (premises.includes(link.follows) ? 0.2 : 0.5),
  }));

  const [one, other] = rng.shuffle(firstNames) as [string, string];
  const names = rng.pick([[one], [one, one], [one, other], [one, other]]);
  // A fact that no rule asks for is rare, or it would give away that nothing follows.
  const usable = premises.length < 2 || rng.uniform() < 0.3 ? [...premises, take()] : premises;
  const given = rng.shuffle(usable);
  const isAlike = names[1] !== one && rng.uniform() < 0.25;
  const facts = names.map((name, i) => ({ name, attribute: given[isAlike ? 0 : i]! }));
  return { rules: rng.shuffle(told), facts };
}

/** Draws two or three questions, the simplest first and one of the answer wanted last; undefined if there is none. */
function drawQuestions(
  rng: Rng,
  scene: Scene,
  depth: number,
  wanted: Answer,
): RuleQuestion[] | undefined {
  const all = everyQuestion(scene);
  const fit = all?.filter((question) => question.depth === depth && question.answer === wanted);
  if (!all || !fit || fit.length === 0) return undefined;

  const last = rng.pick(fit);
  let rest = all.filter((question) => question !== last && question.depth <= depth);
  const before = premisesOf(last.attribute, scene.rules);
  const isOnTheWay = ({ name, attribute }: Fact): boolean =>
    name === last.name && before.includes(attribute);
  const leads = rng.uniform() < 0.3;

  const chosen: RuleQuestion[] = [];
  while (chosen.length < 2 && rest.length > 0) {
    const onTheWay = leads ? rest.filter((q) => q.depth > 0 && isOnTheWay(q)) : [];
    const pool = onTheWay.length > 0 ? onTheWay : rest;
    // First the answer, then the question: rare answers are taken more often where there are any.
    const counts = answers.map((answer) => pool.filter((q) => q.answer === answer).length);
    const answer = answers[rng.categorical(counts.map((n, k) => (n > 0 ? rarity[k]! : 0)))]!;
    const next = rng.pick(pool.filter((question) => question.answer === answer));
    chosen.push(next);
    rest = rest.filter((question) => question !== next);
  }
  return chosen.length === 0 ? undefined : [...chosen.toSorted((a, b) => a.depth - b.depth), last];
}

/** Everything that can be asked about the people of a scene but is not told; undefined if it contradicts itself. */
function everyQuestion(scene: Scene): RuleQuestion[] | undefined {
  const known = conclude(scene.rules, scene.facts);
  if (isContradictory(known)) return undefined;
  const names = [...new Set(scene.facts.map(({ name }) => name))];
  const asked = new Set(scene.rules.flatMap(({ given, follows }) => [given, follows]));
  return names
    .flatMap((name) => [...asked].map((attribute) => ask(scene.rules, known, { name, attribute })))
    .filter(({ answer, depth }) => answer === "unknown" || depth > 0);
}

function ask(
  rules: readonly Rule[],
  known: readonly Conclusion[],
  { name, attribute }: Fact,
): RuleQuestion {
  const found = known.find((one) => one.name === name && one.attribute === attribute);
  const chain = found?.chain ?? [];
  const answer = found === undefined ? "unknown" : found.holds ? "true" : "false";
  const depth = found === undefined ? premisesOf(attribute, rules).length : chain.length;
  return { name, attribute, answer, depth, chain };
}

/** The attributes from which rules lead to `attribute`, the nearest first; no two rules conclude the same. */
function premisesOf(attribute: string, rules: readonly Rule[]): string[] {
  const last = rules.find(({ follows }) => follows === attribute);
  return last ? [last.given, ...premisesOf(last.given, rules)] : [];
}

/**
 * Follows rules forward from facts until nothing new follows. A denied attribute sets no rule off.
 *
 * @returns the facts, then what follows from them, fewest rules first; both an attribute and its denial when both follow
 */
export function conclude(rules: readonly Rule[], facts: readonly Fact[]): readonly Conclusion[] {
  const known: Conclusion[] = facts.map((fact) => ({ ...fact, holds: true, chain: [] }));
  // The list grows while it is read: each conclusion sets off the rules that it is the premise of.
  for (const { name, attribute, holds, chain } of known) {
    for (const rule of rules) {
      if (!holds || rule.given !== attribute) continue;
      const next = { name, attribute: rule.follows, holds: !rule.denies };
      if (known.some((one) => isSame(one, next) && one.holds === next.holds)) continue;
      known.push({ ...next, chain: [...chain, rule] });
    }
  }
  return known;
}

const isSame = (one: Fact, other: Fact): boolean =>
  one.name === other.name && one.attribute === other.attribute;

function isContradictory(known: readonly Conclusion[]): boolean {
  return known.some((one) =>
    known.some((other) => isSame(one, other) && one.holds !== other.holds),
  );
}

/** Scenes with one fact's attribute exchanged, so that the last answer is another one but still is not told outright. */
function changedFacts({ rules, facts }: Scene, questions: readonly RuleQuestion[]): Scene[] {
  const last = questions.at(-1)!;
  const asked = new Set(rules.flatMap(({ given, follows }) => [given, follows]));
  const scenes = facts.flatMap((fact, i) =>
    [...asked].map((attribute) => ({ rules, facts: facts.with(i, { ...fact, attribute }) })),
  );
  return scenes.filter((scene) => {
    const known = conclude(rules, scene.facts);
    const isTold = questions.some((question) => scene.facts.some((fact) => isSame(fact, question)));
    const isRepeated =
      new Set(scene.facts.map(({ name, attribute }) => `${name} ${attribute}`)).size < facts.length;
    return (
      !isTold &&
      !isRepeated &&
      !isContradictory(known) &&
      ask(rules, known, last).answer !== last.answer
    );
  });
}

/** How a scene is put in words. */
interface Style {
  /** For each rule. */
  readonly isShort: readonly boolean[];
  readonly isSpelled: boolean;
}

/** Writes a scene and asks; the answers are those of this scene, whatever the questions had for answers elsewhere. */
function write(
  scene: Scene,
  questions: readonly Fact[],
  { isShort, isSpelled }: Style,
): { readonly words: readonly string[]; readonly spans: readonly Span[] } {
  const known = conclude(scene.rules, scene.facts);
  const words = scene.rules.flatMap((rule, i) => ruleWords(rule, isShort[i]!));
  for (const { name, attribute } of scene.facts) words.push(name, "is", attribute, ".");
  const spans = questions.map((question) => {
    if (isSpelled) words.push(...split(thinkFirst));
    words.push(...asking(question));
    const start = words.length;
    if (isSpelled) words.push(chat.think, ...working(known, question), chat.thought);
    words.push(ask(scene.rules, known, question).answer, ".");
    return { start, end: words.length - 1 };
  });
  return { words, spans };
}

/** All that follows about the person, then the question again: `Mira is kind . kind people are tall . Mira is tall . is Mira tall ?` */
function working(known: readonly Conclusion[], question: Fact): string[] {
  const steps = known
    .filter(({ name }) => name === question.name)
    .flatMap(({ name, holds, attribute, chain }) => [
      ...chain.slice(-1).flatMap((rule) => ruleWords(rule, true)),
      name,
      "is",
      ...(holds ? [] : ["not"]),
      attribute,
      ".",
    ]);
  return [...steps, ...asking(question)];
}

const asking = ({ name, attribute }: Fact): string[] => ["is", name, attribute, "?"];

function ruleWords({ given, follows, denies }: Rule, isShort: boolean): string[] {
  const what = denies ? ["not", follows, "."] : [follows, "."];
  return isShort
    ? [given, "people", "are", ...what]
    : [...split("if someone is"), given, ...split("then they are"), ...what];
}
