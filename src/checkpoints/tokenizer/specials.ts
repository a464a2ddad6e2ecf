import type { PipelineOptions } from "./pipeline.ts";

/** A JSON object that nobody has looked at yet. */
export type Json = Readonly<Record<string, unknown>>;

/** What the files beside a tokenizer say about its tokens. */
export interface Specials {
  readonly added: PipelineOptions["added"];
  /** Contents of special tokens. */
  readonly special: readonly string[];
  /** Special tokens by the config's names for them (`bos_token`). */
  readonly named: Readonly<Record<string, string>>;
  readonly chatTemplates: Readonly<Record<string, string>>;
}

const roles = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"].map((role) => `${role}_token`);

/**
 * Reads special tokens, added tokens and chat templates from the fields of `tokenizer_config.json`.
 *
 * What is not written as `transformers` writes it is passed over: these files hold much else.
 *
 * @param config - its fields, and `added_tokens` with what `added_tokens.json` holds
 */
export function readSpecials(config: Json): Specials {
  const extra = config["extra_special_tokens"];
  const lists = [config["additional_special_tokens"], extra].filter(Array.isArray).flat();
  const named: Record<string, string> = {};
  for (const role of roles) put(named, role, config[role]);
  if (!Array.isArray(extra)) {
    for (const [role, token] of Object.entries(asObject(extra))) put(named, role, token);
  }
  const special = [...Object.values(named), ...lists.map(contentOf)];
  return {
    added: [...decoderEntries(config), ...mapEntries(config)],
    special: special.filter((content) => content !== undefined),
    named,
    chatTemplates: chatTemplatesOf(config["chat_template"]),
  };
}

/** A special token is written as its text or as an object that holds it. */
export function contentOf(token: unknown): string | undefined {
  const content = typeof token === "string" ? token : asObject(token)["content"];
  return typeof content === "string" ? content : undefined;
}

export function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

function put(into: Record<string, string>, role: string, token: unknown): void {
  const content = contentOf(token);
  if (content !== undefined) into[role] = content;
}

/** `added_tokens_decoder` lists tokens by id, with their flags. */
function decoderEntries(config: Json): PipelineOptions["added"] {
  return Object.entries(asObject(config["added_tokens_decoder"])).flatMap(([id, token]) => {
    const content = contentOf(token);
    const flags = asObject(token);
    const flag = (name: string): boolean => flags[name] === true;
    if (content === undefined || !/^\d{1,15}$/u.test(id)) return [];
    return {
      id: Number(id),
      content,
      special: flag("special"),
      single_word: flag("single_word"),
      lstrip: flag("lstrip"),
      rstrip: flag("rstrip"),
      normalized: flag("normalized"),
    };
  });
}

/** `added_tokens.json` lists ids by token. */
function mapEntries(config: Json): PipelineOptions["added"] {
  return Object.entries(asObject(config["added_tokens"])).flatMap(([content, id]) =>
    Number.isSafeInteger(id) && (id as number) >= 0 ? { id: id as number, content } : [],
  );
}

/** One template, or a list of named ones. */
function chatTemplatesOf(given: unknown): Record<string, string> {
  if (typeof given === "string") return { default: given };
  const pairs = [given]
    .filter(Array.isArray)
    .flat()
    .map((entry) => {
      const { name, template } = asObject(entry);
      return [name, template];
    });
  const isText = (value: unknown): boolean => typeof value === "string";
  return Object.fromEntries(pairs.filter((pair) => pair.every(isText))) as Record<string, string>;
}
