// What a network answers in a chat: the conversation as a prompt that fits its context, and the text it adds.

import type { LanguageGenerateOptions, LanguageNetwork } from "../../network/language.ts";
import { continuePrompts } from "../continuation.ts";
import { conversationIds } from "../prompt.ts";
import { messagesOf, textOf } from "./session.ts";
import type { Chat } from "./session.ts";

/** Whether a network was taught to read conversations. */
export function hasChatTemplate(net: LanguageNetwork): boolean {
  return Object.keys(net.tokenizer.chatTemplates).length > 0;
}

/** A conversation as a network reads it. */
export interface ChatPrompt {
  readonly ids: readonly number[];
  /** Turns at the beginning that the context has no room for. */
  readonly forgotten: number;
}

/**
 * Writes a conversation as a prompt, in the network's chat template or, where there is none, as one text.
 *
 * @param line - what the user has just said
 * @param maxTokens - room to leave for the answer
 * @returns the prompt without the oldest turns that do not fit. The line itself is always there, though it may be too long
 */
export function chatPrompt(
  net: LanguageNetwork,
  chat: Chat,
  { line, maxTokens }: { readonly line: string; readonly maxTokens: number },
): ChatPrompt {
  const isChat = hasChatTemplate(net);
  const read = (turns: Chat["turns"]): readonly number[] =>
    isChat
      ? conversationIds(net, messagesOf({ ...chat, turns }, line))
      : net.tokenizer.encode(textOf({ ...chat, turns }, line));
  let forgotten = 0;
  let ids = read(chat.turns);
  while (ids.length + maxTokens > net.config.nCtx && forgotten < chat.turns.length) {
    ids = read(chat.turns.slice(++forgotten));
  }
  return { ids, forgotten };
}

/** An answer, and how it came about. */
export interface Answer {
  readonly text: string;
  readonly forgotten: number;
  readonly isAborted: boolean;
}

/**
 * Answers a line.
 *
 * @param write - gets the answer piece by piece
 * @throws PatchClampError what `LanguageNetwork.generate` throws, such as `BAD_INPUT` for a line that is longer than the context
 */
export async function answer(
  net: LanguageNetwork,
  chat: Chat,
  asked: {
    readonly line: string;
    readonly options: LanguageGenerateOptions & { readonly maxTokens: number };
    readonly write: (piece: string) => void;
  },
): Promise<Answer> {
  const { line, options, write } = asked;
  const { maxTokens } = options;
  const { ids, forgotten } = chatPrompt(net, chat, { line, maxTokens });
  const room = Math.max(1, Math.min(maxTokens, net.config.nCtx - ids.length));
  const given = { ...options, maxTokens: room, strength: chat.strength };
  const { continuations, isAborted } = await continuePrompts(net, [{ ids }], given, { write });
  return { text: continuations[0]!.text, forgotten, isAborted };
}
