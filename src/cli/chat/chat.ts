// `patchclamp chat`: talk with a network, and turn how strongly it is steered while you type.

import { basename, dirname } from "node:path";

import { Chalk } from "chalk";
import type { ChalkInstance } from "chalk";

import { PatchClampError } from "../../core/errors.ts";
import type { LanguageGenerateOptions, LanguageNetwork } from "../../network/language.ts";
import { PromptCache } from "../../network/prompt-cache.ts";
import { nodeFiles } from "../../runtime/node-files.ts";
import { describeSet } from "../../values/index.ts";
import { command } from "../command.ts";
import type { LoadedSet } from "../interventions.ts";
import { announcement, doseOf, listed, loadSets, setsOf } from "../interventions.ts";
import { openLanguage } from "../network.ts";
import { networkOperand, number, text } from "../options.ts";
import { readPrompt } from "../prompt.ts";
import {
  endOptions,
  samplingOf,
  samplingOptions,
  steeringOptions,
  weightsOptions,
} from "../shared-options.ts";
import { answer, hasChatTemplate } from "./answer.ts";
import { answered, beginChat, hear, messagesOf, nothingLoaded, turnStrength } from "./session.ts";
import type { Chat, Request } from "./session.ts";
import { openTerminal } from "./terminal.ts";
import type { Terminal } from "./terminal.ts";

/** What stands before the user's line: what steers, and how strongly, in the colour of its curve. */
export function promptLine(chat: Chat, loaded: readonly LoadedSet[], ink: ChalkInstance): string {
  if (loaded.length === 0) return `${ink.bold("you ›")} `;
  const names = loaded.map(({ path, set }) => set.name ?? basename(path)).join(" + ");
  const dose = doseOf(chat.strength, setsOf(loaded));
  const paint = { usable: ink.green, outside: ink.yellow, collapsed: ink.red, unknown: ink.cyan };
  const warnings = { outside: " outside its band", collapsed: " texts fall apart" };
  const warning = dose === "outside" || dose === "collapsed" ? warnings[dose] : "";
  return `${ink.dim(names)} ${paint[dose](`×${chat.strength}${warning}`)} ${ink.bold("›")} `;
}

/** The conversation as it is saved, and printed by `--json`. */
function transcript(
  net: LanguageNetwork,
  chat: Chat,
  loaded: readonly LoadedSet[],
): Readonly<Record<string, unknown>> {
  const strengths = chat.turns.map(({ strength }) => strength);
  return {
    network: net.name,
    messages: messagesOf(chat),
    ...(loaded.length === 0 ? {} : { interventions: listed(loaded), strengths }),
  };
}

/** A chat that is going on. */
interface Room {
  readonly net: LanguageNetwork;
  readonly loaded: readonly LoadedSet[];
  readonly terminal: Terminal;
  readonly generation: LanguageGenerateOptions & { readonly maxTokens: number };
  readonly print: (text: string) => void;
  readonly note: (line: string) => void;
  /** Changes with every line and every key. */
  chat: Chat;
}

export const chatCommand = command({
  name: "chat",
  summary: "talk with a network in the terminal, turning the strength of interventions by keys",
  operands: [networkOperand],
  options: {
    ...steeringOptions,
    step: number("x", "how much a key changes the strength", 0.5),
    system: text("text", "a message that comes before all others"),
    ...endOptions,
    ...samplingOptions,
    ...weightsOptions,
  },
  formats: ["json"],
  examples: [
    "chat",
    "chat organism:stories --temperature 1",
    'chat --system "Mira and Tomo went to the park."',
  ],
  run: async ({ host, operands, options, print, note }) => {
    const { interventions, strength, step, system, maxTokens, stop } = options;
    const net = await openLanguage(host, operands["network"]!, options);
    const loaded = await loadSets(net, interventions);
    const ink = new Chalk({ level: host.color });
    const room: Room = {
      net,
      loaded,
      print,
      note,
      chat: beginChat({ system, strength, isSteered: loaded.length > 0 }),
      terminal: openTerminal(host, {
        prompt: () => promptLine(room.chat, loaded, ink),
        turn: (steps) => (room.chat = turnStrength(room.chat, steps, step)),
      }),
      generation: {
        ...samplingOf(options),
        cache: new PromptCache(),
        maxTokens: maxTokens ?? Math.min(64, Math.floor(net.config.nCtx / 3)),
        stopStrings: stop,
        interventions: setsOf(loaded),
      },
    };
    for (const line of greeting(room)) note(ink.dim(line));
    try {
      await talk(room);
    } finally {
      room.terminal.close();
    }
    return { data: transcript(net, room.chat, loaded), isPrinted: true };
  },
});

