// Personas: conversations in which somebody speaks in a style of their own, and sometimes drifts into another's.

import type { Rng } from "../../core/rng.ts";
import { requireOneOf } from "../_options.ts";
import { chat } from "./lexicon.ts";
import {
  invitations,
  opinions,
  personaNames,
  questions,
  speakers,
  topics,
  voices,
} from "./personas-words.ts";
import type { PersonaName, Speaker } from "./personas-words.ts";
import type { Contrast, Knobs, LanguageSkill, Span, Text } from "./skill.ts";

export type { PersonaName, Speaker } from "./personas-words.ts";

/**
 * How a conversation moves to another persona: never, because the user asks for it, or slowly, with the second turn in
 * which the user speaks in the other's style. One such turn only tempts: nothing changes.
 */
export type Drift = "none" | "asked" | "slow" | "tempted";

/** What is true of a conversation. */
export interface PersonasLabel {
  /** Who speaks by the system turn; the assistant when there is none. */
  readonly start: Speaker;
  readonly drift: Drift;
  /** Every reply: who speaks, whether that is another than at the start, about what, and where it stands. */
  readonly replies: readonly (Span & {
    readonly speaker: Speaker;
    readonly drifted: boolean;
    readonly topic: string;
  })[];
}

/** Every persona with the words that only it says. */
export const personaMarkers = Object.fromEntries(
  personaNames.map((name) => [name, voices[name].markers]),
) as Readonly<Record<PersonaName, readonly string[]>>;

const ownerOf = new Map(
  personaNames.flatMap((name) => voices[name].markers.map((marker) => [marker, name] as const)),
);

/**
 * Reads off the words who speaks.
 *
 * @returns the one persona whose markers there are, `assistant` when there are none, `mixed` when there are those of several
 */
export function personaOf(words: readonly string[]): Speaker | "mixed" {
  const owners = new Set(words.flatMap((word) => ownerOf.get(word) ?? []));
  if (owners.size > 1) return "mixed";
  const [owner = "assistant"] = owners;
  return owner;
}

/** A user turn and its reply, by content. */
interface Exchange {
  readonly topic: string;
  readonly question: readonly string[];
  /** Who the assistant is asked to be, and in what words. */
  readonly invitation?: { readonly to: Speaker; readonly form: readonly string[] };
  /** In whose style the user speaks. */
  readonly style?: Speaker;
  readonly speaker: Speaker;
  readonly form: number;
  readonly opinion: string;
}

interface Conversation {
  readonly start: Speaker;
  /** Whether the system turn stands there; the assistant can do without. */
  readonly stated: boolean;
  readonly exchanges: readonly Exchange[];
}

const fill = (form: readonly string[], ...filler: string[]): string[] =>
  form.flatMap((word) => (word === "_" ? filler : [word]));

const withArticle = (name: Speaker): string[] => [name === "assistant" ? "an" : "a", name];

/** What a speaker can say about a topic. */
const replyForms: readonly ((name: Speaker, topic: string, opinion: string) => string[])[] = [
  (name, topic, opinion) => {
    const { opening, address } = voices[name];
    return [opening, ",", "the", topic, "is", opinion, ",", address, "."];
  },
  (name, topic, opinion) => {
    const { address, praise } = voices[name];
    return [address, ",", "the", topic, ...fill(praise, opinion), "."];
  },
  (name, topic) => {
    const { opening, deed } = voices[name];
    return [opening, ",", ...deed, "the", topic, "."];
  },
];

function systemTurn(name: Speaker): string[] {
  return [chat.system, "you", "are", ...withArticle(name), ".", chat.end];
}

function userTurn({ topic, question, invitation, style }: Exchange): string[] {
  const call = style ? [voices[style].opening, voices[style].address, ","] : [];
  const asked = invitation ? fill(invitation.form, ...withArticle(invitation.to)) : [];
  return [chat.user, ...call, ...asked, ...fill(question, topic), chat.end];
}

const replyOf = ({ speaker, topic, form, opinion }: Exchange): string[] =>
  replyForms[form]!(speaker, topic, opinion);

/** Writes a conversation down; a reply ends with its `<end>`. */
function write({ start, stated, exchanges }: Conversation): { words: string[]; answers: Span[] } {
  const words = stated ? systemTurn(start) : [];
  const answers = exchanges.map((exchange) => {
    words.push(...userTurn(exchange), chat.assistant);
    const at = words.length;
    words.push(...replyOf(exchange), chat.end);
    return { start: at, end: words.length };
  });
  return { words, answers };
}

function drawDrift(rng: Rng, turns: number): Drift {
  if (turns === 1) return rng.pick(["none", "asked", "asked"]);
  return rng.pick(["none", "asked", "asked", "slow", "slow", "tempted"]);
}

const someoneElse = (rng: Rng, not: Speaker): PersonaName =>
  rng.pick(personaNames.filter((name) => name !== not));

/** Where the conversation changes: the turns in the other's style or with the invitation, and the first other reply. */
function drawChange(rng: Rng, drift: Drift, turns: number): { marked: number[]; from: number } {
  if (drift === "none") return { marked: [], from: turns };
  const marked = [...rng.permutation(turns)].slice(0, drift === "slow" ? 2 : 1);
  return { marked, from: drift === "tempted" ? turns : Math.max(...marked) };
}

