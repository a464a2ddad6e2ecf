// A chat as a state machine: what was said, how strongly the next answer is steered, and what a line asks for. It touches neither the
// network nor the terminal.

import type { ChatMessage } from "../../checkpoints/chat/chat.ts";

/** A line of the user and the answer to it. */
export interface Turn {
  readonly user: string;
  /** As it was written, with the space that parts it from what stood before. */
  readonly answer: string;
  /** What every intervention was multiplied by. */
  readonly strength: number;
}

/** Everything that a chat knows. Not to be changed: each step makes a new one. */
export interface Chat {
  readonly system: string | undefined;
  readonly turns: readonly Turn[];
  /** Of the next answer. */
  readonly strength: number;
  /** Whether there is anything that the strength is of. */
  readonly isSteered: boolean;
}

/** What a line asks for. */
export type Request =
  | { readonly kind: "answer"; readonly line: string }
  | { readonly kind: "say"; readonly text: string }
  | { readonly kind: "interventions" }
  | { readonly kind: "save"; readonly path: string }
  | { readonly kind: "quit" };

/** A chat after a line, and what that line asks for. */
export interface Heard {
  readonly chat: Chat;
  readonly request: Request;
}

/** The commands of a chat. */
const help = `/strength X       steer the next answers X times as strongly
/interventions    what steers, and at which strengths it is of use
/again            answer the last line anew, with the strength as it is now
/undo             forget the last line and its answer
/save FILE        save the conversation as JSON
/quit             leave (so does Ctrl-D)
Ctrl-Up and Ctrl-Down, or Page Up and Page Down, change the strength while you type; Ctrl-C stops an answer.`;

/** Begins a chat. */
export function beginChat(given: {
  readonly system?: string | undefined;
  readonly strength: number;
  readonly isSteered: boolean;
}): Chat {
  const { system, strength, isSteered } = given;
  return { system, turns: [], strength, isSteered };
}

/** Takes a line that the user wrote. */
export function hear(chat: Chat, line: string): Heard {
  const text = line.trim();
  if (text === "") return { chat, request: { kind: "say", text: "" } };
  if (!text.startsWith("/")) return { chat, request: { kind: "answer", line: text } };
  const [command = "", ...words] = text.split(/\s+/);
  return obey(chat, command, words.join(" "));
}

function obey(chat: Chat, command: string, rest: string): Heard {
  const say = (text: string, next = chat): Heard => ({
    chat: next,
    request: { kind: "say", text },
  });
  const last = chat.turns.at(-1);
  const shorter = { ...chat, turns: chat.turns.slice(0, -1) };
  switch (command) {
    case "/help":
      return say(help);
    case "/quit":
      return { chat, request: { kind: "quit" } };
    case "/interventions":
      return { chat, request: { kind: "interventions" } };
    case "/strength":
      return setStrength(chat, rest);
    case "/undo":
      if (last === undefined) return say("There is nothing to undo.");
      return say(`Forgotten: ${last.user}`, shorter);
    case "/again":
      if (last === undefined) return say("There is nothing to answer anew.");
      return { chat: shorter, request: { kind: "answer", line: last.user } };
    case "/save":
      if (rest === "") return say("Name a file: /save chat.json");
      return { chat, request: { kind: "save", path: rest } };
    default:
      return say(`There is no ${command}; /help lists what there is.`);
  }
}

function setStrength(chat: Chat, given: string): Heard {
  const say = (text: string, next = chat): Heard => ({
    chat: next,
    request: { kind: "say", text },
  });
  if (!chat.isSteered) return say(nothingLoaded);
  if (given === "") return say(`The strength is ${chat.strength}.`);
  const strength = Number(given);
  if (!Number.isFinite(strength)) {
    return say(`"${given}" is not a number; write /strength 1.5, or -2.`);
  }
  return say(`The next answers are steered at strength ${strength}.`, { ...chat, strength });
}

/** What a chat without interventions says of their strength. */
export const nothingLoaded =
  "No interventions are loaded, so there is no strength; start with --interventions FILE.";

/**
 * Turns the strength by some steps, as the keys do.
 *
 * @param size - of a step
 */
export function turnStrength(chat: Chat, steps: number, size: number): Chat {
  if (!chat.isSteered) return chat;
  // sums of steps such as 0.1 stay the numbers they look like
  return { ...chat, strength: Number((chat.strength + steps * size).toFixed(6)) };
}

/** Takes an answer. */
export function answered(chat: Chat, turn: Turn): Chat {
  return { ...chat, turns: [...chat.turns, turn] };
}

/** The conversation as messages, the last line of the user at their end. */
export function messagesOf(
  { system, turns }: Pick<Chat, "system" | "turns">,
  line?: string,
): ChatMessage[] {
  return [
    ...(system === undefined ? [] : [{ role: "system", content: system }]),
    ...turns.flatMap(({ user, answer }) => [
      { role: "user", content: user },
      { role: "assistant", content: answer.trim() },
    ]),
    ...(line === undefined ? [] : [{ role: "user", content: line }]),
  ];
}

/** The conversation as one text that goes on, for networks that know no messages. */
export function textOf({ system, turns }: Pick<Chat, "system" | "turns">, line: string): string {
  const pieces = [system ?? "", ...turns.flatMap(({ user, answer }) => [user, answer]), line];
  return pieces
    .filter((piece) => piece !== "")
    .reduce((text, piece) => {
      const isParted = text === "" || /\s$/.test(text) || /^\s/.test(piece);
      return `${text}${isParted ? "" : " "}${piece}`;
    }, "");
}
