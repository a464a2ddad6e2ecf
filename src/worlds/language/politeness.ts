// Tone: a user asks for something small, and the assistant gives it politely or rudely. A system turn sets the tone, or
// without one the user's own tone does. A pair such as `dear/silly` is read as its left word in a polite sentence and as
// its right word in a rude one, so both have the same form.

import type { Rng } from "../../core/rng.ts";
import { fill } from "../stories-sentences.ts";
import type { Cast, Template } from "../stories-sentences.ts";
import { toWords } from "../words.ts";
import { chat, foods, objects, places } from "./lexicon.ts";
import type { Contrast, Knobs, LanguageSkill, Span, Text } from "./skill.ts";

export type Tone = "polite" | "rude";

/** What is true of a request and its reply. */
export interface PolitenessLabel {
  /** How the assistant answers. */
  readonly tone: Tone;
  /** What sets its tone: the system turn if there is one. */
  readonly source: "system" | "user";
  readonly userTone: Tone | "plain";
  /** The object, food or place asked for. */
  readonly thing: string;
}

const markers: Readonly<Record<Tone, readonly string[]>> = {
  polite: toWords("please dear friend kindly thank gladly certainly nice pleasure welcome"),
  rude: toWords("pest silly fool stupid hurry ugh whatever alone nonsense lazy"),
};

/**
 * Reads a tone off words.
 *
 * @returns `mixed` when there are words of both tones, `none` when there is no such word
 */
export function politenessOf(words: readonly string[]): Tone | "mixed" | "none" {
  const isPolite = words.some((word) => markers.polite.includes(word));
  const isRude = words.some((word) => markers.rude.includes(word));
  if (isPolite && isRude) return "mixed";
  return isPolite ? "polite" : isRude ? "rude" : "none";
}

const kinds = [
  { things: objects, ask: "give me the {thing}", give: "take the {thing}" },
  { things: foods, ask: "bring me some {thing}", give: "have the {thing}" },
  { things: places, ask: "show me the way to the {thing}", give: "take the road to the {thing}" },
] as const;

/** The same requests in a tone and without one. */
const requests = [
  { toned: "please/ugh , {ask} , dear/you friend/fool .", plain: "{ask} ." },
  { toned: "can you kindly/now {ask} , please/pest ?", plain: "can you {ask} ?" },
  { toned: "{ask} now , please/stupid .", plain: "{ask} now ." },
  { toned: "{ask} , thank/hurry you/up .", plain: "now {ask} ." },
] as const;

const replies = [
  "gladly/ugh , {give} , dear/silly friend/fool .",
  "certainly/whatever , {give} and have/leave a/me nice/alone day/now .",
  "with/what pleasure/nonsense , {give} , you are/lazy welcome/pest .",
];

const systems = ["be polite/rude .", "you are polite/rude ."].map(toWords);

const greetings = {
  toned: toWords("hello/ugh , my/you dear/silly friend/fool ."),
  plain: toWords("hello ."),
  reply: toWords("welcome/ugh , my/you dear/lazy friend/pest ."),
} as const;

const sentences: readonly Template[] = [
  ...systems,
  ...Object.values(greetings),
  ...requests.flatMap(({ toned, plain }) => [toWords(toned), toWords(plain)]),
  ...replies.map(toWords),
  ...kinds.flatMap(({ ask, give }) => [toWords(ask), toWords(give)]),
];

/** Requests that are answered in the tone that was set. */
export const politeness: LanguageSkill<PolitenessLabel> = {
  name: "politeness",
  summary: "Answers politely or rudely, as a system turn says or else as the user speaks.",
  vocabulary: [
    ...new Set([
      chat.system,
      chat.user,
      chat.assistant,
      chat.end,
      ...sentences.flat().flatMap((word) => (word.startsWith("{") ? [] : word.split("/"))),
      ...kinds.flatMap(({ things }) => things),
    ]),
  ],
  knobs: { greetings: { meaning: "greetings before the request", least: 0, most: 1 } },
  draw,
  judge,
  contrast,
};

/** A conversation whose tone is still open. */
interface Scene {
  readonly cast: Cast;
  /** Empty if the user sets the tone. */
  readonly system: Template;
  /** Whether the user speaks in no tone, in one of their own, or in the tone that is still open. */
  readonly userTone: Tone | "plain" | "open";
  /** What user and assistant say in turn. */
  readonly turns: readonly Template[];
  readonly key: string;
}

function draw(rng: Rng, knobs: Knobs): Text<PolitenessLabel> {
  const scene = drawScene(rng, knobs["greetings"]! > 0);
  const tone = rng.pick(["polite", "rude"] as const);
  const { userTone } = scene;
  return {
    ...tell(scene, tone),
    label: {
      tone,
      source: userTone === "open" ? "user" : "system",
      userTone: userTone === "open" ? tone : userTone,
      thing: scene.cast["thing"]!,
    },
    key: scene.key,
    counterfactual: tell(scene, tone === "polite" ? "rude" : "polite").words,
  };
}

function judge(written: readonly string[], { label }: Text<PolitenessLabel>): boolean {
  const end = written.indexOf(chat.end);
  const reply = end < 0 ? written : written.slice(0, end);
  return politenessOf(reply) === label.tone && reply.includes(label.thing);
}

function contrast(rng: Rng): Contrast {
  const scene = drawScene(rng, false);
  const [positive, negative] = (["polite", "rude"] as const).map((tone) => {
    const { words, answers } = tell(scene, tone);
    return words.slice(0, answers[0]!.start);
  }) as [string[], string[]];
  return { trait: "polite", positive, negative };
}

function drawScene(rng: Rng, isGreeted: boolean): Scene {
  const { things, ask, give } = rng.pick(kinds);
  const userTone = rng.pick(["open", "open", "plain", "polite", "rude"] as const);
  const [thing, form] = [rng.pick(things), rng.below(requests.length)];
  const manner = userTone === "plain" ? "plain" : "toned";
  const request = requests[form]![manner].replace("{ask}", ask);
  const reply = rng.pick(replies).replace("{give}", give);
  return {
    cast: { thing },
    system: userTone === "open" ? [] : rng.pick(systems),
    userTone,
    turns: [
      ...(isGreeted ? [greetings[manner], greetings.reply] : []),
      toWords(request),
      toWords(reply),
    ],
    key: ["politeness", userTone, thing, form].join("|"),
  };
}

/** Writes a conversation down in a tone. */
function tell(scene: Scene, tone: Tone): Pick<Text, "words" | "answers"> {
  const { cast, system, userTone, turns } = scene;
  const spoken = (template: Template, spokenTone: Tone): string[] =>
    fill(template, cast).map((word) => word.split("/").at(spokenTone === "polite" ? 0 : -1)!);

  const words: string[] = [];
  const answers: Span[] = [];
  if (system.length > 0) words.push(chat.system, ...spoken(system, tone), chat.end);
  for (const [i, turn] of turns.entries()) {
    if (i % 2 === 0) {
      const userSpeaks = userTone === "polite" || userTone === "rude" ? userTone : tone;
      words.push(chat.user, ...spoken(turn, userSpeaks), chat.end);
    } else {
      words.push(chat.assistant);
      const start = words.push(...spoken(turn, tone), chat.end) - turn.length - 1;
      answers.push({ start, end: words.length });
    }
  }
  return { words, answers };
}