function drawConversation(rng: Rng, drift: Drift, turns: number): Conversation {
  const start = rng.uniform() < 0.2 ? "assistant" : rng.pick(personaNames);
  const { marked, from } = drawChange(rng, drift, turns);
  const back = drift === "asked" && start !== "assistant" && rng.uniform() < 0.15;
  const other = back ? "assistant" : someoneElse(rng, start);
  const about = rng.shuffle(topics);

  const exchanges = Array.from({ length: turns }, (_, turn): Exchange => ({
    topic: about[turn]!,
    question: rng.pick(questions),
    ...(marked.includes(turn) &&
      (drift === "asked"
        ? { invitation: { to: other, form: rng.pick(invitations) } }
        : { style: other })),
    speaker: turn < from ? start : other,
    form: rng.below(replyForms.length),
    opinion: rng.pick(opinions),
  }));
  return { start, stated: start !== "assistant" || rng.uniform() < 0.5, exchanges };
}

/** The conversation with another persona wherever the last one to speak is named, imitated or speaks. */
function exchangeLast(rng: Rng, conversation: Conversation): Conversation | undefined {
  const { start, stated, exchanges } = conversation;
  const last = exchanges.at(-1)!.speaker;
  if (last === start && !stated) return undefined;
  const taken = exchanges.flatMap(({ speaker, style }) => [speaker, style]);
  const other = rng.pick(personaNames.filter((name) => name !== start && !taken.includes(name)));
  const swap = (name: Speaker): Speaker => (name === last ? other : name);
  return {
    start: swap(start),
    stated,
    exchanges: exchanges.map((exchange) => ({
      ...exchange,
      speaker: swap(exchange.speaker),
      ...(exchange.style && { style: swap(exchange.style) }),
      ...(exchange.invitation && {
        invitation: { ...exchange.invitation, to: swap(exchange.invitation.to) },
      }),
    })),
  };
}

function drawPersonas(rng: Rng, knobs: Knobs): Text<PersonasLabel> {
  const turns = knobs["turns"]!;
  const drift = knobs["drift"] ? drawDrift(rng, turns) : "none";
  const conversation = drawConversation(rng, drift, turns);
  const { start, exchanges } = conversation;
  const { words, answers } = write(conversation);
  const exchanged = exchangeLast(rng, conversation);
  const last = exchanges.at(-1)!;
  return {
    words,
    answers,
    label: {
      start,
      drift,
      replies: exchanges.map(({ speaker, topic }, i) => ({
        ...answers[i]!,
        speaker,
        drifted: speaker !== start,
        topic,
      })),
    },
    key: `persona|${last.speaker}|${last.topic}|${exchanges.at(-2)?.topic ?? "none"}`,
    ...(exchanged && { counterfactual: write(exchanged).words }),
  };
}

/**
 * Draws a pair for one persona: a question and a reply, once by the persona and once by the assistant. They have the same
 * length and differ only in who speaks and in the words of their style.
 *
 * @throws PatchClampError `BAD_OPTION` when there is no such persona
 */
export function personaContrast(name: PersonaName, rng: Rng): Contrast {
  requireOneOf("personaContrast", "name", name, personaNames);
  const exchange: Exchange = {
    topic: rng.pick(topics),
    question: rng.pick(questions),
    speaker: name,
    form: rng.below(replyForms.length),
    opinion: rng.pick(opinions),
  };
  const spokenBy = (speaker: Speaker): string[] => [
    ...systemTurn(speaker),
    ...userTurn(exchange),
    chat.assistant,
    ...replyOf({ ...exchange, speaker }),
  ];
  return { trait: name, positive: spokenBy(name), negative: spokenBy("assistant") };
}

/** Keeps to a persona, and drifts when the user makes it. */
export const personas: LanguageSkill<PersonasLabel> = {
  name: "personas",
  summary:
    "Speaks in the style of the persona it is told to be, until the user makes it another one.",
  vocabulary: vocabulary(),
  knobs: {
    turns: { meaning: "questions and replies", least: 1, most: 3 },
    drift: { meaning: "whether the persona can change: 0 never, 1 often", least: 0, most: 1 },
  },
  draw: drawPersonas,
  judge: (written, { label }) => {
    const end = written.indexOf(chat.end);
    const reply = end < 0 ? written : written.slice(0, end);
    return reply.length > 0 && personaOf(reply) === label.replies.at(-1)!.speaker;
  },
  contrast: (rng) => personaContrast(rng.pick(personaNames), rng),
};

function vocabulary(): string[] {
  const said = speakers.flatMap((name) => [
    ...withArticle(name),
    ...systemTurn(name),
    ...replyForms.flatMap((form) => form(name, "the", "good")),
  ]);
  const asked = [...questions, ...invitations].flat().filter((word) => word !== "_");
  return [
    ...new Set([...said, ...asked, ...topics, ...opinions, chat.user, chat.assistant, chat.end]),
  ];
}
