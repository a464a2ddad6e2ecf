// What the user typed as a prompt, and the text that a network adds to it.

import { applyChatTemplate } from "../checkpoints/chat/chat.ts";
import type { ChatMessage } from "../checkpoints/chat/chat.ts";
import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { hasToken, tokenLabel } from "../network/tokenizer.ts";

/** A prompt in tokens. */
export interface ReadPrompt {
  readonly ids: readonly number[];
  /** One a position, as the vocabulary writes them. */
  readonly tokens: readonly string[];
  /** What the network cannot read in it, as a sentence. */
  readonly warning: string | undefined;
}

/** How a prompt is written. */
export interface PromptForm {
  /** A list of token ids, such as `2,17,9`. */
  readonly isIds?: boolean;
  /** A message, which goes into the network's chat template; with a system message before it where there is one. */
  readonly chat?: { readonly system: string | undefined } | undefined;
}

/**
 * Reads a prompt.
 *
 * @throws PatchClampError `BAD_INPUT` when it is empty, is not a list of ids, or does not fit the network, and what `applyChatTemplate`
 * throws
 */
export function readPrompt(
  net: LanguageNetwork,
  prompt: string,
  { isIds = false, chat }: PromptForm = {},
): ReadPrompt {
  const given = isIds ? toIds(prompt) : chat === undefined ? prompt : chatIds(net, prompt, chat);
  const ids = net.tokens([given] as readonly string[] | readonly number[][]).ids[0]!;
  if (!net.hasTokenizer) return { ids, tokens: ids.map(String), warning: undefined };
  const tokens = ids.map((id) => tokenLabel(net, id));
  const unknown = tokens.filter((token) => token === "<unk>").length;
  const warning =
    unknown === 0
      ? undefined
      : `${net.name} does not know ${plural(unknown, "word")} of the prompt and reads: ${tokens.join(" ")}`;
  return { ids, tokens, warning };
}

/** The message as the network was taught to read it, up to where its answer begins. */
function chatIds(
  net: LanguageNetwork,
  content: string,
  { system }: { readonly system: string | undefined },
): number[] {
  const before = system === undefined ? [] : [{ role: "system", content: system }];
  return conversationIds(net, [...before, { role: "user", content }]);
}

/**
 * A conversation as the network was taught to read it, up to where its next answer begins.
 *
 * @throws PatchClampError what `applyChatTemplate` throws
 */
export function conversationIds(net: LanguageNetwork, messages: readonly ChatMessage[]): number[] {
  const text = applyChatTemplate(net.tokenizer, messages, {
    addGenerationPrompt: true,
    now: new Date(),
  });
  return net.tokenizer.encode(text, { addSpecialTokens: false });
}

/** How a prompt is written, from the options of a command. */
export function promptForm({
  ids,
  chat,
  system,
}: {
  readonly ids: boolean;
  readonly chat: boolean;
  readonly system: string | undefined;
}): PromptForm {
  return { isIds: ids, ...(chat || system !== undefined ? { chat: { system } } : {}) };
}

/**
 * Reads a list of token ids.
 *
 * @throws PatchClampError `BAD_INPUT` when it is none
 */
export function toIds(prompt: string): number[] {
  const parts = prompt.split(/[\s,]+/).filter((part) => part !== "");
  if (parts.length > 0 && parts.every((part) => /^\d+$/.test(part))) return parts.map(Number);
  throw new PatchClampError("BAD_INPUT", {
    where: "--ids",
    problem: `"${prompt}" is not a list of token ids.`,
    fix: "write whole numbers with commas between them, such as 2,17,9.",
  });
}

/**
 * The text that new tokens add to a prompt, with the space that parts them.
 *
 * @param ids - the new tokens
 */
export function addedText(
  net: LanguageNetwork,
  prompt: readonly number[],
  ids: readonly number[],
): string {
  if (!net.hasTokenizer) return ids.length === 0 ? "" : ` ${ids.join(" ")}`;
  const { tokenizer } = net;
  const textOf = (all: readonly number[]): string => {
    const known = all.filter((id) => hasToken(tokenizer, id));
    return tokenizer.decode(known, { skipSpecialTokens: true });
  };
  const [before, whole] = [textOf(prompt), textOf([...prompt, ...ids])];
  return whole.startsWith(before) ? whole.slice(before.length) : textOf(ids);
}

/** Ids after which a text is over: its end, or the beginning of the next one. */
export function textEnds(net: LanguageNetwork): number[] {
  if (!net.hasTokenizer) return [];
  return [...net.tokenizer.stops, net.tokenizer.bos].filter((id) => id !== undefined);
}
