// Chat templates: Jinja programs from a checkpoint that turn messages into the prompt that its network was trained on.

import { PatchClampError } from "../../core/errors.ts";
import type { Tokenizer } from "../../network/tokenizer.ts";
import { render } from "./interpreter.ts";
import { strftime } from "./strftime.ts";

/** One message; templates may read further fields, such as `tool_calls` and `name`. All of it is JSON. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, `tool` or what else the template knows. */
  readonly role: string;
  /** The text, or parts such as `{ type: "text", text }`. */
  readonly content?: unknown;
  readonly [field: string]: unknown;
}

/** What a template needs of a tokenizer. */
export type ChatSource = Pick<Tokenizer, "name" | "chatTemplates" | "specialTokens">;

export interface ChatOptions {
  /** Which of the tokenizer's templates. Default: `tool_use` when there are tools and such a template, else `default`. */
  readonly template?: string;
  /** Whether the prompt ends where the assistant's answer begins. Default false. */
  readonly addGenerationPrompt?: boolean;
  /** Whether the prompt ends with the last message's text, for the network to go on with it. Default false. */
  readonly continueFinalMessage?: boolean;
  /** JSON schemas of functions that the assistant may call. */
  readonly tools?: readonly unknown[];
  /** The time, for templates that write the date into the prompt. */
  readonly now?: Date;
  /** Further variables of the template, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/**
 * Writes a conversation as the prompt that a network was trained on.
 *
 * The text holds the special tokens, a first `<bos>` too: encode it with `{ addSpecialTokens: false }`, or there are two.
 *
 * @param tokenizer - or another source of templates: `{ name, chatTemplates: { default: "..." }, specialTokens: {} }`
 * @throws PatchClampError `BAD_OPTION` for options that do not go together or that the template needs; `UNKNOWN_NAME` when there is no
 * such template; `BAD_INPUT` when the template refuses the messages; `BAD_FILE` when it cannot be run or does not end
 */
export function applyChatTemplate(
  tokenizer: ChatSource,
  messages: readonly ChatMessage[],
  options: ChatOptions = {},
): string {
  const { addGenerationPrompt = false, continueFinalMessage = false, tools, now } = options;
  const { name, specialTokens } = tokenizer;
  if (addGenerationPrompt && continueFinalMessage) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem:
        "addGenerationPrompt begins a new message and continueFinalMessage goes on with the last.",
      fix: "ask for one of them.",
    });
  }
  const template = templateOf(tokenizer, options);
  const write = (chat: readonly ChatMessage[]): string =>
    run(name, template, {
      ...specialTokens,
      messages: chat,
      tools: tools ?? null,
      documents: null,
      add_generation_prompt: addGenerationPrompt,
      ...options.variables,
      ...functions(name, now),
    });
  return continueFinalMessage ? upToLastText(name, messages, write) : write(messages);
}

const where = "applyChatTemplate";

function templateOf({ name, chatTemplates }: ChatSource, options: ChatOptions): string {
  const has = (key: string): boolean => Object.hasOwn(chatTemplates, key);
  const wanted =
    options.template ?? (options.tools !== undefined && has("tool_use") ? "tool_use" : "default");
  if (has(wanted)) return chatTemplates[wanted]!;
  const names = Object.keys(chatTemplates);
  throw new PatchClampError("UNKNOWN_NAME", {
    where,
    problem:
      names.length === 0
        ? `${name} has no chat template: it was trained on plain text, or its template was not kept.`
        : `${name} has no chat template "${wanted}"; it has ${names.join(", ")}.`,
    fix:
      names.length === 0
        ? "write the prompt yourself, or put the template beside the weights as chat_template.jinja."
        : "name one of them as `template`.",
    facts: { template: wanted, templates: names },
  });
}

/** What stands at the end of the last text while it is looked for in the prompt; its space shows whether the template trims. */
const TAG = "\uE000end of the final message\uE000 ";

function upToLastText(
  name: string,
  messages: readonly ChatMessage[],
  write: (chat: readonly ChatMessage[]) => string,
): string {
  const last = messages.at(-1);
  const tagged = last === undefined ? undefined : withTag(last);
  const prompt = tagged === undefined ? "" : write([...messages.slice(0, -1), tagged]);
  const at = prompt.lastIndexOf(TAG.trimEnd());
  if (at < 0) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: `the prompt of ${name} does not hold the text of the final message, so it cannot go on with it.`,
      fix: "end with a message whose content is text, or use addGenerationPrompt.",
    });
  }
  return prompt.startsWith(TAG, at) ? prompt.slice(0, at) : prompt.slice(0, at).trimEnd();
}

function withTag(message: ChatMessage): ChatMessage | undefined {
  const { content } = message;
  if (typeof content === "string") return { ...message, content: content + TAG };
  if (!Array.isArray(content)) return undefined;
  const isText = (part: unknown): boolean =>
    typeof part === "object" && part !== null && "text" in part && typeof part.text === "string";
  const at = content.findLastIndex(isText);
  if (at < 0) return undefined;
  const part = content[at] as { readonly text: string };
  return { ...message, content: content.with(at, { ...part, text: part.text + TAG }) };
}

/** A template said with `raise_exception` that it does not take these messages. */
class Refusal extends Error {}

function functions(name: string, now: Date | undefined): Record<string, unknown> {
  return {
    raise_exception: (reason: unknown) => {
      throw new Refusal(String(reason));
    },
    strftime_now: (format: unknown) => {
      if (now !== undefined) return strftime(now, String(format));
      throw new PatchClampError("BAD_OPTION", {
        where,
        problem: `the chat template of ${name} writes the date into the prompt, and no \`now\` was given.`,
        fix: "give `now: new Date()`, or a fixed date for prompts that are to stay the same.",
      });
    },
  };
}

function run(name: string, template: string, variables: Readonly<Record<string, unknown>>): string {
  try {
    return render(template, variables);
  } catch (cause) {
    if (cause instanceof PatchClampError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (cause instanceof Refusal) {
      throw new PatchClampError("BAD_INPUT", {
        where,
        problem: `the chat template of ${name} refuses these messages: ${reason}`,
        facts: { reason },
        cause,
      });
    }
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `the chat template of ${name} cannot be run: ${reason}.`,
      fix: "report the template, or give a corrected one in chat_template.jinja.",
      cause,
    });
  }
}