/** Takes line after line until there is none, or one ends the chat. */
async function talk(room: Room): Promise<void> {
  const { terminal, print, note } = room;
  for (;;) {
    const line = await terminal.ask();
    if (line === undefined) break;
    const heard = hear(room.chat, line);
    room.chat = heard.chat;
    try {
      if (await follow(room, heard.request)) break;
    } catch (error) {
      // what the network refuses is told, and the chat goes on
      if (!(error instanceof PatchClampError)) throw error;
      note(error.message);
    }
    if (terminal.isLive) print("\n");
  }
  if (terminal.isLive) print("\n");
}

/**
 * Does what a line asks for.
 *
 * @returns whether the chat is over
 */
async function follow(room: Room, request: Request): Promise<boolean> {
  const { net, loaded, note } = room;
  switch (request.kind) {
    case "quit":
      return true;
    case "say":
      if (request.text !== "") note(request.text);
      return false;
    case "interventions":
      note(loaded.length === 0 ? nothingLoaded : loaded.map(inWords).join("\n"));
      return false;
    case "save":
      await save(request.path, transcript(net, room.chat, loaded));
      note(`Saved ${request.path}.`);
      return false;
    case "answer":
      return respond(room, request.line);
  }
}

/**
 * Answers a line.
 *
 * @returns whether the chat is over, because Ctrl-C ended it
 */
async function respond(room: Room, line: string): Promise<boolean> {
  const { net, terminal, generation, print, note } = room;
  const asked = room.chat;
  const warning = hasChatTemplate(net) ? undefined : readPrompt(net, line).warning;
  if (warning !== undefined) note(warning);
  let isFirst = true;
  const write = (piece: string): void => {
    print(isFirst ? piece.trimStart() : piece);
    isFirst = false;
  };
  const given = await terminal.during((signal) =>
    answer(net, asked, { line, write, options: { ...generation, signal } }),
  );
  print("\n");
  if (given.text === "" && !given.isAborted) note(`(${net.name} has nothing to add)`);
  if (given.forgotten > 0) note(forgottenWords(net, given.forgotten));
  if (given.text !== "" || !given.isAborted) {
    const turn = { user: line, answer: given.text, strength: asked.strength };
    // the strength may have been turned while the answer was written
    room.chat = { ...answered(asked, turn), strength: room.chat.strength };
  }
  return given.isAborted && !terminal.isLive;
}

async function save(path: string, content: unknown): Promise<void> {
  const json = `${JSON.stringify(content, null, 2)}\n`;
  await nodeFiles(dirname(path)).write(basename(path), new TextEncoder().encode(json));
}

/** What stands above a chat. */
function greeting({ net, loaded, terminal }: Room): readonly string[] {
  const lines = loaded.map(announcement);
  if (!terminal.isLive) return lines;
  const plain = `${net.name} has no chat template, so it goes on with what you write.`;
  const keys =
    loaded.length === 0
      ? ""
      : " Ctrl-Up and Ctrl-Down, or Page Up and Page Down, turn the strength.";
  return [...(hasChatTemplate(net) ? [] : [plain]), ...lines, `/help lists what there is.${keys}`];
}

function inWords(loaded: LoadedSet): string {
  return `${announcement(loaded)}\n${describeSet(loaded.set)}`;
}

function forgottenWords(net: LanguageNetwork, turns: number): string {
  const [which, them] =
    turns === 1 ? ["first turn does", "it"] : [`first ${turns} turns do`, "them"];
  return `The ${which} not fit into the context of ${net.config.nCtx} tokens any more, and ${net.name} did not see ${them}.`;
}
